"""What all connections of one server share: what answers a request, the calls that run, and the one timer that watches every deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from tidegate.adapters.server_request import Request
from tidegate.logs import Log

Handle = Callable[[Request], Awaitable[None]]
NEVER = float("inf")
_SWEEP = 5.0
"""Seconds between two looks at all connections, at most."""

_LOG = Log("tidegate.server")


class Times(msgspec.Struct, frozen=True):
    """How long a client may take, in seconds: for its head and its whole request (absolutely, `body` and `body_mib` for each MiB), between
    two requests, to take any byte of an answer, and to send the rest of a body that nobody wants. And when the server ends: for how long it
    goes on accepting after SIGTERM, open calls may then take, and may take after a second signal; and clients, for what they are told."""

    head: float = 10.0
    body: float = 60.0
    body_mib: float = 1.0
    keep_alive: float = 75.0
    stall: float = 30.0
    linger: float = 2.0
    pre_stop: float = 0.0
    drain: float = 960.0
    hurry: float = 5.0
    farewell: float = 5.0


class Watched(Protocol):
    """A connection, as its hub sees it."""

    due: float

    def expire(self, now: float) -> None: ...

    def retire(self) -> None: ...

    def abort(self) -> None: ...


class Hub:
    """Must be made inside the running loop that uses it."""

    def __init__(self, handle: Handle, times: Times) -> None:
        self.loop = asyncio.get_running_loop()
        self.times = times
        self.connections: set[Watched] = set()
        self.is_closing = False
        self._handle = handle
        self._calls: dict[Request, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._look_at = NEVER
        self.quiet = self.loop.create_future()
        """Done once the server closes, no call runs and no connection is open."""

    def call(self, request: Request, connection: Watched) -> None:
        """Starts the call of a request."""
        self._calls[request] = self.loop.create_task(self._run(request, connection))

    def drop(self, request: Request) -> None:
        """The client of a request has gone: its call is cancelled. One that has not begun never runs, and so cannot clean up by itself."""
        task = self._calls.get(request)
        if task is not None:
            task.cancel()
            if not request.is_started:
                del self._calls[request]

    async def _run(self, request: Request, connection: Watched) -> None:
        request.is_started = True
        try:
            await self._handle(request)
        except Exception:
            _LOG.exception("a request was not answered")
        finally:
            del self._calls[request]
            if not request.is_answered:
                connection.abort()
            self.changed()

    def changed(self) -> None:
        """A call or a connection has ended."""
        if self.is_closing and not self._calls and not self.connections and not self.quiet.done():
            self.quiet.set_result(None)

    def watch(self, due: float) -> None:
        """Makes sure that a look is taken at `due`."""
        if due < self._look_at:
            if self._timer is not None:
                self._timer.cancel()
            self._set(min(due, self.loop.time() + _SWEEP))

    def _set(self, when: float) -> None:
        self._look_at = when
        self._timer = self.loop.call_at(when, self._look)

    def _look(self) -> None:
        now = self.loop.time()
        following = now + _SWEEP
        # Set first: a connection that expires may ask for an earlier look.
        self._set(following)
        for connection in list(self.connections):
            if connection.due <= now:
                connection.expire(now)
            elif connection.due < following:
                following = connection.due
        self.watch(following)

    def retire(self) -> None:
        """Every call may end, and no connection takes another one."""
        self.is_closing = True
        for connection in list(self.connections):
            connection.retire()
        self.changed()

    async def break_off(self) -> None:
        """Cancels every call, and waits until they have told what they used and their clients have heard of it."""
        calls = dict(self._calls)
        for request in calls:
            self.drop(request)
        await asyncio.gather(*calls.values(), return_exceptions=True)
        await asyncio.wait((self.quiet,), timeout=self.times.farewell)

    def cut(self) -> None:
        """Closes every connection, which cancels its call."""
        for connection in list(self.connections):
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()
