"""A look at the database, taken again and again by one loop. The watchers of keys, limits and everything else that the database defines are
made of it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

RETRY = 1.0
"""Seconds until the next look after one that failed."""
SPACE = 0.05
"""Seconds between two looks that somebody waits for, at least: however many ask, the database is not asked more often."""


class Looking:
    """`look` is taken every `interval` seconds, and at once after a `poke`. `failed` is told what it raises; nothing but being cancelled
    ends the loop."""

    def __init__(self, look: Callable[[], Awaitable[object]], interval: float, failed: Callable[[Exception], None]) -> None:
        self._look = look
        self._interval = interval
        self._failed = failed
        self._poked = asyncio.Event()
        self._asked: asyncio.Future[bool] | None = None

    def poke(self) -> None:
        """Something was changed: look at once."""
        self._poked.set()

    async def fresh(self) -> bool:
        """Whether a look that begins after this was called succeeds. All that ask before it begins are told by the same one."""
        if self._asked is None:
            self._asked = asyncio.get_running_loop().create_future()
            self.poke()
        return await asyncio.shield(self._asked)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            self._poked.clear()
            asked, self._asked = self._asked, None
            wait, has_seen = self._interval, True
            try:
                await self._look()
            except Exception as error:
                self._failed(error)
                wait, has_seen = RETRY, False
            if asked is not None:
                asked.set_result(has_seen)
                await asyncio.sleep(SPACE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._poked.wait()
