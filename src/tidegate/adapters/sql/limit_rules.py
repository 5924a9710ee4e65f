"""The limits of all organisations for the data plane, and the generation that they are of. Few beside keys: they are read whole."""

from sqlalchemy import select

from tidegate.adapters.sql.changes import generation
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.rows import record_of
from tidegate.adapters.sql.schema import limit_rule
from tidegate.adapters.sql.statements import told_when_away
from tidegate.records import EVERYONE, LimitRule

_COLUMNS = [limit_rule.c.org_id, *(limit_rule.c[name] for name in LimitRule.__struct_fields__)]


class SqlLimitRules:
    """Implements `ports.LimitRules`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, reached: int) -> tuple[int, list[tuple[str, LimitRule]]] | None:
        with told_when_away():
            # The generation first: rows that are newer are read once more.
            now = await generation(self._database)
            if now == reached:
                return None
            query = select(*_COLUMNS).where(limit_rule.c.disabled_at.is_(None)).order_by(limit_rule.c.org_id, limit_rule.c.id)
            async with self._database.read(EVERYONE) as connection:
                return now, [(row[0], record_of(LimitRule, row[1:])) for row in (await connection.execute(query)).all()]
