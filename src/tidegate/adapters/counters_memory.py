"""The counters of one process, in its memory: exact for one worker. Nothing here waits, so every method is one atomic step.

What a restart forgets is given back by `seed`, from the ledger. The states are `policy.limits.cells`; here is the book-keeping around them:
all limits of a call at once, settled once, leases for what never settles, and a bound on subjects whose names callers choose.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from tidegate.adapters.counters_groups import TELLS_TOKENS, Group, Groups, Line
from tidegate.adapters.counters_subjects import Subjects
from tidegate.policy.limits.cells import Cell, Row, new_cell
from tidegate.policy.limits.refuse import refusal
from tidegate.policy.limits.rules import (
    CONCURRENT,
    SPEND,
    TOKENS,
    Actual,
    Alert,
    Charge,
    Claim,
    Left,
    Limit,
    Past,
    Refusal,
    Reservation,
    Standing,
    asked,
)
from tidegate.ports import Clock

LEASE = 3600.0
"""Seconds after which a reservation that nobody settled is taken as used. A process that ends takes its reservations with it, so this is
only the net under a call that was lost; it is longer than the longest stream."""
_LATE = 4096
"""How many expired reservations are remembered, for the true figure that may still come."""

_NOTHING = Actual(0, 0)
_NO_LIMIT = 1 << 62
_Hold = tuple[Line, Row, int]
"""Where how much was taken."""
_Id = tuple[str, int]


class _Open(msgspec.Struct, gc=False):
    """What one attempt holds."""

    claim: Claim
    reservation: Reservation
    group: Group
    holds: list[_Hold]
    until: int


class MemoryCounters:
    """`subjects` bounds the end users (and models named by callers) that each limit tells apart. `on_alert` is told of budgets that pass
    a threshold, `on_expired` of attempts whose lease ended: both are called at once and must not raise. `lease` is in seconds."""

    def __init__(
        self,
        clock: Clock,
        *,
        subjects: int = 10_000,
        lease: float = LEASE,
        on_alert: Callable[[Alert], None] | None = None,
        on_expired: Callable[[Claim, Actual], None] | None = None,
        cells: Callable[[Limit], Cell] = new_cell,
    ) -> None:
        self._clock = clock
        self._subjects = Subjects(subjects, cells)
        self._groups = Groups(self._subjects)
        self._lease = int(lease * 1_000_000)
        self._on_alert = on_alert
        self._on_expired = on_expired
        self._open: OrderedDict[_Id, _Open] = OrderedDict()
        self._late: OrderedDict[_Id, tuple[_Open, Actual]] = OrderedDict()

    async def reserve(self, claim: Claim) -> Reservation | Refusal:
        """Takes everything that `claim` wants, or nothing. The same attempt again gets what it has."""
        return self.take(claim)

    def take(self, claim: Claim) -> Reservation | Refusal:
        """The same for who cannot wait."""
        now, wall = self._now(), self._clock.now()
        if self._open:
            self._reap(now)
        key = (claim.request_id, claim.attempt)
        known = self._open.get(key)
        if known is not None:
            return known.reservation
        group = self._groups.group(claim.charges, now, wall)
        group.running += 1
        amounts = claim.amounts
        holds: list[_Hold] = []
        observed: tuple[Charge, ...] = ()
        requests = tokens = _NO_LIMIT
        of_requests: Line | None = None
        of_tokens: Line | None = None
        for line in group.lines:
            cell, limit, charge, measure, can_refuse, tells = line
            amount = amounts[measure]
            if measure == TOKENS and amount > limit.amount:
                amount = asked(claim, charge)
            left = cell.take(limit, amount, now, wall, not (amount and can_refuse))
            if left < 0 and amount:
                if can_refuse:
                    self._undo(group, holds, now)
                    return self._refusal(claim, now, wall)
                observed += (charge,)
            holds.append((line, cell.row, amount))
            if tells == TELLS_TOKENS:
                if left < tokens:
                    tokens, of_tokens = left, line
            elif tells and left < requests:
                requests, of_requests = left, line
        reservation = Reservation(
            claim.request_id,
            claim.attempt,
            None if of_requests is None else _left(of_requests, requests, now, wall),
            None if of_tokens is None else _left(of_tokens, tokens, now, wall),
            observed,
        )
        self._open[key] = _Open(claim, reservation, group, holds, now + self._lease)
        return reservation

    def settle(self, request_id: str, attempt: int, actual: Actual) -> None:
        """The attempt used `actual`. Only the first time counts; after its lease had ended it corrects what was taken as used."""
        key = (request_id, attempt)
        found = self._open.pop(key, None)
        if found is not None:
            self._book(found, actual, self._now())
            found.group.ended()
            return
        late = self._late.pop(key, None)
        if late is not None:
            self._correct(*late, actual, self._now())
            late[0].group.ended()

    def void(self, request_id: str, attempt: int) -> None:
        """Nothing was sent: everything is given back, the request too unless its lease had ended."""
        found = self._open.pop((request_id, attempt), None)
        if found is not None:
            self._undo(found.group, found.holds, self._now())
        elif self._late:
            self.settle(request_id, attempt, _NOTHING)

    def renew(self, request_id: str, attempt: int) -> None:
        """The attempt still runs: its lease begins anew."""
        key = (request_id, attempt)
        found = self._open.get(key)
        if found is not None:
            found.until = self._now() + self._lease
            self._open.move_to_end(key)

    async def quota(self, charges: Iterable[Charge]) -> list[Standing]:
        """How these limits stand now."""
        now, wall = self._now(), self._clock.now()
        self._reap(now)
        standings: list[Standing] = []
        for charge in charges:
            cell = self._subjects.seen(charge)
            used, reserved = cell.used(charge.limit, now, wall)
            reset = cell.reset(charge.limit, now, wall)
            standings.append(Standing(charge, used, reserved, None if reset is None else wall + reset))
        return standings

    async def open_reservations(self) -> int:
        """Attempts that hold something."""
        self._reap(self._now())
        return len(self._open)

    def seed(self, past: Iterable[Past]) -> None:
        """Books what the ledger says was used before this process began. Thresholds that were passed then are not told again."""
        now, wall = self._now(), self._clock.now()
        for entry in past:
            self._subjects.cell(entry.charge, now, wall).seed(entry.charge.limit, entry.amount, entry.at, now, wall)

    def cell(self, charge: Charge) -> Cell:
        """The counter of a charge, made where there is none."""
        return self._subjects.cell(charge, self._now(), self._clock.now())

    def _now(self) -> int:
        return int(self._clock.monotonic() * 1_000_000)

    def _refusal(self, claim: Claim, now: int, wall: float) -> Refusal:
        return refusal(claim, [self._subjects.cell(charge, now, wall) for charge in claim.charges], now, wall)

    def _undo(self, group: Group, holds: list[_Hold], now: int) -> None:
        for (cell, limit, *_), row, amount in holds:
            cell.settle(row, limit, amount, 0, now)
        group.ended()

    def _book(self, found: _Open, actual: Actual, now: int) -> None:
        for (cell, limit, charge, measure, _, _), row, amount in found.holds:
            if measure == TOKENS:
                cell.settle(row, limit, amount, actual.tokens, now)
            elif measure == SPEND:
                cell.settle(row, limit, amount, actual.nano, now)
                if limit.alerts:
                    self._alert(charge, row)
            elif measure == CONCURRENT:
                cell.settle(row, limit, amount, 0, now)
            elif not cell.takes_for_good:
                cell.settle(row, limit, amount, amount, now)

    def _correct(self, found: _Open, charged: Actual, actual: Actual, now: int) -> None:
        for (cell, limit, _, measure, _, _), row, _ in found.holds:
            if measure == TOKENS:
                cell.settle(row, limit, 0, actual.tokens - charged.tokens, now)
            elif measure == SPEND:
                cell.settle(row, limit, 0, actual.nano - charged.nano, now)

    def _reap(self, now: int) -> None:
        """Reservations stand in the order in which their leases end."""
        while self._open:
            key, first = next(iter(self._open.items()))
            if first.until > now:
                return
            del self._open[key]
            charged = Actual(first.claim.amounts[TOKENS], first.claim.amounts[SPEND])
            self._book(first, charged, now)
            self._late[key] = (first, charged)
            if len(self._late) > _LATE:
                _, (forgotten, _) = self._late.popitem(last=False)
                forgotten.group.ended()
            if self._on_expired is not None:
                self._on_expired(first.claim, charged)

    def _alert(self, charge: Charge, row: Row) -> None:
        limit = charge.limit
        alerts = limit.alerts
        while row.alerted < len(alerts) and row.used * 100 >= alerts[row.alerted] * limit.amount:
            percent = alerts[row.alerted]
            row.alerted += 1
            if self._on_alert is not None:
                self._on_alert(Alert(charge, percent, row.used, row.index, self._clock.now()))


def _left(line: Line, left: int, now: int, wall: float) -> Left:
    return Left(line[2], left, line[0].reset(line[1], now, wall))
