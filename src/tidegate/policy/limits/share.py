"""What one process of several may admit of limits that nobody counts for all of them.

A share that becomes smaller does so at once. One that grows, because a process has begun beside others or another has gone, is earned over
the limit's own period: what the others admitted in that time is not admitted again.
"""

from tidegate.policy.limits.cells import PERIODS
from tidegate.policy.limits.rules import Limit, Per


class Share:
    """One for each process. A process that has met no other has everything. Without `earns` a share is had at once: somebody counts for all
    while it can be asked, and has counted what the others admitted."""

    __slots__ = ("_before", "_earns", "_now", "_processes", "_since")

    def __init__(self, *, earns: bool = True) -> None:
        self._processes = 1
        self._earns = earns
        self._before: dict[Per, float] | None = None
        self._since = 0
        self._now = 0

    def meet(self, processes: int, now: int) -> bool:
        """So many there are at `now`, a monotonic clock in microseconds. Whether that changes what it may admit."""
        was = self._parts()
        if self._before is None:
            # Whoever finds others when it looks for the first time has earned nothing yet.
            start = 1.0 if processes == 1 else 0.0
            self._before, self._since, self._now = dict.fromkeys(_LASTS, start), now, now
        elif processes != self._processes:
            self._before = {per: self._part(per) for per in _LASTS}
            self._since = now
        self._processes, self._now = processes, now
        return self._parts() != was

    def of(self, limit: Limit) -> int:
        """The amount that it may admit, one at least of a limit that admits anything."""
        part = self._part(limit.per)
        return limit.amount if part == 1 or not limit.amount else max(1, int(limit.amount * part))

    def _parts(self) -> tuple[float, ...]:
        return (1 / self._processes, *(self._part(per) for per in _LASTS))

    def _part(self, per: Per) -> float:
        whole = 1 / self._processes
        lasts = _LASTS.get(per)
        if not self._earns or self._before is None or lasts is None or self._before[per] >= whole:
            return whole
        before = self._before[per]
        return min(whole, before + (whole - before) * (self._now - self._since) / lasts)


_LASTS: dict[Per, int] = {"minute": PERIODS["minute"], "hour": PERIODS["hour"]}
