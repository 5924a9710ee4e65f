"""The bytes of what is held in parts: how they are cut and put together."""

from collections.abc import AsyncGenerator

from tidegate.ports.kept import Kept, KeptStore
from tidegate.records import Tenant

CHUNK = 1 << 20
"""Bytes of a part of a file that a client sent."""


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
