"""What the database defines besides keys goes live: one loop reads it where something was changed, hands it over to be compiled, and keeps
it for a start without the database. Run by `app`.
"""

import asyncio
from collections.abc import Awaitable, Callable

from tidegate.control.compile import NOTHING_KEPT
from tidegate.control.looking import Looking
from tidegate.logs import Log
from tidegate.ports import StorageUnavailable
from tidegate.ports.control import KeptSource
from tidegate.records import Kept, Tenant

TOUCH = 60.0
"""Seconds between two notes of which credentials were used."""
REFRESH = 3600.0
"""Seconds after which what is kept for a start without the database is written again: it is never old while the database is there."""

_LOG = Log("tidegate")


class KeptWatcher:
    """`take` makes it live, `keep` stores it (raising `OSError`; called in a thread), `used` tells which credentials were used since it was
    asked last, by (organisation, id) in microseconds. `interval` is in seconds, `now` gives seconds."""

    def __init__(
        self,
        source: KeptSource,
        take: Callable[[Kept], Awaitable[None]],
        *,
        keep: Callable[[int, Kept], None],
        used: Callable[[], dict[tuple[str, str], int]],
        interval: float,
        now: Callable[[], float],
    ) -> None:
        self._source = source
        self._take = take
        self._keep = keep
        self._used = used
        self._now = now
        self._looking = Looking(self.step, interval, self._failed)
        self._reached = -1
        self._kept: Kept = NOTHING_KEPT
        self._stored = 0.0
        self._touched = now()

    def poke(self) -> None:
        """Something was changed: look at once."""
        self._looking.poke()

    async def run(self) -> None:
        """Until it is cancelled."""
        await self._looking.run()

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StorageUnavailable):
            _LOG.error("what the database defines cannot be read; what is known stays", exc_info=error)

    async def step(self) -> bool:
        """One look. True if what it read is live now. Raises `StorageUnavailable`."""
        found = await self._source.since(self._reached)
        first = self._reached < 0
        changed = found is not None and (first or found[1] != self._kept)
        if found is not None:
            if changed:
                await self._take(found[1])
                self._kept = found[1]
            self._reached = found[0]
        if changed or self._now() - self._stored > REFRESH:
            await self._store()
        if self._now() - self._touched > TOUCH:
            await self._touch()
        return changed

    async def _store(self) -> None:
        self._stored = self._now()
        try:
            await asyncio.to_thread(self._keep, self._reached, self._kept)
        except OSError as error:
            _LOG.error("what the database defines cannot be kept for a start without it", error=str(error))

    async def _touch(self) -> None:
        self._touched = self._now()
        by_org: dict[str, dict[str, int]] = {}
        for (org, id), at in self._used().items():
            by_org.setdefault(org, {})[id] = at
        for org, used in by_org.items():
            await self._source.touch(Tenant(org), used)
