"""What is held in parts: the row of a file before its bytes have come, and how they are cut and put together."""

from collections.abc import AsyncGenerator

from tidegate.ports.kept import Kept, KeptStore
from tidegate.proxy.call import Call
from tidegate.proxy.file_shapes import UNFINISHED
from tidegate.records import Tenant

CHUNK = 1 << 20
"""Bytes of a part of a file that a client sent."""
_SWEPT = 3600.0
"""Seconds that a file may take to become whole."""


def unfinished(call: Call, id: str, body: bytes) -> Kept:
    """The row of a file of which the bytes are yet to come. One that does not come to its end is swept."""
    return Kept(
        org=call.key.org,
        id=id,
        key=call.key.id,
        kind="file",
        upstream="",
        at=call.at,
        expires=call.at + _SWEPT,
        body=body,
        state=UNFINISHED,
    )


async def put_chunks(store: KeptStore, row: Kept, data: AsyncGenerator[bytes], place: int = 0) -> int:
    """Stores bytes as the parts of a row, from a place on. The place behind them."""
    tenant, held = Tenant(row.org), bytearray()
    async for piece in data:
        held += piece
        while len(held) >= CHUNK:
            await store.put_part(tenant, row.id, place, bytes(held[:CHUNK]), replace=True)
            del held[:CHUNK]
            place += 1
    if held:
        await store.put_part(tenant, row.id, place, bytes(held), replace=True)
        place += 1
    return place


async def read(store: KeptStore, row: Kept) -> AsyncGenerator[bytes]:
    """The bytes of a file, part by part."""
    after = -1
    while found := await store.parts(Tenant(row.org), row.id, after=after, limit=4):
        for place, data in found:
            yield data
            after = place
