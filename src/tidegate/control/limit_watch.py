"""Limits of the database go live: one loop reads them where something was changed, and keeps them for a start without the database. Run by
`app`.
"""

import asyncio
from collections.abc import Callable, Sequence

from tidegate.control.limit_rows import limits_of
from tidegate.control.looking import Looking
from tidegate.logs import Log
from tidegate.policy.charges import Rows
from tidegate.ports import StorageUnavailable
from tidegate.ports.limits import LimitRules
from tidegate.records import LimitRule

_LOG = Log("tidegate.limits")


class LimitWatcher:
    """`keep` stores the rows (raising `OSError`; called in a thread). `interval` is in seconds."""

    def __init__(self, source: LimitRules, rows: Rows, *, keep: Callable[[Sequence[tuple[str, LimitRule]]], None], interval: float) -> None:
        self._source = source
        self._rows = rows
        self._keep = keep
        self._reached = -1
        self._looking = Looking(self.step, interval, self._failed)

    def poke(self) -> None:
        """Something was changed: look at once."""
        self._looking.poke()

    async def run(self) -> None:
        """Until it is cancelled."""
        await self._looking.run()

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StorageUnavailable):
            _LOG.error("the limits of the database cannot be read; what is known stays", exc_info=error)

    async def step(self) -> bool:
        """One look. True if something was read. Raises `StorageUnavailable`."""
        found = await self._source.since(self._reached)
        if found is None:
            return False
        reached, kept_rows = found
        first, self._reached = self._reached < 0, reached
        limits = limits_of(kept_rows)
        if limits != self._rows.limits:
            self._rows.replace(limits)
            _LOG.info("limits of the database are live", count=len(limits), generation=reached)
        elif not first:
            return True
        try:
            await asyncio.to_thread(self._keep, kept_rows)
        except OSError as error:
            _LOG.error("the limits of the database cannot be kept for a start without it", error=str(error))
        return True
