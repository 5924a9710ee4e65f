"""The counters of one subject under one limit, as state machines that are told the time.

Four kinds: `Bucket` (requests a minute or hour, refilled all the time: GCRA), `Sliding` (tokens a minute or hour: never more than the
amount in any such time), `Calendar` (everything by the windows of the calendar) and `Slots` (calls at the same time). All counts are
integers, `now` is a monotonic clock in microseconds and `wall` Unix time in seconds. They hold no reference to a limit: an edited one
counts from the next call on.
"""

from collections import deque
from typing import ClassVar, Protocol

from tidegate.policy.limits.rules import Limit
from tidegate.policy.limits.windows import WindowPer, window

PERIODS = {"minute": 60_000_000, "hour": 3_600_000_000}
"""Microseconds."""
PIECES = 20
"""A sliding minute is cut into so many pieces, and one more is looked at: what is admitted lies between 20/21 and 1 of the limit."""


class Row:
    """Where an amount was booked. `index` is the start of its window, or the number of its piece."""

    __slots__ = ("alerted", "index", "reserved", "used")

    def __init__(self, index: int, used: int = 0) -> None:
        self.index = index
        self.used = used
        self.reserved = 0
        self.alerted = 0


class Counted(Protocol):
    """How one limit stands, for whoever explains a refusal."""

    def left(self, limit: Limit, now: int, wall: float) -> int:
        """What could be taken now; negative in debt."""
        ...

    def wait(self, limit: Limit, amount: int, now: int, wall: float) -> float | None:
        """Seconds until `amount` fits if nothing else comes: 0 where it does now, None where it never will."""
        ...

    def reset(self, limit: Limit, now: int, wall: float) -> float | None:
        """Seconds until everything is free; None where that never comes by itself."""
        ...

    def used(self, limit: Limit, now: int, wall: float) -> tuple[int, int]:
        """(used, reserved) in what counts now."""
        ...


class Cell(Counted, Protocol):
    """One counter. `row` is where the last `take` was booked; `held` counts who may still change it, for whoever keeps the counter.
    `takes_for_good` says that what was taken is used: when a call ends as was reserved there is nothing to settle."""

    held: int
    takes_for_good: ClassVar[bool]

    @property
    def row(self) -> Row: ...

    def take(self, limit: Limit, amount: int, now: int, wall: float, force: bool) -> int:
        """Books `amount` as reserved and returns what is left then; where that is negative there is no room, and nothing is booked unless
        `force`."""
        ...

    def settle(self, row: Row, limit: Limit, reserved: int, actual: int, now: int) -> None:
        """What was reserved in `row` turns out as `actual`. More than was reserved is booked too: others wait for it."""
        ...

    def seed(self, limit: Limit, amount: int, at: float, now: int, wall: float) -> None:
        """Books what was used at the Unix time `at`, before this counter began."""
        ...

    def idle(self, limit: Limit, now: int, wall: float) -> bool:
        """Whether nothing counts in it now."""
        ...

    def fork(self) -> "Cell":
        """A new counter in which everything that counts here is used, but for calls that run."""
        ...


