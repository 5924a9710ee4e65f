"""The counters of a call, found once for all calls that have the same limits.

The book gives calls of one key the same tuple of charges, so that a group is remembered by that tuple. While a group is remembered, or a
call of it runs, its counters are not forgotten.
"""

from collections.abc import Sequence
from typing import TypeAlias

from tidegate.adapters.counters_subjects import Subjects
from tidegate.policy.limits.cells import Cell
from tidegate.policy.limits.rules import REQUESTS, TOKENS, TRIES, Charge, Limit, are_lasting

REMEMBERED = 4096
"""Groups: about 1 KiB each."""
TELLS_NOTHING, TELLS_REQUESTS, TELLS_TOKENS = range(3)
_TELLS = {REQUESTS: TELLS_REQUESTS, TRIES: TELLS_REQUESTS, TOKENS: TELLS_TOKENS}

Line: TypeAlias = tuple[Cell, Limit, Charge, int, bool, int]
"""A counter and its limit, the charge, which of a claim's amounts it counts, whether it can refuse, and what clients are told by it."""


class Group:
    """`running` calls hold something of it. While it is remembered its tuple lives, so that no other one has the same identity."""

    __slots__ = ("charges", "is_remembered", "lines", "running")

    def __init__(self, charges: tuple[Charge, ...], lines: Sequence[Line]) -> None:
        self.charges = charges
        self.lines = lines
        self.running = 0
        self.is_remembered = False

    def ended(self) -> None:
        """A call of it ended."""
        self.running -= 1
        if not self.running and not self.is_remembered:
            self._let_go()

    def forgotten(self) -> None:
        """Nobody finds it any more."""
        self.is_remembered = False
        if not self.running:
            self._let_go()

    def _let_go(self) -> None:
        for cell, *_ in self.lines:
            cell.held -= 1


class Groups:
    """The groups of one process."""

    def __init__(self, subjects: Subjects) -> None:
        self._subjects = subjects
        self._known: dict[int, Group] = {}

    def group(self, charges: tuple[Charge, ...], now: int, wall: float) -> Group:
        """That of these charges."""
        found = self._known.get(id(charges))
        return self._made(charges, now, wall) if found is None else found

    def _made(self, charges: tuple[Charge, ...], now: int, wall: float) -> Group:
        lines: list[Line] = []
        for charge in charges:
            cell = self._subjects.cell(charge, now, wall)
            cell.held += 1
            tells = _TELLS.get(charge.measure, TELLS_NOTHING) if charge.shown else TELLS_NOTHING
            lines.append((cell, charge.limit, charge, charge.measure, charge.enforced, tells))
        group = Group(charges, lines)
        # Where callers name subjects, these share a bounded number of counters: they are looked for each time.
        if are_lasting(charges) and not any(charge.open for charge in charges):
            if len(self._known) >= REMEMBERED:
                for old in self._known.values():
                    old.forgotten()
                self._known.clear()
            group.is_remembered = True
            self._known[id(charges)] = group
        return group
