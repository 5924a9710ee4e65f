"""The charges of a call as one process among several counts them: rates at their share, crowds on their shared counters.

What comes out is told to callers with the limit that they know, not with this process's share of it.
"""

from collections.abc import Sequence

import msgspec

from tidegate.adapters.leases_parts import PartDesk, limit_of
from tidegate.policy.limits.cells import by_calendar
from tidegate.policy.limits.crowd import crowded
from tidegate.policy.limits.part import Part
from tidegate.policy.limits.rules import Charge, Claim, Left, Refusal, Reservation, are_lasting
from tidegate.policy.limits.share import Share

_REMEMBERED = 16_384


class Charges(msgspec.Struct, frozen=True, gc=False):
    """`local` are counted in this process, `rates` by those who count for all; `same` says that `local` are the call's own.
    `parts` are those of local limits that the process has a part of, with the measure of each."""

    own: tuple[Charge, ...]
    local: tuple[Charge, ...]
    rates: tuple[Charge, ...]
    same: bool
    parts: tuple[tuple[Part, int], ...] = ()


class Sorter:
    """Sorts charges. Rates that nobody counts for all processes are shared by them; `earns` says that nobody ever does. With
    `parts` this process has a part of each that follows demand, while the desk can be asked."""

    def __init__(self, *, earns: bool) -> None:
        self.parts: PartDesk | None = None
        self._share = Share(earns=earns)
        self._known: dict[tuple[int, bool], Charges] = {}
        self._locals: dict[tuple[int, ...], tuple[Charge, ...]] = {}

    def meet(self, processes: int, now: int) -> None:
        """So many share now; a monotonic clock in microseconds. Called again and again, because a share that grows is earned by and by."""
        if self._share.meet(processes, now):
            self.changed()

    def changed(self) -> None:
        """A part is another one."""
        self._known.clear()
        self._locals.clear()

    def sort(self, own: tuple[Charge, ...], *, apart: bool) -> Charges:
        """`apart` = rates are counted elsewhere. What is given is remembered by the tuple itself, which the book makes once."""
        key = (id(own), apart)
        found = self._known.get(key)
        if found is None or found.own is not own:
            found = self._sorted(own, apart=apart)
            if are_lasting(own):
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[key] = found
        return found

    def _sorted(self, own: tuple[Charge, ...], *, apart: bool) -> Charges:
        local: list[Charge] = []
        rates: list[Charge] = []
        parts: list[tuple[Part, int]] = []
        desk = None if self.parts is None or self.parts.is_away else self.parts
        for charge in own:
            if by_calendar(charge.limit):
                local.append(crowded(charge) if charge.open else charge)
            elif apart:
                rates.append(crowded(charge) if charge.open else charge)
            elif desk is not None and charge.enforced:
                part = desk.part(crowded(charge) if charge.open else charge)
                parts.append((part, charge.measure))
                local.append(msgspec.structs.replace(part.charge, limit=limit_of(part)))
            else:
                local.append(self._shared(charge))
        same = all(one is other for one, other in zip(own, local, strict=False)) and not rates
        return Charges(own, own if same else self._lasting(local), tuple(rates), same, tuple(parts))

    def _lasting(self, local: list[Charge]) -> tuple[Charge, ...]:
        """The same tuple for the same charges: counters are remembered by it."""
        names = tuple(map(id, local))
        found = self._locals.get(names)
        if found is None:
            if len(self._locals) >= _REMEMBERED:
                self._locals.clear()
            found = self._locals[names] = tuple(local)
        return found

    def _shared(self, charge: Charge) -> Charge:
        amount = self._share.of(charge.limit)
        if amount == charge.limit.amount:
            return charge
        return msgspec.structs.replace(charge, limit=msgspec.structs.replace(charge.limit, amount=amount))


def claim_of(claim: Claim, charges: tuple[Charge, ...]) -> Claim:
    """The same claim on other charges."""
    return Claim(claim.request_id, claim.attempt, charges, claim.amounts, claim.least_tokens)


def told(answer: Reservation | Refusal, own: Sequence[Charge]) -> Reservation | Refusal:
    """The answer with the limits as callers know them."""
    by_limit = {charge.limit.id: charge for charge in own}

    def known(charge: Charge) -> Charge:
        return by_limit.get(charge.limit.id, charge)

    def left(found: Left | None) -> Left | None:
        return None if found is None else Left(known(found.charge), found.left, found.reset)

    if isinstance(answer, Reservation):
        observed = tuple(known(charge) for charge in answer.observed)
        return Reservation(answer.request_id, answer.attempt, left(answer.requests), left(answer.tokens), observed)
    return msgspec.structs.replace(answer, charge=known(answer.charge), requests=left(answer.requests), tokens=left(answer.tokens))


def with_rest(answer: Reservation | Refusal, parts: Sequence[tuple[Part, int]]) -> Reservation | Refusal:
    """What is left with what no process has."""
    free = {part.charge.limit.id: part.free for part, _ in parts}

    def left(found: Left | None) -> Left | None:
        return None if found is None else Left(found.charge, found.left + free.get(found.charge.limit.id, 0), found.reset)

    if isinstance(answer, Reservation):
        return Reservation(answer.request_id, answer.attempt, left(answer.requests), left(answer.tokens), answer.observed)
    return msgspec.structs.replace(answer, requests=left(answer.requests), tokens=left(answer.tokens))
