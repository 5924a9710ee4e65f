"""One client's connection, as an asyncio protocol over httptools: requests come in one after the other, each becomes a call.

Written here because it is on the path of every call (docs/decisions/0011). `server_http` listens and makes these; `server_request` is one
request and its answer; `server_hub` is what all connections share. Every wait of a connection has its end in `due`, in loop time.
"""

import asyncio
import fcntl
import sys
import termios
from collections import deque
from typing import cast

import httptools

from tidegate.adapters.server_head import HEAD_LIMIT, flaw_of_head, flaw_of_scheme
from tidegate.adapters.server_hub import NEVER, Hub
from tidegate.adapters.server_request import Request
from tidegate.ports import RawHeaders

HIGH_WATER = 16 << 10
"""Bytes of an answer that may wait for their client, beside what the system keeps for it."""
EARLY = 64 << 10
"""Bytes of requests that may wait for the answer to one before them."""
_MIB = 1 << 20
# A number, because `in` takes bytes for a number first and makes an error of that, which costs more than the search (CPython 3.11).
_HASH = ord("#")
_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
# Both dialects' clients find `error.message` in this; which of them it is, nobody knows before the head is read.
_REFUSAL = b'{"type":"error","error":{"type":"%b","message":"%b"}}'
_NO_HTTP = b"These bytes are no HTTP/1.1 request. This port speaks plain HTTP: check the scheme and the port of the base URL."
_LONG_HEAD = b"The request's headers are too long."
_LATE_HEAD = b"The request's headers did not arrive in time."


def _without_offer(method: bytes, url: bytes, version: str, headers: RawHeaders) -> bytes:
    """The head of a request, as it may be read again."""
    lines = [b"%b: %b\r\n" % (name, value) for name, value in headers if name != b"upgrade"]
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, url, version.encode(), b"".join(lines))


