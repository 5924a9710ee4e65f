"""One HTTP/1.1 connection to a provider, as an asyncio protocol: a request out in one write, an answer in by httptools.

Written here because it is on the path of every call: a general client costs several times the rest of the gateway (docs/decisions/0006).
`http` opens and pools these; nothing else uses them.
"""

import asyncio
import math
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import cast

import httptools

from tidegate.ports import UpstreamFailure

ROOM = 32 << 10
"""Bytes that are read at once."""
BUFFER = 64 << 10
"""Bytes of an answer, with HTTP's framing, that wait for their reader before the socket is left alone."""
HEAD_LIMIT = 64 << 10
"""Bytes of an answer's headers."""
WRITE_STALL = 30.0
"""Seconds in which a provider must take some of a request."""
_NO_BODY = (204, 304)
_PING = re.compile(rb"(?:^|\n):|event: ?ping")
"""Comments of server-sent events, and Anthropic's event."""
_LONGEST_PING = 96
"""Bytes, with HTTP's framing: what is longer holds more than a ping."""


class Connection(asyncio.BufferedProtocol):
    """Carries one exchange at a time: `send`, `changed` until the head is there, then `piece` until it gives nothing. A failure is kept in
    `failure` and raised by whatever waits. `patience` is how long the provider may be silent, in seconds; `deadline` is when that ends, in
    loop time. Before the head is complete its pieces put nothing off: a head that drips is silence. Nothing puts off `until`, which is
    `within` seconds after the start. Once content `flows`, pings are silence too."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lost: Callable[["Connection"], None], room: memoryview | None = None) -> None:
        """`room` is what bytes are read into, of `ROOM` bytes; connections of one loop may share it."""
        self._loop = loop
        self._lost = lost
        self._room = memoryview(bytearray(ROOM)) if room is None else room
        self._transport: asyncio.Transport | None = None
        self._fields: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []
        # httptools calls these for each header, of which the last of a name holds, and for each part of the body.
        self.on_header = self._fields.__setitem__
        self.on_body = self._pieces.append
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._give: Callable[[bytes], bool] | None = None
        self._has_stopped = False
        self._buffered = 0
        self._paused = False
        self._framed = False
        self._keeps_alive = False
        self._is_congested = False
        self.is_sending = False
        self.is_head_complete = False
        self.is_complete = False
        self.is_closed = False
        self.is_busy = False
        self.exchanges = 0
        self.received = 0
        self.status = 0
        self.headers: dict[str, str] = {}
        self.failure: UpstreamFailure | None = None
        self.deadline = 0.0
        self.patience = 0.0
        self.until = math.inf
        self.within = math.inf
        self.flows = False
        self._unsent = 0
        self._stuck_since = 0.0
        self.idle_since = 0.0

    def send(self, head: bytes, body: bytes, patience: float) -> None:
        """Begins an exchange."""
        self.is_busy = True
        self.exchanges += 1
        self.received = 0
        self.flows = False
        self.is_head_complete = self.is_complete = self._framed = False
        self.patience = patience
        self.deadline = self._loop.time() + patience
        if self._transport is not None:
            self._transport.write(head + body)

    async def upload(self, piece: bytes) -> bool:
        """A part of a body that `send` has begun, once there is room for the next; False where the provider has answered already. Raises
        `UpstreamFailure`."""
        if self.failure is not None:
            raise self.failure
        if self._transport is not None:
            self._transport.write(piece)
        self.deadline = self._loop.time() + self.patience
        while self._is_congested and not self.is_head_complete:
            await self.changed()
        return not self.is_head_complete

    def changed(self) -> Awaitable[None]:
        """Until something has come, or there is room for more. Raises `UpstreamFailure`."""
        if self.failure is not None:
            raise self.failure
        self._waiter = self._loop.create_future()
        return self._waiter

    async def piece(self) -> bytes:
        """What has come of the body since the last piece; nothing at its end. Raises `UpstreamFailure`."""
        while not self._pieces:
            if self.is_complete:
                return b""
            await self.changed()
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._buffered = 0
        self._read_on()
        return data

    def whole(self) -> bytes | None:
        """The rest of the body, where all of it is there in one piece."""
        return self._pieces[0] if self.is_complete and len(self._pieces) == 1 else None

    async def pump(self, give: Callable[[bytes], bool]) -> bool:
        """Calls `give` with what has come, and from then on within `data_received`. True at the end of the body, False once `give` gave
        False. Raises `UpstreamFailure`, and what `give` raises."""
        if self._pieces and not give(await self.piece()):
            return False
        self._read_on()
        self._give, self._has_stopped = give, False
        try:
            while not (self.is_complete or self._has_stopped or self.failure is not None):
                await self.changed()
        finally:
            self._give = None
        if self._has_stopped or (self._pieces and not give(await self.piece())):
            return False
        if not self.is_complete and self.failure is not None:
            raise self.failure
        return True

    def _hand_on(self, give: Callable[[bytes], bool]) -> None:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        try:
            if not give(data):
                self._give, self._has_stopped = None, True
                self._rest()
                self._wake()
        except Exception as error:
            self._give = None
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(error)

    def _rest(self) -> None:
        """Leaves what comes in the socket, until somebody asks for it."""
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _read_on(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self.deadline = self._loop.time() + self.patience
            self._transport.resume_reading()

    def finish(self) -> bool:
        """The exchange is over. True if the connection may carry another; else it is closed at once."""
        self._pieces.clear()
        self._buffered = 0
        if self._paused and self._transport is not None and not self.is_closed:
            # A long answer that was taken whole has left the socket alone: the next one would never be read.
            self._paused = False
            self._transport.resume_reading()
        if self.is_complete and self.is_busy and self.failure is None and not self.is_closed and self._keeps_alive and not self.is_sending:
            self.is_busy = False
            self.idle_since = self._loop.time()
            return True
        self.is_busy = False
        self.abort()
        return False

    def abort(self) -> None:
        """Closes the connection without waiting for what is still to be sent or read."""
        if self._transport is not None and not self.is_closed:
            self._transport.abort()

    def fail(self, failure: UpstreamFailure) -> None:
        """Ends the exchange: whatever waits gets `failure`, and the connection is closed."""
        if self.failure is None and not self.is_complete:
            self.failure = failure
            self._wake()
        self.abort()

    def expire(self) -> None:
        """The provider was silent for too long."""
        seconds = f"{self.patience:g} s"
        if self.is_head_complete:
            self.fail(UpstreamFailure("body", f"nothing came for {seconds}", timeout=True))
        else:
            self.fail(UpstreamFailure("headers", f"no answer within {seconds}", timeout=True))

    def run_out(self) -> None:
        """The exchange has taken all the time that it has."""
        words = f"it has taken {self.within:.3g} s, which was all the time that there was"
        self.fail(UpstreamFailure("body" if self.is_head_complete else "headers", words, timeout=True))

    def is_stuck(self, now: float) -> bool:
        """Whether the provider has taken nothing of the request for too long."""
        if not self._is_congested or self._transport is None:
            return False
        unsent = self._transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent, self._stuck_since = unsent, now
        return now - self._stuck_since >= WRITE_STALL

    def get_stuck(self) -> None:
        """A provider that does not take the whole request has done nothing for it."""
        self.fail(UpstreamFailure("send", f"it took nothing of the request for {WRITE_STALL:g} s", timeout=True))

    @property
    def is_waiting(self) -> bool:
        """The provider has the word: its silence counts."""
        return self.is_busy and not self.is_complete and not self._paused

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self.failure is None or self._pieces:
            waiter.set_result(None)
        else:
            waiter.set_exception(self.failure)

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        self._is_congested = True
        self._unsent = -1

    def resume_writing(self) -> None:
        self._is_congested = False
        self._wake()

    def get_buffer(self, sizehint: int) -> memoryview:
        """uvloop would read a quarter of a MiB at once, and whoever reads slowly would have all of it waiting here."""
        del sizehint
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(self._room[:nbytes].tobytes())

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if not self.is_busy or self.is_complete:
            # Nobody asked: an answer that belongs to no request must not become the next one's.
            self.abort()
            return
        self.received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.fail(UpstreamFailure(self._phase, f"the answer is no HTTP: {error}"))
            return
        if not self.is_head_complete:
            if self.received > HEAD_LIMIT:
                self.fail(UpstreamFailure("headers", f"the answer's headers are longer than {HEAD_LIMIT} bytes"))
            return
        if not self.flows or len(data) > _LONGEST_PING or _PING.search(data) is None:
            self.deadline = self._loop.time() + self.patience
        if self._give is None:
            if self._pieces:  # whoever waits for the first would wait for ever for what is left in the socket
                self._buffered += len(data)
                if self._buffered > BUFFER:
                    self._rest()
            self._wake()
        else:
            if self._pieces:
                self._hand_on(self._give)
            if self.is_complete:
                self._wake()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        self._lost(self)
        if self.is_busy and not self.is_complete:
            if self.is_head_complete and not self._framed and exc is None:
                self.is_complete = True  # a body without a length ends with its connection
            elif self.failure is None:
                self.failure = UpstreamFailure(self._phase, _reason(exc))
        self._wake()
        # It holds the methods that it calls: without it, what is closed is free at once and waits for no collector.
        del self._parser

    @property
    def _phase(self) -> str:
        return "body" if self.is_head_complete else "headers"

    # httptools calls these

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        headers = self.headers = _headers(self._fields)
        self._fields.clear()
        if self.status < 200:
            return  # 100 Continue and 103 Early Hints announce the answer
        self._framed = "content-length" in headers or "transfer-encoding" in headers or self.status in _NO_BODY
        self._keeps_alive = self._parser.should_keep_alive() and self._framed
        self.is_head_complete = True

    def on_message_complete(self) -> None:
        self._fields.clear()  # of trailers
        self.is_complete = self.status >= 200


def _headers(fields: dict[bytes, bytes]) -> dict[str, str]:
    """Names in lower case. Decoded at once: the parser takes no value with a line break."""
    values = b"\n".join(fields.values()).decode("latin-1").split("\n")
    return dict(zip(_names(tuple(fields)), values, strict=False))


@lru_cache(256)
def _names(raw: tuple[bytes, ...]) -> tuple[str, ...]:
    """The names of headers in lower case. Those of one provider are mostly the same."""
    return tuple(name.decode("latin-1").lower() for name in raw)


def _reason(error: Exception | None) -> str:
    if error is None:
        return "the connection was closed before the end of the answer"
    return str(error)[:200] or type(error).__name__


async def joined(piece: Callable[[], Awaitable[bytes]], limit: int) -> bytes:
    """All pieces of a body. Raises `UpstreamFailure`, also where they are more than `limit` bytes."""
    pieces: list[bytes] = []
    size = 0
    while data := await piece():
        size += len(data)
        if size > limit:
            raise UpstreamFailure("body", f"the answer is longer than {limit} bytes")
        pieces.append(data)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
