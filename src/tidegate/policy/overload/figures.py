"""What is counted of calls that wait, for the page of metrics."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

import msgspec

BOUNDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Of the histogram of waits, in seconds."""


class Figures:
    """Since the start of the process. What a call waited for is `gateway`, `target` or `limit`."""

    def __init__(self) -> None:
        self.turned_away: Counter[tuple[str, str]] = Counter()
        """By what was waited for, and by priority."""
        self.waits = [0] * (len(BOUNDS) + 1)
        self.waited = 0.0

    def had_turn(self, seconds: float) -> None:
        """A call had its turn after that time."""
        self.waits[bisect_left(BOUNDS, seconds)] += 1
        self.waited += seconds


class Standing(msgspec.Struct, frozen=True):
    """How it stands now. `waiting` is by what is waited for; `rate` is in calls per second, None where it does not bound."""

    pressure: float
    rate: float | None
    waiting: Mapping[str, int]
    figures: Figures
