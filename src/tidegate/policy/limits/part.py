"""What one process of several may admit of a limit that counts by the minute or hour, or at the same time: a part that follows demand.

The parts of all processes together are never more than the limit. A part is given up only where it is unused, so that what was admitted
under it goes on counting: however parts move, all processes together admit no more than one that had the whole. Who asks the store, and
when, is `adapters.leases_parts`.
"""

from collections.abc import Sequence

import msgspec

from tidegate.policy.limits.rules import Charge

SHUT = 250_000
"""Microseconds for which the store's no is believed."""


class PartAsk(msgspec.Struct, frozen=True, gc=False):
    """To have `want` of `amount`, and no more; `lasts` are the microseconds for which what is admitted counts."""

    amount: int
    want: int
    lasts: int


class PartStand(msgspec.Struct, frozen=True, gc=False):
    """`granted` of the limit to this process, `others` to the others, who want `short` more; so many `processes` have or want some."""

    granted: int
    others: int
    short: int
    processes: int


class Part:
    """`charge` is the limit as it is. `has` is what the store says is ours, `cap` how much of that is used: less where others get some.
    `asked` is what calls wanted since the last look, and `shut` (monotonic, microseconds) until when the store need not be asked."""

    __slots__ = ("_before", "_short", "_target", "asked", "cap", "charge", "free", "has", "processes", "shut")

    def __init__(self, charge: Charge) -> None:
        self.charge = charge
        self.has = 0
        self.cap = 0
        self.free = 0
        self.asked = 0
        self.shut = 0
        self.processes = 1
        self._before = 0
        self._short = 0
        self._target = 0

    def look(self, level: int) -> int:
        """What to have from now on, where `level` counts at present; `asked` begins anew. What is given up is not used from here on."""
        ahead = 2 * max(self.asked, self._before)
        self._before, self.asked = self.asked, 0
        return self._offer(level, ahead)

    def need(self, level: int, amount: int) -> int:
        """The same for a call that lacks `amount`."""
        return self._offer(level, max(amount, 2 * max(self.asked, self._before)))

    def _offer(self, level: int, ahead: int) -> int:
        amount = self.charge.limit.amount
        want = min(amount, level + ahead)
        self._target = amount
        if not level and not ahead:
            self.cap = 0
            return 0
        if not self._short or (want > self.has and self.has <= amount // self.processes):
            # Nobody lacks what this one has, or it has no more than is its own.
            return max(want, self.has)
        fair = amount // self.processes
        rest = min(want, self.has)
        self._target = rest if rest <= fair else max(fair, rest - self._short)
        self.cap = min(self.cap, self._target)
        return max(level, self._target)

    def learn(self, stand: PartStand) -> None:
        self.has = stand.granted
        self.cap = min(stand.granted, self._target)
        self.free = max(0, self.charge.limit.amount - stand.granted - stand.others)
        self.processes = stand.processes
        self._short = stand.short


def stand(ask: PartAsk, others: Sequence[tuple[int, int]]) -> PartStand:
    """What is granted beside what each of the others has and wants."""
    taken = sum(has for has, _ in others)
    granted = max(0, min(ask.want, ask.amount - taken))
    return PartStand(granted, taken, sum(max(0, wanted - has) for has, wanted in others), 1 + len(others))
