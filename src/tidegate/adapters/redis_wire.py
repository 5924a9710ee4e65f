"""One connection to a Redis that all calls of a process use at once: what they send in one turn of the loop goes out in one write, and the
answers come in the order of the commands. No lock, no pool and no timer for each call: one watch looks at whatever is late.

A connection that is lost, or whose oldest answer is long overdue, fails everything that waits on it; the next command makes a new one.
"""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from redis.asyncio.connection import SSLConnection, parse_url

TICK = 0.01
"""Seconds between two looks for what is late, while something waits."""
OVERDUE = 1.0
"""Seconds without any answer after which a connection is given up."""
_MOST = 1 << 24
"""Bytes of one answer."""


class WireError(Exception):
    """The server refused a command; or it cannot be reached (an `OSError` says so instead)."""

    @property
    def is_unknown_script(self) -> bool:
        return str(self).startswith("NOSCRIPT")


class Place(msgspec.Struct, frozen=True):
    """Where a Redis is and who we are there. `path` is that of a socket, empty for TCP."""

    host: str
    port: int
    path: str
    db: int
    username: str
    password: str
    context: ssl.SSLContext | None


def place_of(url: str) -> Place:
    """Raises `ValueError` for an address that is none."""
    found: Any = dict(parse_url(url))
    secure = found.pop("connection_class", None) is SSLConnection
    known = {name: found.pop(name, None) for name in ("host", "port", "path", "db", "username", "password", "ssl_ca_certs")}
    if found:
        raise ValueError(f"`{sorted(found)[0]}` is not known here; `db` and `ssl_ca_certs` are")
    try:
        context = ssl.create_default_context(cafile=known["ssl_ca_certs"]) if secure else None
    except OSError as error:
        raise ValueError(f"`ssl_ca_certs` cannot be used: {error}") from error
    return Place(
        host=known["host"] or "localhost",
        port=known["port"] or 6379,
        path=known["path"] or "",
        db=known["db"] or 0,
        username=known["username"] or "",
        password=known["password"] or "",
        context=context,
    )


def encoded(*arguments: str | int) -> bytes:
    """A command, or the arguments that end one whose beginning is known (`counted`)."""
    return counted(len(arguments)) + arguments_of(*arguments)


def counted(count: int) -> bytes:
    """The beginning of a command of so many arguments."""
    return b"*%d\r\n" % count


def arguments_of(*arguments: str | int) -> bytes:
    texts = [str(argument).encode() for argument in arguments]
    return b"".join([b"$%d\r\n%b\r\n" % (len(text), text) for text in texts])


class _Waiting(msgspec.Struct, gc=False):
    """Who waits for so many answers, until when (by the loop's clock)."""

    future: asyncio.Future[list[Any]]
    count: int
    until: float
    sent: float
    answers: list[Any]


