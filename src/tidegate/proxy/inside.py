"""Calls that the gateway makes for somebody whose connection is gone: lines of batches, responses in the background. They take the way of
every call, with its limits, fallbacks and ledger; only who calls is known already."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

import msgspec

from tidegate.dialects.table import SPOKEN
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.policy.overload.queue import Priority
from tidegate.policy.snapshot import Key
from tidegate.ports import RawHeaders
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.failure import BrokenOff
from tidegate.proxy.paths import Surface
from tidegate.proxy.reply import Reply

PATIENCE = 60.0
"""Seconds for which a call waits for its turn whose answer nobody waits for."""


class Told(msgspec.Struct):
    """The answer to a call of our own, and the id that its line in the ledger has."""

    status: int
    body: bytes
    request_id: str
    retry_after: float | None = None


class NobodysClient:
    """The port `Client` for an answer that nobody waits for: it is held here."""

    method, path, query, peer = "POST", b"", b"", ""

    def __init__(self) -> None:
        self.headers: RawHeaders = []
        self.fields: Mapping[bytes, bytes] = {}
        self.status = 0
        self.told = bytearray()
        self.given: RawHeaders = []

    @property
    def is_begun(self) -> bool:
        return self.status != 0

    async def body(self, limit: int) -> bytes:
        del limit
        return b""

    async def pieces(self, limit: int) -> AsyncGenerator[bytes]:
        yield await self.body(limit)

    def whole(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self.begin(status, headers)
        self.piece(body)

    def begin(self, status: int, headers: RawHeaders) -> None:
        self.status, self.given = status, headers

    def piece(self, data: bytes) -> bool:
        self.told += data
        return True

    async def drained(self) -> None:
        await asyncio.sleep(0)

    def end(self) -> None:
        return


def our_call(
    app: App,
    key: Key,
    surface: Surface,
    body: bytes,
    headers: Mapping[bytes, bytes] | None = None,
    priority: Priority = Priority.INTERACTIVE,
) -> Call:
    """A call of `key` as if it had come in now. Where nobody waits for its answer it has patience."""
    return Call(
        id=app.random.request_id(),
        started=app.clock.monotonic(),
        at=app.clock.now(),
        planner=app.live.current,
        dialect=SPOKEN[surface.dialect],
        headers=headers or {},
        path=surface.path,
        query=b"",
        surface=surface.name,
        body=body,
        key=key,
        priority=priority,
        patience=None if priority is Priority.INTERACTIVE else PATIENCE,
    )


async def ask(app: App, call: Call, surface: Surface, client: NobodysClient | None = None) -> Told:
    """The answer, whatever it is: an error is told in the dialect of the surface. What is streamed is told to `client`."""
    client = client or NobodysClient()
    reply = Reply(client, [])
    try:
        await surface.handle(app, call, reply)
    except GatewayError as refused:
        app.metrics.refused(call.surface, refused.error.http_status)
        return _refused(call, refused.error)
    except BrokenOff:
        return _refused(call, Error(kind=ErrorKind.UPSTREAM, message="The provider broke off.", code="upstream_broken"))
    after = next((value for name, value in client.given if name == b"retry-after"), b"")
    return Told(client.status, bytes(client.told), call.request_id, float(after) if after.isdigit() else None)


def _refused(call: Call, error: Error) -> Told:
    return Told(error.http_status, call.dialect.encode_error(error, call.request_id), call.request_id, error.retry_after)
