"""When a route sends a second attempt because the first is slow: after a fixed wait, or after the time in which 95 of a hundred of its
calls have their first content, and no more often than a share of its calls. Pure state of one process, told of each call.
"""

from collections import deque

import msgspec

SEEN = 200
"""Calls whose times are kept."""
ENOUGH = 20
"""Calls that must have been seen before a time is taken from them."""
_AT_ONCE = 10.0
"""Hedges that calls without any may have saved up."""


class Hedge(msgspec.Struct, frozen=True):
    """`after` is in seconds, None for the route's own 95th percentile. `share` of the calls may have a second attempt."""

    after: float | None = None
    share: float = 0.05


class Pace:
    """One route's."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=SEEN)
        self._p95: float | None = None
        self._new = 0
        self._saved = 1.0

    def began(self, hedge: Hedge) -> float | None:
        """A call begins. Seconds after which it may have a second attempt; None where that is not known yet."""
        self._saved = min(_AT_ONCE, self._saved + hedge.share)
        if hedge.after is not None:
            return hedge.after
        if len(self._times) < ENOUGH:
            return None
        if self._p95 is None or self._new >= ENOUGH:
            ordered = sorted(self._times)
            self._p95, self._new = ordered[int(len(ordered) * 0.95)], 0
        return self._p95

    def may_hedge(self) -> bool:
        """Whether the share has room for one more now; that one is counted."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True

    def took(self, seconds: float) -> None:
        """A call's first content came after that time; of one that was given up, what it had waited."""
        self._times.append(seconds)
        self._new += 1
