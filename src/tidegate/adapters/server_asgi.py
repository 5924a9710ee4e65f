"""An ASGI application behind our own server: what `Hub` calls for a request. The control API is one."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol
from urllib.parse import unquote

from tidegate.ports import BrokenBody, Client, SlowBody

Message = MutableMapping[str, Any]
AsgiApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
_PLAIN = [(b"content-type", b"text/plain; charset=utf-8")]
_BROKEN = (400, _PLAIN, b"The body of the request is broken.")
_SLOW = (408, _PLAIN, b"The request did not arrive in time.")


class Asked(Client, Protocol):
    """A request that came over a connection. `is_broken`: what has come is not of HTTP, and no more of it is read."""

    is_broken: bool


def asgi(app: AsgiApp) -> Callable[[Asked], Awaitable[None]]:
    """What a client that leaves has asked for is done to its end, as under other servers: a change is made or not, never cut."""

    async def handle(client: Asked) -> None:
        if client.is_broken:
            client.whole(*_BROKEN)
            return
        exchange = _Exchange(client)
        running = asyncio.ensure_future(app(_scope(client), exchange.receive, exchange.send))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            exchange.gone.set()
            with contextlib.suppress(Exception):
                await running
            raise
        exchange.finish()

    return handle


def _scope(client: Client) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": client.method,
        "scheme": "http",
        "path": unquote(client.path.decode("latin-1")),
        "raw_path": client.path,
        "query_string": client.query,
        "root_path": "",
        "headers": client.headers,
        "client": (client.peer, 0),
        "server": None,
    }


class _Exchange:
    """ASGI's messages of one request. `gone` is set when the client has left."""

    def __init__(self, client: Client) -> None:
        self.gone = asyncio.Event()
        self._client = client
        # How long a body may be is the application's to say.
        self._pieces = client.pieces(sys.maxsize)
        self._has_all = False
        self._flaw: tuple[int, list[tuple[bytes, bytes]], bytes] | None = None
        self._head: tuple[int, list[tuple[bytes, bytes]]] = (500, [])
        self._is_begun = False

    async def receive(self) -> Message:
        """A part of the body, its end, or that the client is gone."""
        if not self._has_all:
            try:
                return {"type": "http.request", "body": await anext(self._pieces), "more_body": True}
            except StopAsyncIteration:
                self._has_all = True
                return {"type": "http.request", "body": b"", "more_body": False}
            except SlowBody:
                self._flaw = _SLOW
            except BrokenBody:
                self._flaw = _BROKEN
            return {"type": "http.disconnect"}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """A part of the answer, which is let go where the client is gone or never sent its request."""
        if message["type"] == "http.response.start":
            # The server says how long it is.
            headers = [(name, value) for name, value in message["headers"] if name != b"content-length"]
            self._head = message["status"], headers
            return
        if self.gone.is_set() or self._flaw is not None:
            return
        data, more = message.get("body", b""), message.get("more_body", False)
        if not self._is_begun and not more:
            self._client.whole(*self._head, data)
            return
        if not self._is_begun:
            self._is_begun = True
            self._client.begin(*self._head)
        if data and not self._client.piece(data):
            await self._client.drained()
        if not more:
            self._client.end()

    def finish(self) -> None:
        """The application has ended."""
        if self._flaw is not None:
            self._client.whole(*self._flaw)
