"""Responses and conversations in memory: bounded in bytes, gone with the process. The oldest make room."""

from collections import OrderedDict

from tidegate.ports import Clock, Kept

LIMIT = 256 << 20
"""Bytes of bodies."""
_ROW = 500
"""Bytes that a row counts besides its body."""


class MemoryConversations:
    """See `ports.Conversations`."""

    def __init__(self, clock: Clock, limit: int = LIMIT) -> None:
        self._clock = clock
        self._limit = limit
        self._size = 0
        self._rows: OrderedDict[tuple[str, str], Kept] = OrderedDict()

    def put(self, row: Kept) -> None:
        self.remove(row.org, row.id)
        self._rows[row.org, row.id] = row
        self._size += len(row.body) + _ROW
        while self._size > self._limit and len(self._rows) > 1:
            self.remove(*next(iter(self._rows)))

    async def get(self, org: str, id: str) -> Kept | None:
        row = self._rows.get((org, id))
        if row is not None and row.expires <= self._clock.now():
            self.remove(org, id)
            return None
        return row

    def remove(self, org: str, id: str) -> None:
        row = self._rows.pop((org, id), None)
        if row is not None:
            self._size -= len(row.body) + _ROW
