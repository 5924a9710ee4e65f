"""The counter of one process among several, by windows of the calendar: it spends what a store has granted to it and asks nobody meanwhile.

What is granted was taken out of the limit before, so all processes together never pass it. A grant belongs to its window and ends with it.
Who asks the store, and when, is `adapters.leases`.
"""

from typing import ClassVar

import msgspec

from tidegate.policy.limits.cells import Row
from tidegate.policy.limits.rules import Limit
from tidegate.policy.limits.windows import WindowPer, window

_WAITED = 60_000_000
"""Microseconds; no call waits longer for the store."""


class Figures(msgspec.Struct, frozen=True, gc=False):
    """How a window stands in the store: `used` is everybody's, `held` what is granted and not used, of all processes; `granted` is what
    this process ever got there, and `posted` what it used, as far as the store knows."""

    used: int
    held: int
    granted: int
    posted: int


class Slice(Row):
    """What this process has of one window. `used` and `reserved` are its own; `others` is what others used, and `elsewhere` what they
    hold, when the store was last asked. `owes`: the store may have granted more than is known here, or has not heard of what is given back.
    `is_met`: a call has come, and whoever makes windows known to the store was told. `touched` is when it was last needed, -1 where that is
    not known yet. `refused` remembers the store's last no: how much more was wanted, of what limit, and until when (monotonic, like
    `touched`) that answer is good."""

    __slots__ = ("elsewhere", "end", "granted", "is_met", "known", "others", "owes", "posted", "refused", "touched")

    def __init__(self, index: int, end: float) -> None:
        super().__init__(index)
        self.end = end
        self.granted = 0
        self.others = 0
        self.elsewhere = 0
        self.posted = 0
        self.is_met = False
        self.known = False
        self.owes = False
        self.touched = -1
        self.refused: tuple[int, int, int] = (0, 0, 0)

    def learn(self, figures: Figures) -> None:
        """What the store says."""
        self.post(figures.posted)
        self.known = True
        self.owes = False
        self.granted = figures.granted
        self.others = figures.used - figures.posted
        self.elsewhere = figures.held - max(0, figures.granted - figures.posted)

    def post(self, posted: int) -> None:
        """So much is in the ledger as used by this process. It is more than is known here where the counter was forgotten meanwhile, or
        a row came without a reservation, as those of a batch do which a provider began before there was a limit."""
        self.posted = max(self.posted, posted)
        self.used = max(self.used, self.posted)

    @property
    def is_told(self) -> bool:
        """Whether nothing is granted but what the store knows to be used."""
        return not self.granted or (not self.free and self.used <= self.posted)

    @property
    def free(self) -> int:
        """What is granted and not needed; negative in debt."""
        return self.granted - self.used - self.reserved


class Leased:
    """`past` are slices of earlier windows that may still have something to give back. Each window is noted in `opened` with its first
    call, for whoever makes it known to the store: who only looks at it has nothing to make known."""

    __slots__ = ("_end", "_opened", "_per", "held", "past", "row")
    takes_for_good: ClassVar[bool] = False

    def __init__(self, per: WindowPer, opened: list[Slice]) -> None:
        self._per: WindowPer = per
        self._opened = opened
        self._end = float("-inf")
        self.row = Slice(0, self._end)
        self.past: list[Slice] = []
        self.held = 0

    def slice(self, limit: Limit, wall: float) -> Slice:
        """That of the window of now. A wall clock that goes back does not open an older one again."""
        if wall >= self._end:
            found = window(self._per, wall, limit.zone)
            if self.row.granted or self.row.owes:
                self.past.append(self.row)
            self._end = found.end
            self.row = Slice(found.start, found.end)
        return self.row

    def take(self, limit: Limit, amount: int, now: int, wall: float, force: bool) -> int:
        row = self.row if wall < self._end else self.slice(limit, wall)
        row.touched = now
        if not row.is_met:
            row.is_met = True
            self._opened.append(row)
        taken = row.used + row.reserved + amount
        left = limit.amount - row.others - row.elsewhere - taken
        if force or (left >= 0 and row.granted >= taken):
            row.reserved += amount
            return left
        return min(left, row.granted - taken)

    def lacks(self, limit: Limit, amount: int, wall: float) -> int:
        """How much more must be granted for `amount`."""
        return max(0, amount - self.slice(limit, wall).free)

    def settle(self, row: Row, limit: Limit, reserved: int, actual: int, now: int) -> None:
        row.reserved -= reserved
        row.used += actual

    def seed(self, limit: Limit, amount: int, at: float, now: int, wall: float) -> None:
        """The store knows what was used."""

    def left(self, limit: Limit, now: int, wall: float) -> int:
        row = self.slice(limit, wall)
        return limit.amount - row.others - row.elsewhere - row.used - row.reserved

    def wait(self, limit: Limit, amount: int, now: int, wall: float) -> float | None:
        row = self.slice(limit, wall)
        if self.left(limit, now, wall) >= amount:
            return 0 if row.free >= amount else 1
        return None if amount > limit.amount or self._per == "total" else self._end - wall

    def reset(self, limit: Limit, now: int, wall: float) -> float | None:
        used, reserved = self.used(limit, now, wall)
        if not used and not reserved:
            return 0
        return None if self._per == "total" else self._end - wall

    def used(self, limit: Limit, now: int, wall: float) -> tuple[int, int]:
        row = self.slice(limit, wall)
        return row.others + row.used, row.elsewhere + row.reserved

    def idle(self, limit: Limit, now: int, wall: float) -> bool:
        """Whether it can be forgotten: the store knows all that was used, and no call waits for what it asked. A new one is needed by
        whoever has just made it."""
        if self.row.touched < 0:
            self.row.touched = now
        row = self.row
        return now - row.touched > _WAITED and not self.past and not row.reserved and not row.owes and row.is_told

    def fork(self) -> "Leased":
        return Leased(self._per, self._opened)
