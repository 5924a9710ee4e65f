"""Whether this machine's clock is right, by the database's, which all gateways share. What is measured in seconds here goes by a clock that
nobody sets; the time of day is for windows of the calendar, signatures and what people read, and a wrong one is told.
"""

from collections.abc import Awaitable, Callable

from tidegate.control.looking import Looking
from tidegate.logs import Log
from tidegate.ports import Clock

INTERVAL = 4.0
"""Seconds between two looks: a wrong clock is told within ten."""
ALARM = 2.0
"""Seconds from which a clock is wrong."""

_LOG = Log("tidegate.clock")


class ClockWatcher:
    """`theirs` gives the database's time, and `told` takes by how many seconds ours is ahead of it; what the answer's way may account for
    is not counted."""

    def __init__(
        self, theirs: Callable[[], Awaitable[float]], clock: Clock, told: Callable[[float], None], interval: float = INTERVAL
    ) -> None:
        self._theirs = theirs
        self._clock = clock
        self._told = told
        self._looking = Looking(self.step, interval, self._failed)
        self._is_wrong = False

    async def run(self) -> None:
        """Until it is cancelled."""
        await self._looking.run()

    async def step(self) -> None:
        """One look. Raises what the database raises."""
        sent, before = self._clock.now(), self._clock.monotonic()
        there = await self._theirs()
        way = (self._clock.monotonic() - before) / 2
        ahead = sent + way - there
        offset = max(0.0, abs(ahead) - way) * (1 if ahead > 0 else -1)
        self._told(offset)
        is_wrong = abs(offset) > ALARM
        if is_wrong and not self._is_wrong:
            _LOG.error(
                "this machine's clock is not that of the database: set both by the same time servers", seconds_ahead=round(offset, 1)
            )
        elif self._is_wrong and not is_wrong:
            _LOG.warning("this machine's clock is that of the database again")
        self._is_wrong = is_wrong

    def _failed(self, error: Exception) -> None:
        """A database that is away is told by others, and says nothing about the clock."""
