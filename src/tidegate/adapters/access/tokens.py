"""The `AccessTokens` port: keeps tokens until shortly before they expire, and has them exchanged once however many calls wait.

What an exchange is belongs to the identity provider's own file: a function that may block, and so runs in a thread.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping

import msgspec

from tidegate.ports import AccessFailure, Clock
from tidegate.providers.spec import AuthKind

_LEAST = 300.0
"""Seconds that a token must still be good for: longer than most answers take. Google's metadata server keeps tokens to their last five
minutes as well."""
_RETRY = 5.0
"""Seconds for which a refused exchange is not tried again: a burst of calls must not become one of exchanges."""
_MOST = 1024


class Access(msgspec.Struct, frozen=True):
    """`lifetime` is in seconds."""

    token: str
    lifetime: float


Exchange = Callable[[str | None], Access]
"""The credential (None: the machine's own identity) for a token. Raises `AccessFailure`. May block."""


class _Kept(msgspec.Struct):
    token: str
    until: float


class StoredTokens:
    """One store of a process. `exchanges` are the identity providers by the kind of authentication."""

    def __init__(self, exchanges: Mapping[AuthKind, Exchange], clock: Clock) -> None:
        self._exchanges = exchanges
        self._clock = clock
        self._kept: dict[tuple[AuthKind, bytes], _Kept] = {}
        self._refused: dict[tuple[AuthKind, bytes], tuple[float, AccessFailure]] = {}
        self._running: dict[tuple[AuthKind, bytes], asyncio.Task[str]] = {}

    async def token(self, kind: AuthKind, credential: str | None) -> str:
        """See `ports.AccessTokens`."""
        key = (kind, hashlib.sha256((credential or "").encode()).digest())
        now = self._clock.monotonic()
        kept = self._kept.get(key)
        if kept is not None and kept.until > now:
            return kept.token
        refused = self._refused.get(key)
        if refused is not None and refused[0] > now:
            raise AccessFailure(str(refused[1]), permanent=refused[1].permanent)
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = asyncio.create_task(self._exchange(key, credential))
            running.add_done_callback(lambda _done: self._running.pop(key, None))
        # A caller that leaves must not end the exchange that others wait for.
        return await asyncio.shield(running)

    async def _exchange(self, key: tuple[AuthKind, bytes], credential: str | None) -> str:
        try:
            access = await asyncio.to_thread(self._exchanges[key[0]], credential)
        except AccessFailure as failure:
            self._bound(self._refused)
            self._refused[key] = (self._clock.monotonic() + _RETRY, failure)
            raise
        self._bound(self._kept)
        self._kept[key] = _Kept(access.token, self._clock.monotonic() + max(access.lifetime - _LEAST, access.lifetime / 2))
        self._refused.pop(key, None)
        return access.token

    @staticmethod
    def _bound(table: dict[tuple[AuthKind, bytes], _Kept] | dict[tuple[AuthKind, bytes], tuple[float, AccessFailure]]) -> None:
        """Callers may bring credentials of their own: the oldest entry makes room."""
        if len(table) >= _MOST:
            table.pop(next(iter(table)))
