"""The `Upstream` port over HTTP/1.1: pooled connections to each origin.

No ambient proxies, no cookies, no redirects (a redirect would carry a credential elsewhere), nothing compressed is asked for.
One timer watches the silence of all connections, so that a call pays for none of its own.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import urlsplit

from tidegate.adapters.egress import Resolve, resolve
from tidegate.adapters.http_connection import ROOM, Connection, joined
from tidegate.adapters.http_dial import Dialer, Origin
from tidegate.adapters.http_inflated import inflated
from tidegate.adapters.http_upload import send_upload
from tidegate.policy.egress import Egress
from tidegate.policy.snapshot import Upstream as UpstreamConfig
from tidegate.ports import Unsent, Upload, UpstreamAnswer, UpstreamFailure

KEEP_ALIVE = 30.0
"""Seconds that an idle connection is kept: shorter than the load balancers in front of the providers (60 s and more) keep theirs."""
_SWEEP = 5.0
"""Seconds between two looks for idle connections."""
_STALE = 1.0
"""Seconds after sending in which a kept connection that dies was closed already; one that dies later may have cost an answer."""
_REMEMBERED = 1024
_Key = tuple[bool, str, str | None, str | None, Egress | None]
_Place = tuple[str, str | None, str | None, Egress | None]


class HttpUpstream:
    """Call `aclose` at the end. `resolver` is for hosts that are guarded. Must be made inside the running loop that uses it."""

    def __init__(self, resolver: Resolve = resolve) -> None:
        self._loop = asyncio.get_running_loop()
        self._dialer = Dialer(resolver)
        self._room = memoryview(bytearray(ROOM))
        self._idle: dict[_Key, list[Connection]] = {}
        self._open: dict[Connection, list[Connection]] = {}
        """Each with its pool: the idle ones of its origin."""
        self._places: dict[_Place, tuple[Origin, str]] = {}
        self._lines: dict[tuple[str, _Place, tuple[tuple[str, str], ...]], tuple[Origin, list[Connection], bytes]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def open(
        self,
        config: UpstreamConfig,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Upload,
        *,
        stream: bool,
        method: str = "POST",
        within: float = math.inf,
        may_repeat: Callable[[], bool] | None = None,
    ) -> UpstreamAnswer:
        """Sends a request and waits for the head of the answer. Raises `UpstreamFailure`."""
        origin, idle, head = self._line(config, method, url, headers)
        upload = None if isinstance(body, bytes) else body
        times = config.timeouts
        until = self._loop.time() + within
        while True:
            # An upload cannot be sent twice, as is needed where a kept connection turns out to be closed.
            connection = None if upload is not None else _pooled(idle)
            if connection is None:
                connection = Connection(self._loop, self._forget, self._room)
                try:
                    await self._dialer.dial(origin, connection, min(times.connect, within))
                except asyncio.CancelledError:
                    raise Unsent from None
                self._open[connection] = idle
            sent = self._loop.time()
            connection.until, connection.within = until, within
            if isinstance(body, bytes):
                connection.send(head % len(body), body, times.answer)
            self._watch(min(sent + times.answer, until))
            try:
                if upload is not None:
                    await send_upload(connection, head, upload, times.answer)
                while not connection.is_head_complete:
                    await connection.changed()
            except UpstreamFailure:
                # A kept connection that its peer had closed meanwhile: nothing was read, so the request is sent once more on a new one.
                fresh = connection.exchanges <= 1 or connection.received > 0 or self._loop.time() - sent > _STALE
                if fresh or not connection.is_closed or _timed_out(connection) or not (may_repeat is None or may_repeat()):
                    raise
                continue
            except BaseException:
                connection.abort()
                raise
            if stream:
                connection.patience = times.idle
                connection.deadline = self._loop.time() + times.idle
                self._watch(connection.deadline)
            answer = HttpAnswer(self, connection)
            return inflated(answer) if "content-encoding" in answer.headers else answer

    def _line(self, config: UpstreamConfig, method: str, url: str, headers: Mapping[str, str]) -> tuple[Origin, list[Connection], bytes]:
        """Where a request goes, what is idle there, and its head with a place for its length. Calls of one target mostly have the same
        headers."""
        place = (url, config.proxy, config.ca_file, config.egress)
        key = (method, place, tuple(headers.items()))
        known = self._lines.get(key)
        if known is None:
            if len(self._lines) >= _REMEMBERED:
                self._lines.clear()
            origin, target = self._place(place)
            head = _head(origin, f"{method} {target}", headers)
            known = self._lines[key] = (origin, self._idle.setdefault(origin.key, []), head)
        return known

    def _place(self, place: _Place) -> tuple[Origin, str]:
        known = self._places.get(place)
        if known is None:
            if len(self._places) >= _REMEMBERED:
                self._places.clear()
            origin, parts = Origin(*place), urlsplit(place[0])
            target = f"{origin.target_prefix}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")
            known = self._places[place] = (origin, target)
        return known

    def done(self, connection: Connection) -> None:
        """The exchange is over: the connection goes back to its pool, or is closed."""
        idle = self._open.get(connection)
        if connection.finish() and idle is not None:
            idle.append(connection)

    def _forget(self, connection: Connection) -> None:
        idle = self._open.pop(connection, None)
        if idle is not None and connection in idle:
            idle.remove(connection)

    def _watch(self, deadline: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_at(min(deadline, self._loop.time() + _SWEEP), self._look)
        elif self._timer.when() > deadline:
            self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        self._timer = None
        following = now + _SWEEP
        for connection in list(self._open):
            if connection.is_busy and connection.until <= now:
                connection.run_out()
            elif connection.is_waiting:
                if connection.deadline <= now:
                    connection.expire()
                elif connection.is_stuck(now):
                    connection.get_stuck()
                else:
                    following = min(following, connection.deadline, connection.until)
            elif not connection.is_busy and now - connection.idle_since > KEEP_ALIVE:
                connection.abort()
        if self._open:
            self._timer = self._loop.call_at(following, self._look)

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self._open):
            connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)


class HttpAnswer:
    """An answer whose head has arrived."""

    __slots__ = ("_connection", "_pool", "headers", "status")

    def __init__(self, pool: HttpUpstream, connection: Connection) -> None:
        self._pool = pool
        self._connection: Connection | None = connection
        self.status = connection.status
        self.headers: Mapping[str, str] = connection.headers

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `UpstreamFailure`, also where it is longer than `limit` bytes."""
        whole = self._connection.whole() if self._connection is not None else None
        if whole is not None and len(whole) <= limit:
            return whole
        return await joined(self.piece, limit)

    def piece(self) -> Coroutine[Any, Any, bytes]:
        """What has come of the body since the last piece; nothing at its end. Raises `UpstreamFailure`."""
        if self._connection is None:
            raise UpstreamFailure("body", "the answer was closed")
        return self._connection.piece()

    def pump(self, give: Callable[[bytes], bool]) -> Coroutine[Any, Any, bool]:
        """Hands on what is left of the body. As the port says."""
        if self._connection is None:
            raise UpstreamFailure("body", "the answer was closed")
        return self._connection.pump(give)

    def flows(self) -> None:
        """Content has begun: pings do not count as something that comes."""
        if self._connection is not None:
            self._connection.flows = True

    def close(self) -> None:
        """Gives the connection back where the body was read to its end, and closes it at once where it was not."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.done(connection)


def _pooled(idle: list[Connection]) -> Connection | None:
    while idle:
        connection = idle.pop()
        if not connection.is_closed:
            return connection
    return None


def _timed_out(connection: Connection) -> bool:
    return connection.failure is not None and connection.failure.timeout


def _head(origin: Origin, target: str, headers: Mapping[str, str]) -> bytes:
    """Bytes to be formatted with the length of the body. `target` begins with the method."""
    lines = [f"{target} HTTP/1.1\r\nhost: {origin.host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if origin.target_prefix and origin.proxy_authorization:
        lines.append(f"proxy-authorization: {origin.proxy_authorization}")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) or "\0" in text:
        raise UpstreamFailure("connect", "a header holds a line break")
    return text.encode("latin-1", "replace").replace(b"%", b"%%") + b"\r\ncontent-length: %d\r\n\r\n"
