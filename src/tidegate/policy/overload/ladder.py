"""How hard pressed the gateway is, and who may come in: the event loop's lag and the memory make a pressure, the pressure a rung.

From half of it on batches wait, from three quarters what runs in the background, and at 1 calls come in no faster than a rate that is found
by trying: it falls while the pressure lasts and grows once it is gone. Pure: `Ladder` is told what was measured, 20 times a second.
"""

import math

from tidegate.policy.overload.queue import LEAST, Priority

LAG = 0.1
"""Seconds by which the loop is late, over a second, that are a pressure of 1."""
_MOST_LAG = 0.25
"""Of one look: a single pause, however long, is not yet overload."""
OVER = 1.0
"""Seconds over which the lag is averaged."""
BATCH_WAITS, BACKGROUND_WAITS, RATED, NOBODY = 0.5, 0.75, 1.0, 1.25
"""Pressures from which on the rungs hold."""
_MEMORY_FROM, _MEMORY_TO = 0.70, 0.90
"""Shares of the memory that are a pressure of 0 and of 1."""
_STEP = 0.2
"""Seconds between two changes of the rate."""
_SLOWER, _FASTER = 0.85, 1.05
LEAST_RATE = 5.0
"""Calls per second that come in under any load but that of the memory."""
FEW = 64
"""Calls that may run under any load but that of the memory, however fast they come: where so few are late, it is by what they ask for or by
what else the machine does, and keeping others out would help nobody."""
_BURST = 0.1
"""Seconds of the rate that may come in at once."""
_CALM = 2.0
"""Seconds without pressure or anybody waiting after which the rate is given up."""


class Ladder:
    """`pressure` is 0 where nothing is wrong; `rate` is in calls per second, None while it does not bound."""

    def __init__(self) -> None:
        self.pressure = 0.0
        self.rate: float | None = None
        self._late = 0.0
        self._memory = 0.0
        self._at: float | None = None
        self._done: int | None = None
        self._throughput = 0.0
        self._credit = 0.0
        self._changed = -math.inf
        self._calm_since = 0.0

    @property
    def least(self) -> Priority | None:
        """The least important calls that may come in now; None = nobody."""
        if self._memory >= NOBODY:
            return None  # calls that run will give some back
        if self.pressure >= BACKGROUND_WAITS:
            return Priority.INTERACTIVE
        return Priority.BACKGROUND if self.pressure >= BATCH_WAITS else LEAST

    def look(self, now: float, lag: float, memory: float, done: int, waiting: int) -> None:
        """`now` is monotonic, `lag` in seconds, `memory` the share that is used of what there is, `done` how many attempts have ended since
        the start, `waiting` who waits to come in."""
        before, self._at = self._at, now
        if before is None or now <= before:
            return
        span = now - before
        weight = 1 - math.exp(-span / OVER)
        self._late += weight * (min(lag, _MOST_LAG) - self._late)
        self._memory = (memory - _MEMORY_FROM) / (_MEMORY_TO - _MEMORY_FROM)
        self.pressure = max(self._late / LAG, self._memory, 0.0)
        if self.rate is not None:
            self._credit = min(self._credit + self.rate * span, max(1.0, self.rate * _BURST))
        if now - self._changed >= _STEP:
            self._measure(done, now - self._changed)
            self._changed = now
            self._step(now, waiting)

    def _measure(self, done: int, span: float) -> None:
        if self._done is not None:
            self._throughput += (1 - math.exp(-span / OVER)) * (max(0, done - self._done) / span - self._throughput)
        self._done = done

    def _step(self, now: float, waiting: int) -> None:
        if self.pressure >= RATED:
            self._calm_since = now
            slower = self._throughput if self.rate is None else self.rate * _SLOWER
            self.rate = max(LEAST_RATE, slower)
        elif self.rate is not None:
            if self.pressure < BATCH_WAITS:
                self.rate = self.rate * _FASTER + 1
            if waiting or self.pressure >= BATCH_WAITS:
                self._calm_since = now
            elif now - self._calm_since >= _CALM:
                self.rate = None

    def admits(self, priority: Priority, running: int) -> bool:
        """Whether a call may come in now, beside `running` ones; one that does is counted."""
        least = self.least
        if least is None or priority > least:
            return False
        if self.rate is None or running < FEW:
            return True
        if self._credit < 1:
            return False
        self._credit -= 1
        return True

    def room(self, seconds: float, most: int) -> int:
        """How many may wait so that each has its turn within `seconds`, as far as one can say: at most `most`."""
        if self.rate is None:
            return most
        return min(most, max(1, math.ceil(self.rate * seconds)))
