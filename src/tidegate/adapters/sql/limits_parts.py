"""The parts of limits in the database: one row for each process that has or wants some. Implements `ports.limits.Parts`.

Whoever changes rows sees all of them: SQLite has one writer, and on PostgreSQL a lock is taken before.
"""

from collections.abc import Mapping

from sqlalchemy import func, select

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.schema import limit_part
from tidegate.adapters.sql.statements import insert
from tidegate.policy.limits.part import PartAsk, PartStand, stand
from tidegate.ports import Clock
from tidegate.records import EVERYONE

GRACE = 10.0
"""Seconds that a process may be silent; what it has counts for as long, and then for what it may have admitted until then."""
LOCK = 0x7469_6C70
_SECOND = 1_000_000


class SqlParts:
    """`owner` names this process, and none before or after it."""

    def __init__(self, database: Database, owner: str, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        put = insert(limit_part, is_sqlite=database.is_sqlite)
        self._put = put.on_conflict_do_update(
            index_elements=["key", "owner"],
            set_={name: put.excluded[name] for name in ("granted", "wanted", "counts_until")},
        )

    async def exchange(self, asks: Mapping[str, PartAsk]) -> dict[str, PartStand]:
        table, keys = limit_part, sorted(asks)
        async with self._database.write(EVERYONE) as connection:
            if not self._database.is_sqlite:
                await connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
            now = int(self._clock.now() * _SECOND)
            await connection.execute(table.delete().where(table.c.key.in_(keys), table.c.counts_until <= now))
            others = select(table.c.key, table.c.granted, table.c.wanted).where(table.c.key.in_(keys), table.c.owner != self._owner)
            taken: dict[str, list[tuple[int, int]]] = {}
            for row in (await connection.execute(others)).all():
                taken.setdefault(row.key, []).append((row.granted, row.wanted))
            stands = {key: stand(ask, taken.get(key, [])) for key, ask in asks.items()}
            gone = [key for key in keys if not asks[key].want]
            if gone:
                await connection.execute(table.delete().where(table.c.key.in_(gone), table.c.owner == self._owner))
            rows = [
                {
                    "key": key,
                    "owner": self._owner,
                    "granted": stands[key].granted,
                    "wanted": asks[key].want,
                    "counts_until": now + int(GRACE * _SECOND) + asks[key].lasts,
                }
                for key in keys
                if asks[key].want
            ]
            if rows:
                await connection.execute(self._put, rows)
        return stands