class Wire:
    """Must be used inside one loop. Raises `ValueError` for an address that is none."""

    def __init__(self, url: str) -> None:
        self._place = place_of(url)
        self._connecting: asyncio.Task[_Connection] | None = None
        self._connection: _Connection | None = None
        self._closed = False

    async def send(self, commands: Sequence[bytes], seconds: float) -> list[Any]:
        """The answers to the commands, which go together; a `WireError` stands in place of what was refused. Raises `OSError`, and
        `TimeoutError` where they take longer."""
        connection = self._connection
        if connection is None or connection.is_lost:
            connection = await asyncio.wait_for(self._connected(), seconds)
        return await connection.send(commands, seconds)

    async def aclose(self) -> None:
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._connecting
        if self._connection is not None:
            self._connection.close()

    async def _connected(self) -> "_Connection":
        """All that ask meanwhile share one try, which goes on where one of them gives up."""
        if self._closed:
            raise ConnectionError("closed")
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(_is_known)
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> "_Connection":
        place, loop = self._place, asyncio.get_running_loop()
        async with asyncio.timeout(OVERDUE):
            if place.path:
                _, made = await loop.create_unix_connection(_Connection, place.path)
            else:
                _, made = await loop.create_connection(_Connection, place.host, place.port, ssl=place.context)
        first: list[bytes] = []
        if place.password:
            first.append(encoded("AUTH", *([place.username] if place.username else []), place.password))
        if place.db:
            first.append(encoded("SELECT", place.db))
        try:
            for answer in await made.send(first, OVERDUE) if first else ():
                if isinstance(answer, WireError):
                    raise ConnectionError(str(answer))
        except BaseException:
            made.close()
            raise
        self._connection = made
        return made


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[_Waiting] = deque()
        self._out: list[bytes] = []
        self._in = b""
        self._watch: asyncio.TimerHandle | None = None
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio.
        self._transport = cast("asyncio.Transport", transport)

    async def send(self, commands: Sequence[bytes], seconds: float) -> list[Any]:
        if self.is_lost:
            raise ConnectionError("the connection is lost")
        now = self._loop.time()
        waiting = _Waiting(self._loop.create_future(), len(commands), now + seconds, now, [])
        self._waiting.append(waiting)
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out += commands
        if self._watch is None:
            self._watch = self._loop.call_later(TICK, self._look)
        return await waiting.future

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self.is_lost:
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def data_received(self, data: bytes) -> None:
        data = self._in + data if self._in else data
        at = 0
        try:
            while self._waiting:
                found = parsed(data, at)
                if found is None:
                    break
                answer, at = found
                first = self._waiting[0]
                first.answers.append(answer)
                if len(first.answers) == first.count:
                    self._waiting.popleft()
                    if not first.future.done():
                        first.future.set_result(first.answers)
        except ValueError:
            self.close()
            return
        self._in = data[at:]
        if len(self._in) > _MOST:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail()

    def close(self) -> None:
        """Whoever waits is told so."""
        if self._transport is not None:
            self._transport.abort()
        self._fail()

    def _fail(self) -> None:
        self.is_lost = True
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        while self._waiting:
            future = self._waiting.popleft().future
            if not future.done():
                future.set_exception(ConnectionError("the connection is lost"))

    def _look(self) -> None:
        self._watch = None
        now = self._loop.time()
        for waiting in self._waiting:
            if waiting.until <= now and not waiting.future.done():
                waiting.future.set_exception(TimeoutError())
        if self._waiting:
            first = self._waiting[0]
            if now - first.sent > max(OVERDUE, first.until - first.sent):
                self.close()
                return
            self._watch = self._loop.call_later(TICK, self._look)


def _is_known(task: "asyncio.Task[_Connection]") -> None:
    """A try that failed after all who waited for it had given up is no news to the loop."""
    if not task.cancelled():
        task.exception()


def parsed(data: bytes, at: int) -> tuple[Any, int] | None:
    """(the answer that begins at `at`, where the next one does); None where it is not all there. Raises `ValueError` for what is none."""
    end = data.find(b"\r\n", at)
    if end < 0:
        return None
    kind, text, after = data[at : at + 1], data[at + 1 : end], end + 2
    match kind:
        case b":":
            return int(text), after
        case b"+":
            return text.decode(), after
        case b"-":
            return WireError(text.decode("utf-8", "replace")), after
        case b"$":
            length = int(text)
            if length < 0:
                return "", after
            return (
                (data[after : after + length].decode("utf-8", "replace"), after + length + 2) if len(data) >= after + length + 2 else None
            )
        case b"*":
            return _array(data, after, int(text))
        case _:
            raise ValueError("this is no Redis")


def _array(data: bytes, at: int, count: int) -> tuple[list[Any], int] | None:
    lines = data[at:].split(b"\r\n", count)
    if len(lines) <= count:
        return None
    if all(line[:1] == b":" for line in lines[:count]):
        return [int(line[1:]) for line in lines[:count]], len(data) - len(lines[count])
    found: list[Any] = []
    for _ in range(count):
        one = parsed(data, at)
        if one is None:
            return None
        found.append(one[0])
        at = one[1]
    return found, at
