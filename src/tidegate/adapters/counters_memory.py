"""The counters of one process, in its memory: exact for one worker. Nothing here waits, so every method is one atomic step.

What a restart forgets is given back by `seed`, from the ledger. The states are `policy.limits.cells`; here is the book-keeping around them:
all limits of a call at once, settled once, leases for what never settles, and a bound on subjects whose names callers choose.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from tidegate.adapters.counters_subjects import Subjects
from tidegate.policy.limits.cells import Cell, Row, alert_level, new_cell
from tidegate.policy.limits.refuse import refusal
from tidegate.policy.limits.rules import (
    CONCURRENT,
    REQUESTS,
    SPEND,
    TOKENS,
    TRIES,
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

_Hold = tuple[Cell, Row, Charge, int]
_Id = tuple[str, int]


class _Open(msgspec.Struct, gc=False):
    """What one attempt holds."""

    claim: Claim
    reservation: Reservation
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
        known = self._open.get((claim.request_id, claim.attempt))
        if known is not None:
            return known.reservation
        amounts = claim.amounts
        holds: list[_Hold] = []
        observed: tuple[Charge, ...] = ()
        requests = tokens = 1 << 62
        tightest: list[_Hold | None] = [None, None]
        for charge in claim.charges:
            limit = charge.limit
            measure = charge.measure
            amount = amounts[measure]
            if measure == TOKENS and amount > limit.amount:
                amount = asked(claim, charge)
            cell = self._subjects.cell(charge, now, wall)
            left = cell.take(limit, amount, now, wall, force=not (amount and charge.enforced))
            if left < 0 and amount:
                if charge.enforced:
                    self._undo(holds, now)
                    return self._refusal(claim, now, wall)
                observed += (charge,)
            cell.held += 1
            hold = (cell, cell.row, charge, amount)
            holds.append(hold)
            if charge.shown:
                if measure == TOKENS:
                    if left < tokens:
                        tokens, tightest[1] = left, hold
                elif measure in (REQUESTS, TRIES) and left < requests:
                    requests, tightest[0] = left, hold
        reservation = Reservation(
            claim.request_id,
            claim.attempt,
            _left(tightest[0], requests, now, wall),
            _left(tightest[1], tokens, now, wall),
            observed,
        )
        self._open[claim.request_id, claim.attempt] = _Open(claim, reservation, holds, now + self._lease)
        return reservation

    def settle(self, request_id: str, attempt: int, actual: Actual) -> None:
        """The attempt used `actual`. Only the first time counts; after its lease had ended it corrects what was taken as used."""
        key = (request_id, attempt)
        found = self._open.pop(key, None)
        if found is not None:
            self._book(found, actual, self._now())
            _let_go(found.holds)
            return
        late = self._late.pop(key, None)
        if late is not None:
            self._correct(*late, actual, self._now())
            _let_go(late[0].holds)

    def void(self, request_id: str, attempt: int) -> None:
        """Nothing was sent: everything is given back, the request too."""
        found = self._open.pop((request_id, attempt), None)
        if found is not None:
            self._undo(found.holds, self._now())

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

    def _undo(self, holds: list[_Hold], now: int) -> None:
        for cell, row, charge, amount in holds:
            cell.settle(row, charge.limit, amount, 0, now)
        _let_go(holds)

    def _book(self, found: _Open, actual: Actual, now: int) -> None:
        tokens, nano = actual.tokens, actual.nano
        for cell, row, charge, amount in found.holds:
            measure = charge.measure
            if measure == TOKENS:
                cell.settle(row, charge.limit, amount, tokens, now)
            elif measure == SPEND:
                cell.settle(row, charge.limit, amount, nano, now)
                if charge.limit.alerts:
                    self._alert(charge, row)
            else:
                cell.settle(row, charge.limit, amount, 0 if measure == CONCURRENT else amount, now)

    def _correct(self, found: _Open, charged: Actual, actual: Actual, now: int) -> None:
        for cell, row, charge, _ in found.holds:
            if charge.measure == TOKENS:
                cell.settle(row, charge.limit, 0, actual.tokens - charged.tokens, now)
            elif charge.measure == SPEND:
                cell.settle(row, charge.limit, 0, actual.nano - charged.nano, now)

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
                _let_go(forgotten.holds)
            if self._on_expired is not None:
                self._on_expired(first.claim, charged)

    def _alert(self, charge: Charge, row: Row) -> None:
        level = alert_level(charge.limit, row.used)
        while row.alerted < level:
            percent = charge.limit.alerts[row.alerted]
            row.alerted += 1
            if self._on_alert is not None:
                self._on_alert(Alert(charge, percent, row.used, row.index, self._clock.now()))


def _let_go(holds: list[_Hold]) -> None:
    for cell, _, _, _ in holds:
        cell.held -= 1


def _left(hold: _Hold | None, left: int, now: int, wall: float) -> Left | None:
    if hold is None:
        return None
    cell, _, charge, _ = hold
    return Left(charge, left, cell.reset(charge.limit, now, wall))
