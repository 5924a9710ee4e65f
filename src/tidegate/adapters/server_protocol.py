"""uvicorn's HTTP/1.1 protocol with what the data port needs: a call learns at once that its client has gone, and an answer's head leaves
together with the first bytes of its body, in one write.

Watching `receive()` in a task of its own would cost several microseconds a call, and so does checking every header with two patterns: the
values that reach `send` are printable already (`proxy.headers`).
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

_NO_BODY = (204, 304)
HEAD_LIMIT = 64 << 10
"""Bytes of a request's line and headers that may wait for their end. Whoever sends them has shown no key yet."""
LINGER = 2.0
"""Seconds in which the rest of a body that nobody wants is read: closing at once would reset the connection, and the client would lose
the answer that says why."""


_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


def _without_upgrade(data: bytes) -> bytes:
    """Java's HTTP client offers h2c with every plain request. A server may ignore the offer; the parser would take what follows the head
    for another protocol, and lose the body."""
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"\r\nx-offered-upgrade:", head) + end + rest


class ClientConnection:
    """One client's connection, in `scope["state"]["connection"]`."""

    __slots__ = ("on_lost",)

    def __init__(self) -> None:
        self.on_lost: Callable[[], object] | None = None


class Cycle(RequestResponseCycle):
    """One request and its answer. Where the head says no length, the body is chunked."""

    _head: Mapping[str, Any] | None = None

    async def send(self, message: Any) -> None:
        """ASGI's `send`. What is sent after the client has gone is dropped."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            if self.response_started:
                raise RuntimeError("the answer has been started already")
            self.response_started = True
            self.waiting_for_100_continue = False
            self._head = message
            return
        if not self.response_started or self.response_complete:
            raise RuntimeError("a body needs a head before it, and nothing follows its end")
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        data: bytes = b""
        if self._head is not None:
            data, self._head = self._begin(self._head), None
        if self.scope["method"] != "HEAD":
            data += self._framed(body, more=more)
        if data:
            self.transport.write(data)
        if not more:
            self._complete()

    def _begin(self, message: Mapping[str, Any]) -> bytes:
        status: int = message["status"]
        lines = [STATUS_LINE[status]]
        chunked = status not in _NO_BODY
        for name, value in message.get("headers", ()):
            if name == b"content-length":
                chunked = False
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive = False
                continue
            lines += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if chunked and self.scope["method"] != "HEAD":
            lines.append(b"transfer-encoding: chunked\r\n")
        self.chunked_encoding = chunked
        lines.append(b"\r\n")
        return b"".join(lines)

    def _framed(self, body: bytes, *, more: bool) -> bytes:
        if not self.chunked_encoding:
            return body
        if not body:
            return b"" if more else b"0\r\n\r\n"
        return b"%x\r\n%b\r\n%b" % (len(body), body, b"" if more else b"0\r\n\r\n")

    def _complete(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            if self.more_body:
                asyncio.get_running_loop().call_later(LINGER, self.transport.close)
            else:
                self.transport.close()
        self.on_response()


class Protocol(HttpToolsProtocol):
    """One client's connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] uvicorn's own
        super().connection_made(transport)
        self._connection = ClientConnection()
        self.app_state = {"connection": self._connection}
        self._in_head = False
        self._in_body = False
        self._head_bytes = 0
        self._close_at(self.loop.time() + self.timeout_keep_alive)

    def _close_at(self, due: float) -> None:
        """Closes the connection then, unless more comes before; uvicorn does so only after an answer."""
        self._due = due
        self.timeout_keep_alive_task = self.loop.call_at(due, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        began = self._in_head
        if b"pgrade:" in data and not self._in_body:
            data = _without_upgrade(data)
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._close_at(self._due if began else self.loop.time() + self.timeout_keep_alive)
        if began and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT:
                self._in_head = False
                self.send_400_response("The request's headers are too long.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        gone = self._connection.on_lost
        if gone is not None:
            gone()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_body = False
        if self.cycle.response_complete and not self.cycle.keep_alive:
            self.transport.close()

    def on_headers_complete(self) -> None:
        """As uvicorn's, without WebSockets and its limit of connections, and with our cycle."""
        self._in_head = False
        self._in_body = True
        parser: httptools.HttpRequestParser = self.parser  # pyright: ignore[reportAssignmentType] it is None after the connection only
        version = parser.get_http_version()
        scope = cast("dict[str, Any]", self.scope)
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["http_version"] = version
        scope["method"] = parser.get_method().decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = url.path
        scope["query_string"] = url.query or b""
        before = self.cycle
        self.cycle = Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        app: ASGI3Application = cast("Any", self.app)
        if before is None or before.response_complete:  # pyright: ignore[reportUnnecessaryComparison] None before the first request
            self._start_asgi_task(self.cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))