class Protocol(asyncio.Protocol):
    """One client's connection. `_incoming` is the request that arrives, `_call` the one that is answered; requests that were sent before
    their turn wait in `_ready`."""

    def __init__(self, hub: Hub) -> None:
        self.due = NEVER
        self.is_congested = False
        self._hub = hub
        self._loop = hub.loop
        self._transport = cast("asyncio.Transport", None)
        self._is_lost = False
        self._is_deaf = False
        self._is_paused = False
        self._in_head = False
        self._in_body = False
        self._fed = 0
        self._head_bytes = 0
        self._early_bytes = 0
        self._url: list[bytes] = []
        self.on_url = self._url.append
        self._headers: RawHeaders = []
        self._incoming: Request | None = None
        self._call: Request | None = None
        self._ready: deque[Request] = deque()
        self._drain: asyncio.Future[None] | None = None
        self._unsent = 0
        self._flaw = b""
        self._offered = b""
        self._parser = httptools.HttpRequestParser(self)

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(HIGH_WATER)
        self._hub.connections.add(self)
        times = self._hub.times
        self._wait(self._loop.time() + (times.linger if self._hub.is_closing else times.keep_alive))

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        before = self._incoming
        received = 0 if before is None else before.received
        self._fed = len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._goes_on(data, error):
                if self._call is None and self._ready:
                    self._start()
                self._refuse(400, self._flaw or _NO_HTTP)
                return
        if self._call is None:
            if self._ready:
                self._start()
        elif self._ready or self._in_head:
            # Sent before its turn: what waits for it is bounded.
            self._early_bytes += len(data)
            if self._early_bytes > EARLY:
                self.pause()
        if before is not None and self._incoming is before and before.received == received:
            # A part of a head, or of a body what is none: the extension of a chunk, or trailers.
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_LIMIT:
                self._refuse(400, _LONG_HEAD)
                return
        self._set_due()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._hub.connections.discard(self)
        self._wake()
        if self._call is not None:
            self._hub.drop(self._call)
        self._hub.changed()
        # It holds the methods that it calls: without it, what is closed is free at once and waits for no collector.
        del self._parser

    def pause_writing(self) -> None:
        self.is_congested = True
        self._unsent = self._outstanding()
        self._wait(self._loop.time() + self._hub.times.stall)

    def resume_writing(self) -> None:
        self.is_congested = False
        self._wake()
        self._set_due()

    # httptools calls these

    def on_message_begin(self) -> None:
        request = self._incoming = Request(self, self._loop.time())
        self._headers = request.headers
        self._in_head = True
        self._head_bytes = 0
        self._url.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        request = self._incoming
        if request is None:
            return
        parser, url = self._parser, b"".join(self._url)
        fields = request.fields = dict(request.headers)
        version = parser.get_http_version()
        self._flaw = flaw_of_head(request.headers, fields, version)
        if self._head_bytes + self._fed > HEAD_LIMIT and len(url) + sum(len(a) + len(b) for a, b in request.headers) > HEAD_LIMIT:
            self._flaw = _LONG_HEAD
        if self._flaw:
            raise ValueError
        if b"upgrade" in fields and parser.should_upgrade():
            self._offered = _without_offer(parser.get_method(), url, version, request.headers)
            self._incoming = None
            return
        self._head_bytes = 0
        method = parser.get_method()
        request.method = _METHODS.get(method) or method.decode("latin-1")
        if not url.startswith(b"/") or _HASH in url:
            parsed = httptools.parse_url(url)
            self._flaw = flaw_of_scheme(parsed.schema)
            if self._flaw:
                raise ValueError
            url = (parsed.path or b"/") + (b"?" + parsed.query if parsed.query else b"")
        request.path, _, request.query = url.partition(b"?")
        request.minor = version != "1.0"
        request.keep_alive = request.minor and parser.should_keep_alive()
        if b"content-length" in fields:
            request.length = int(fields[b"content-length"])
        if b"expect" in fields:
            request.expects = fields[b"expect"].lower() == b"100-continue"
        self._in_head = False
        self._in_body = True
        self._headers = []  # for trailers, which nobody reads
        self._ready.append(request)

    def on_body(self, body: bytes) -> None:
        if self._incoming is not None:
            self._incoming.take(body)

    def on_message_complete(self) -> None:
        request, self._incoming = self._incoming, None
        self._in_body = False
        if request is not None:
            request.is_whole = True
            request.wake()
            if request.is_answered:
                self._next(request)

    # the request and its call use these

    @property
    def peer(self) -> str:
        """The address at the other end; empty where it is gone, or of a socket without addresses."""
        found = cast("tuple[object, ...] | str | None", self._transport.get_extra_info("peername"))
        return str(found[0]) if isinstance(found, tuple) else ""

    def write(self, data: bytes) -> None:
        """Sends `data`; nothing where the client has gone."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def pause(self) -> None:
        """Leaves what the client sends in the socket."""
        if not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Reads again."""
        if self._is_paused and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()

    async def drained(self) -> None:
        """Until less than the high-water mark waits to be sent."""
        while self.is_congested and not self._is_lost:
            self._drain = self._loop.create_future()
            try:
                await self._drain
            finally:
                self._drain = None

    def answered(self, request: Request) -> None:
        """The answer is complete. The rest of a body that nobody wants is read for a while: closing at once would reset the connection, and
        the client would lose the answer that says why."""
        if request.is_whole:
            self._next(request)
        else:
            self.resume()
            if self._is_deaf and self._transport.can_write_eof():
                self._transport.write_eof()
            self._set_due()

    # the hub calls these

    def expire(self, now: float) -> None:
        """`due` has come."""
        call = self._call
        if self.is_congested or self._transport.is_closing():
            unsent = self._outstanding()
            if unsent < self._unsent:
                self._unsent = unsent
                self._wait(now + self._hub.times.stall)
            else:
                self._transport.abort()
        elif self._in_head and call is None:
            self._refuse(408, _LATE_HEAD)
        elif call is None or call.is_answered:
            self._close()
        else:
            call.is_late = True
            call.keep_alive = False
            self.due = NEVER
            call.wake()

    def retire(self) -> None:
        """The server ends: an idle connection is closed, any other after its answer."""
        if self._call is None:
            self._close()
        else:
            self._call.keep_alive = False

    def abort(self) -> None:
        """Closes the connection at once."""
        self._transport.abort()

    def _goes_on(self, data: bytes, error: Exception) -> bool:
        """Whether the parser stopped only at offers of another protocol, which a server may ignore: Java's HTTP client offers h2c with each
        plain request. It would take the rest of `data` for that protocol's, and needs to hear of the request without its offer."""
        rest = memoryview(data)
        while self._offered and isinstance(error, httptools.HttpParserUpgrade):
            head, self._offered = self._offered, b""
            rest = rest[error.args[0] :]
            parser = self._parser = httptools.HttpRequestParser(self)
            try:
                parser.feed_data(head)
                parser.feed_data(rest)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade) as other:
                error = other
            else:
                return True
        return False

    def _start(self) -> None:
        request = self._call = self._ready.popleft()
        if self._hub.is_closing:
            request.keep_alive = False
        self._hub.call(request, self)

    def _next(self, request: Request) -> None:
        self._call = None
        if self._is_deaf and not self._hub.is_closing:
            self.resume()
            self._last_words()
            return
        if not request.keep_alive or self._hub.is_closing:
            self._close()
            return
        if self._ready:
            self._start()
        self._early_bytes = 0
        self.resume()
        self._set_due()

    def _close(self) -> None:
        """After what is still to be sent, for as long as the client goes on taking some of it."""
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._unsent = self._outstanding()
            self._wait(self._loop.time() + self._hub.times.stall)

    def _set_due(self) -> None:
        if self.is_congested:
            return  # before anything else the client must take some of what it got
        call, times = self._call, self._hub.times
        if call is None:
            incoming = self._incoming
            self._wait(self._loop.time() + times.keep_alive if incoming is None else incoming.began + times.head)
        elif call.is_whole:
            self.due = NEVER
        elif call.is_answered:
            self._wait(self._loop.time() + times.linger)
        else:
            self._wait(call.began + times.body + times.body_mib * max(call.length, call.received) / _MIB)

    def _wait(self, due: float) -> None:
        self.due = due
        self._hub.watch(due)

    def _wake(self) -> None:
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    def _refuse(self, status: int, message: bytes) -> None:
        """What came is no request: the connection ends, after the answer that is under way where there is one. Ours is said before the
        end: a connection that is closed while its client sends is reset, and the client loses the answer that says why."""
        self._is_deaf = True
        self._in_head = False
        if self._call is not None:
            self._call.keep_alive = False
            self._call.is_broken = True
            self._call.wake()
            return
        refused = Request(self, 0.0)
        refused.keep_alive = False
        kind = b"timeout_error" if status == 408 else b"invalid_request_error"
        refused.whole(status, [(b"content-type", b"application/json")], _REFUSAL % (kind, message))
        self._last_words()

    def _last_words(self) -> None:
        """Nothing more is said, and what still comes is read for a while."""
        if not self._transport.is_closing() and self._transport.can_write_eof():
            self._transport.write_eof()
        self._wait(self._loop.time() + self._hub.times.linger)

    def _outstanding(self) -> int:
        """Bytes that the client has not taken yet: in our buffer, and in the system's where it tells."""
        size = self._transport.get_write_buffer_size()
        sock = self._transport.get_extra_info("socket")
        try:
            return size + int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"), sys.byteorder)
        except (OSError, ValueError):
            return size
