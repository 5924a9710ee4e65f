"""Exchanges with providers that go on without their client, bounded in number and time."""

import asyncio
from typing import Any

MOST = 64
SECONDS = 60.0
RETAINED = 1 << 20
"""Bytes of a whole answer that are kept for one of them."""


class Drains:
    """Of one process. Must be used inside the running loop."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._tasks: set[asyncio.Task[Any]] = set()
        self.begun = 0
        self.refused = 0
        """Exchanges that were cancelled because there were too many."""

    def __len__(self) -> int:
        return len(self._tasks)

    def takes(self, task: asyncio.Task[Any]) -> bool:
        """Lets it go on for a while; False where there is no room."""
        if len(self._tasks) >= MOST:
            self.refused += 1
            return False
        self.begun += 1
        self._tasks.add(task)
        timer = asyncio.get_running_loop().call_later(self.seconds, task.cancel)

        def over(ended: asyncio.Task[Any]) -> None:
            timer.cancel()
            self._tasks.discard(ended)
            if not ended.cancelled():
                ended.exception()  # what is wrong with an answer that nobody waits for is in the ledger

        task.add_done_callback(over)
        return True

    async def aclose(self) -> None:
        """Cancels what still runs, and waits until it has told what it used."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
