"""One request on a client's connection and the answer to it: the port `Client` over HTTP/1.1.

The connection fills the request while it arrives, and starts its call as soon as the head is there. What the call answers is put on the
wire here; nothing waits but `body` and `drained`.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from http import HTTPStatus
from typing import Protocol

from tidegate.ports import BodyTooLong, BrokenBody, RawHeaders, SlowBody

BUFFER = 64 << 10
"""Bytes of a body that are taken in before the call has asked for it."""
_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus}
_LINE = b": ".join
_OK = _STATUS[200]
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_BODY = (204, 304)


class Wire(Protocol):
    """What a request needs of its connection."""

    is_congested: bool

    @property
    def peer(self) -> str: ...

    def write(self, data: bytes) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    async def drained(self) -> None: ...

    def answered(self, request: "Request") -> None: ...


class Request:
    """See `ports.Client`. `began` is when its first byte came, `minor` tells HTTP/1.1 from 1.0, `length` is what the head says, and
    `received` are the bytes of the body that have come. `is_whole` says that all of the request has arrived, `is_answered` that all of
    the answer was sent."""

    fields: Mapping[bytes, bytes]
    method = ""
    path = b""
    query = b""
    minor = True
    keep_alive = True
    expects = False
    length = 0
    received = 0
    is_started = False
    is_whole = False
    is_late = False
    is_broken = False
    is_begun = False
    is_answered = False
    _limit: int | None = None
    _given = 0
    _waiter: asyncio.Future[None] | None = None
    _head = b""
    _chunked = True

    def __init__(self, wire: Wire, began: float) -> None:
        self._wire = wire
        self.began = began
        self.headers: RawHeaders = []
        self._pieces: list[bytes] = []

    # The connection calls these while the request arrives.

    def take(self, data: bytes) -> None:
        """A part of the body. What comes after the answer, or above the limit, is let go."""
        self.received += len(data)
        limit = self._limit
        if self.is_answered:
            return
        if limit is None:
            self._pieces.append(data)
            if self.received - self._given > BUFFER:
                self._wire.pause()
            self.wake()
        elif self.received <= limit:
            self._pieces.append(data)
        else:
            self._pieces.clear()
            self.wake()

    def wake(self) -> None:
        """Something has changed that `body` waits for."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The call uses these.

    @property
    def peer(self) -> str:
        """The address at the other end of the connection."""
        return self._wire.peer

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises `BodyTooLong` above `limit` bytes, `SlowBody` and `BrokenBody`."""
        self._limit = limit
        if not self.is_whole and self.length <= limit and self.received <= limit:
            await self._arrive(limit)
        if self.length > limit or self.received > limit:
            raise BodyTooLong
        if not self.is_whole:
            raise BrokenBody if self.is_broken else SlowBody
        pieces = self._pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def pieces(self, limit: int) -> AsyncGenerator[bytes]:
        """The body as it comes. Raises as `body` does."""
        if self.expects and not self.is_whole and self.length <= limit:
            self._wire.write(_CONTINUE)
        while True:
            if self.length > limit or self.received > limit:
                raise BodyTooLong
            if self._pieces:
                data = b"".join(self._pieces)
                self._pieces.clear()
                self._given += len(data)
                yield data
            elif self.is_whole:
                return
            elif self.is_broken or self.is_late:
                raise BrokenBody if self.is_broken else SlowBody
            else:
                self._wire.resume()
                await self._woken()

    async def _woken(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def _arrive(self, limit: int) -> None:
        if self.expects:
            self._wire.write(_CONTINUE)
        self._wire.resume()
        while not (self.is_whole or self.is_late or self.is_broken) and self.received <= limit:
            await self._woken()

    def whole(self, status: int, headers: RawHeaders, body: bytes) -> None:
        """An answer in one piece."""
        head = self._begun(status, headers, b"" if status in _NO_BODY else b"content-length: %d" % len(body))
        self._wire.write(head if self.method == "HEAD" else head + body)
        self.is_answered = True
        self._wire.answered(self)

    def begin(self, status: int, headers: RawHeaders) -> None:
        """The head of an answer without a length: chunked, or ended with the connection for clients of HTTP/1.0."""
        self._chunked = self.minor and self.method != "HEAD"
        if not self.minor:
            self.keep_alive = False
        self._head = self._begun(status, headers, b"transfer-encoding: chunked" if self._chunked else b"")

    def piece(self, data: bytes) -> bool:
        """A part of the answer. False where the client reads too slowly."""
        if self.method != "HEAD":
            framed = b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
            if self._head:
                framed, self._head = self._head + framed, b""
            self._wire.write(framed)
        return not self._wire.is_congested

    async def drained(self) -> None:
        """Until the client has read enough."""
        await self._wire.drained()

    def end(self) -> None:
        """The answer is complete."""
        last = self._head + (b"0\r\n\r\n" if self._chunked else b"")
        if last:
            self._wire.write(last)
        self.is_answered = True
        self._wire.answered(self)

    def _begun(self, status: int, headers: RawHeaders, framing: bytes) -> bytes:
        if self.is_begun:
            raise RuntimeError("the answer has been started already")
        self.is_begun = True
        lines = [_OK if status == 200 else _STATUS.get(status) or b"HTTP/1.1 %d Unknown" % status]
        if framing:
            lines.append(framing)
        lines += map(_LINE, headers)
        if not self.keep_alive:
            lines.append(b"connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n"
