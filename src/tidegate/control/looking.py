"""A look at the database, taken again and again by one loop. The watchers of keys, limits and everything else that the database defines are
made of it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

RETRY = 1.0
"""Seconds until the next look after one that failed."""


class Looking:
    """`look` is taken every `interval` seconds, and at once after a `poke`. `failed` is told what it raises; nothing but being cancelled
    ends the loop."""

    def __init__(self, look: Callable[[], Awaitable[object]], interval: float, failed: Callable[[Exception], None]) -> None:
        self._look = look
        self._interval = interval
        self._failed = failed
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Something was changed: look at once."""
        self._poked.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            self._poked.clear()
            wait = self._interval
            try:
                await self._look()
            except Exception as error:
                self._failed(error)
                wait = RETRY
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._poked.wait(), wait)
