"""Which counter belongs to which subject, within a bound. End users and model names come from callers: of each limit that counts them one
by one, only so many are told apart, and the others share one counter, so that inventing names never gives anybody more."""

from collections import OrderedDict
from collections.abc import Callable

from tidegate.policy.limits.cells import Cell, Slots, new_cell
from tidegate.policy.limits.rules import Charge, Limit

_LOOKED_AT = 8
"""How many counters are looked at for one that can be forgotten, when a new one is made."""


class Subjects:
    """`most` counters for each limit on subjects that callers name; as many as there are for the rest. A counter whose forgetting changes
    nothing makes room for a new one. `new` makes the counter of a limit."""

    def __init__(self, most: int, new: Callable[[Limit], Cell] = new_cell) -> None:
        self._most = most
        self._cell_of = new
        self._cells: OrderedDict[str, Cell] = OrderedDict()
        self._limits: dict[str, Limit] = {}
        self._open: dict[str, OrderedDict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def cell(self, charge: Charge, now: int, wall: float) -> Cell:
        """The counter of a charge; made where there is none."""
        cell = self._cells.get(charge.key)
        if cell is None:
            return self._new(charge, now, wall)
        if charge.open:
            self._open[charge.limit.id].move_to_end(charge.key)
        return cell

    def seen(self, charge: Charge) -> Cell:
        """The same for looking at: makes nothing."""
        cell = self._cells.get(charge.key)
        if cell is None and charge.open and len(self._open.get(charge.limit.id, ())) >= self._most:
            cell = self._cells.get(_shared(charge))
        return self._cell_of(charge.limit) if cell is None else cell

    def _new(self, charge: Charge, now: int, wall: float) -> Cell:
        self._forget(self._cells, now, wall)
        if not charge.open:
            return self._add(charge.key, charge.limit, self._cell_of(charge.limit))
        group = self._open.setdefault(charge.limit.id, OrderedDict())
        if len(group) >= self._most:
            self._forget(group, now, wall)
        shared = self._cells.get(_shared(charge))
        crowded = shared is not None and not shared.idle(charge.limit, now, wall)
        if len(group) >= self._most or (crowded and isinstance(shared, Slots)):
            return shared if shared is not None else self._add(_shared(charge), charge.limit, self._cell_of(charge.limit))
        group[charge.key] = None
        # Whoever comes out of the shared counter may have used all of it.
        cell = shared.fork() if shared is not None and crowded else self._cell_of(charge.limit)
        return self._add(charge.key, charge.limit, cell)

    def _add(self, key: str, limit: Limit, cell: Cell) -> Cell:
        self._cells[key] = cell
        self._limits[key] = limit
        return cell

    def _forget(self, keys: OrderedDict[str, Cell] | OrderedDict[str, None], now: int, wall: float) -> None:
        """Looks at the oldest few: each is forgotten, or goes to the end."""
        for _ in range(min(_LOOKED_AT, len(keys))):
            key = next(iter(keys))
            limit = self._limits[key]
            cell = self._cells[key]
            if not cell.held and cell.idle(limit, now, wall):
                del self._cells[key], self._limits[key]
                group = self._open.get(limit.id)
                if group is not None:
                    group.pop(key, None)
            else:
                keys.move_to_end(key)


def _shared(charge: Charge) -> str:
    """The key of the counter of all other subjects; no subject has an empty name."""
    return charge.limit.id + "|"