class Bucket:
    """Holds `amount` requests and gets them back evenly over the period. `_level` is what is taken, in requests times microseconds of the
    period, so that no division rounds."""

    __slots__ = ("_at", "_level", "_period", "held", "row")
    takes_for_good: ClassVar[bool] = True

    def __init__(self, period: int, level: int = 0, at: int = 0) -> None:
        self._period = period
        self._level = level
        self._at = at
        self.row = Row(0)
        self.held = 0

    def _leak(self, limit: Limit, now: int) -> int:
        if now > self._at:
            level = self._level - (now - self._at) * limit.amount
            self._level = level if level > 0 else 0
            self._at = now
        return self._level

    def take(self, limit: Limit, amount: int, now: int, wall: float, force: bool) -> int:
        period = self._period
        level = self._leak(limit, now) + amount * period
        room = limit.amount * period - level
        if room >= 0 or force:
            self._level = level
        return room // period

    def settle(self, row: Row, limit: Limit, reserved: int, actual: int, now: int) -> None:
        level = self._level + (actual - reserved) * self._period
        self._level = level if level > 0 else 0

    def seed(self, limit: Limit, amount: int, at: float, now: int, wall: float) -> None:
        ago = max(0, int((wall - at) * 1_000_000))
        level = amount * self._period - ago * limit.amount
        self._level = self._leak(limit, now) + max(0, level)

    def left(self, limit: Limit, now: int, wall: float) -> int:
        return (limit.amount * self._period - self._leak(limit, now)) // self._period

    def wait(self, limit: Limit, amount: int, now: int, wall: float) -> float | None:
        over = self._leak(limit, now) + (amount - limit.amount) * self._period
        if over <= 0:
            return 0
        return None if amount > limit.amount else over / limit.amount / 1_000_000

    def reset(self, limit: Limit, now: int, wall: float) -> float | None:
        level = self._leak(limit, now)
        if not level:
            return 0
        return level / limit.amount / 1_000_000 if limit.amount else None

    def used(self, limit: Limit, now: int, wall: float) -> tuple[int, int]:
        return -(-self._leak(limit, now) // self._period), 0

    def idle(self, limit: Limit, now: int, wall: float) -> bool:
        return not self._leak(limit, now)

    def fork(self) -> "Bucket":
        return Bucket(self._period, self._level, self._at)


class Sliding:
    """What was taken in the last period, by pieces of time. A piece counts until all of it is older than the period."""

    __slots__ = ("_period", "_piece", "_rows", "_total", "held", "row")
    takes_for_good: ClassVar[bool] = False

    def __init__(self, period: int) -> None:
        self._period = period
        self._piece = period // PIECES
        self._rows: deque[Row] = deque()
        self._total = 0
        self.row = Row(-1)
        self.held = 0

    def _roll(self, now: int) -> int:
        rows = self._rows
        last = now // self._piece - PIECES
        while rows and rows[0].index < last:
            old = rows.popleft()
            self._total -= old.used + old.reserved
        return self._total

    def _current(self, now: int) -> Row:
        index = now // self._piece
        row = self.row
        if row.index != index:
            row = self.row = Row(index)
            self._rows.append(row)
        return row

    def take(self, limit: Limit, amount: int, now: int, wall: float, force: bool) -> int:
        row = self.row
        # Within one piece nothing grows too old.
        total = self._total if row.index == now // self._piece else self._roll(now)
        room = limit.amount - total - amount
        if room >= 0 or force:
            self._current(now).reserved += amount
            self._total = total + amount
        return room

    def settle(self, row: Row, limit: Limit, reserved: int, actual: int, now: int) -> None:
        if row.index >= now // self._piece - PIECES:
            row.reserved -= reserved
            row.used += actual
            self._total += actual - reserved
            return
        self._roll(now)
        row.reserved -= reserved
        if actual > reserved:
            self._current(now).used += actual - reserved
            self._total += actual - reserved

    def seed(self, limit: Limit, amount: int, at: float, now: int, wall: float) -> None:
        ago = max(0, int((wall - at) * 1_000_000))
        if ago <= self._period:
            self._roll(now)
            self._current(now).used += amount
            self._total += amount

    def left(self, limit: Limit, now: int, wall: float) -> int:
        return limit.amount - self._roll(now)

    def wait(self, limit: Limit, amount: int, now: int, wall: float) -> float | None:
        needed = self._roll(now) + amount - limit.amount
        if needed <= 0:
            return 0
        if amount > limit.amount:
            return None
        for row in self._rows:
            needed -= row.used + row.reserved
            if needed <= 0:
                return self._gone(row, now)
        return None

    def _gone(self, row: Row, now: int) -> float:
        return ((row.index + 1) * self._piece + self._period - now) / 1_000_000

    def reset(self, limit: Limit, now: int, wall: float) -> float | None:
        self._roll(now)
        for row in reversed(self._rows):
            if row.used or row.reserved:
                return self._gone(row, now)
        return 0

    def used(self, limit: Limit, now: int, wall: float) -> tuple[int, int]:
        total = self._roll(now)
        reserved = sum(row.reserved for row in self._rows)
        return total - reserved, reserved

    def idle(self, limit: Limit, now: int, wall: float) -> bool:
        return not self._roll(now)

    def fork(self) -> "Sliding":
        new = Sliding(self._period)
        new._rows = deque(Row(row.index, row.used + row.reserved) for row in self._rows)
        new._total = self._total
        new.row = new._rows[-1] if new._rows else new.row
        return new


class Calendar:
    """What was used and is reserved in the window of now. A call that ends in a later window is booked in its own. A wall clock that goes
    back does not open an older window again."""

    __slots__ = ("_end", "_per", "held", "row")
    takes_for_good: ClassVar[bool] = False

    def __init__(self, per: WindowPer) -> None:
        self._per: WindowPer = per
        self._end = float("-inf")
        self.row = Row(0)
        self.held = 0

    def _roll(self, limit: Limit, wall: float) -> Row:
        if wall >= self._end:
            found = window(self._per, wall, limit.zone)
            self._end = found.end
            self.row = Row(found.start)
        return self.row

    def take(self, limit: Limit, amount: int, now: int, wall: float, force: bool) -> int:
        row = self.row if wall < self._end else self._roll(limit, wall)
        room = limit.amount - row.used - row.reserved - amount
        if room >= 0 or force:
            row.reserved += amount
        return room

    def settle(self, row: Row, limit: Limit, reserved: int, actual: int, now: int) -> None:
        row.reserved -= reserved
        row.used += actual

    def seed(self, limit: Limit, amount: int, at: float, now: int, wall: float) -> None:
        row = self._roll(limit, wall)
        if row.index <= at < self._end:
            row.used += amount
            row.alerted = alert_level(limit, row.used)

    def left(self, limit: Limit, now: int, wall: float) -> int:
        row = self._roll(limit, wall)
        return limit.amount - row.used - row.reserved

    def wait(self, limit: Limit, amount: int, now: int, wall: float) -> float | None:
        if self.left(limit, now, wall) >= amount:
            return 0
        return None if amount > limit.amount or self._per == "total" else self._end - wall

    def reset(self, limit: Limit, now: int, wall: float) -> float | None:
        row = self._roll(limit, wall)
        if not row.used and not row.reserved:
            return 0
        return None if self._per == "total" else self._end - wall

    def used(self, limit: Limit, now: int, wall: float) -> tuple[int, int]:
        row = self._roll(limit, wall)
        return row.used, row.reserved

    def idle(self, limit: Limit, now: int, wall: float) -> bool:
        row = self._roll(limit, wall)
        return not row.used and not row.reserved

    def fork(self) -> "Calendar":
        new = Calendar(self._per)
        new._end = self._end
        new.row = Row(self.row.index, self.row.used + self.row.reserved)
        new.row.alerted = self.row.alerted
        return new


class Slots:
    """Calls that run now."""

    __slots__ = ("held", "row")
    takes_for_good: ClassVar[bool] = False

    def __init__(self) -> None:
        self.row = Row(0)
        self.held = 0

    def take(self, limit: Limit, amount: int, now: int, wall: float, force: bool) -> int:
        room = limit.amount - self.row.reserved - amount
        if room >= 0 or force:
            self.row.reserved += amount
        return room

    def settle(self, row: Row, limit: Limit, reserved: int, actual: int, now: int) -> None:
        row.reserved -= reserved

    def seed(self, limit: Limit, amount: int, at: float, now: int, wall: float) -> None:
        """Calls of another process do not run here."""

    def left(self, limit: Limit, now: int, wall: float) -> int:
        return limit.amount - self.row.reserved

    def wait(self, limit: Limit, amount: int, now: int, wall: float) -> float | None:
        if self.row.reserved + amount <= limit.amount:
            return 0
        return 1 if amount <= limit.amount else None

    def reset(self, limit: Limit, now: int, wall: float) -> float | None:
        return 1 if self.row.reserved else 0

    def used(self, limit: Limit, now: int, wall: float) -> tuple[int, int]:
        return 0, self.row.reserved

    def idle(self, limit: Limit, now: int, wall: float) -> bool:
        return not self.row.reserved

    def fork(self) -> "Slots":
        return Slots()


def new_cell(limit: Limit) -> Cell:
    """An empty counter of the kind that `limit` needs."""
    if limit.per == "moment":
        return Slots()
    if limit.what == "requests" and limit.per in PERIODS:
        return Bucket(PERIODS[limit.per])
    if limit.what == "tokens" and limit.per in PERIODS:
        return Sliding(PERIODS[limit.per])
    return Calendar(calendar_of(limit))


def by_calendar(limit: Limit) -> bool:
    """Whether its windows are those of the calendar, and its counts outlive a process."""
    return limit.per != "moment" and (limit.what == "spend" or limit.per not in PERIODS)


def calendar_of(limit: Limit) -> WindowPer:
    """The kind of its windows. Raises `ValueError` where it has none."""
    if limit.per in ("minute", "moment"):
        raise ValueError(f"there are no calendar minutes: {limit.id}")
    return limit.per


def alert_level(limit: Limit, used: int) -> int:
    """How many of the thresholds, in their order, `used` has reached."""
    return sum(used * 100 >= percent * limit.amount for percent in limit.alerts)
