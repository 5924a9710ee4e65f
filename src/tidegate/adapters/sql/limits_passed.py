"""Budgets that have passed a threshold in a window that still runs, as the database has them: what a process that died may have
told nobody. Whoever asks knows which of them were told."""

from collections.abc import AsyncIterator, Mapping

from sqlalchemy import or_, select, tuple_

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.schema import limit_window
from tidegate.adapters.sql.statements import told_when_away
from tidegate.policy.limits.cells import alert_level
from tidegate.policy.limits.rules import MEASURE_NAMES, SPEND, Limit
from tidegate.ports.limits import PassedThreshold
from tidegate.records import EVERYONE

_PAGE = 1000
_SECOND = 1_000_000


class Thresholds:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def passed(self, limits: Mapping[str, Limit], now: int) -> AsyncIterator[PassedThreshold]:
        """Those of these limits (by their ids), in windows that `now` (microseconds) lies in. Raises `StorageUnavailable`."""
        lowest = min((_lowest(limit) for limit in limits.values() if limit.alerts), default=None)
        if lowest is None:
            return
        table = limit_window
        columns = (table.c.org_id, table.c.key, table.c.starts_at, table.c.used)
        running = (table.c.starts_at <= now, or_(table.c.ends_at.is_(None), table.c.ends_at > now))
        chosen = (table.c.measure == MEASURE_NAMES[SPEND], table.c.used >= max(1, lowest), *running)
        place = tuple_(table.c.org_id, table.c.key, table.c.starts_at)
        query = select(*columns).where(*chosen).order_by(table.c.org_id, table.c.key, table.c.starts_at).limit(_PAGE)
        after: tuple[str, str, int] | None = None
        while True:
            with told_when_away():
                async with self._database.read(EVERYONE) as connection:
                    rows = (await connection.execute(query if after is None else query.where(place > after))).all()
            for row in rows:
                found = _limit_of(row.key, limits)
                if found is not None:
                    limit, subject = found
                    for percent in limit.alerts[: alert_level(limit, row.used)]:
                        yield PassedThreshold(limit, subject, row.org_id, percent, row.used, row.starts_at // _SECOND)
            if len(rows) < _PAGE:
                return
            after = (rows[-1].org_id, rows[-1].key, rows[-1].starts_at)


def _lowest(limit: Limit) -> int:
    return limit.amount * limit.alerts[0] // 100


def _limit_of(key: str, limits: Mapping[str, Limit]) -> tuple[Limit, str] | None:
    """The limit of a counter's key, and the subject."""
    place = key.find("|")
    while place >= 0:
        limit = limits.get(key[:place])
        if limit is not None:
            return limit, key[place + 1 :]
        place = key.find("|", place + 1)
    return None
