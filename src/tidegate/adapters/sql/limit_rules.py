"""The limits of all organisations for the data plane, and the generation that they are of. Few beside keys: they are read whole.

That of a key which replaced another is one of the first of all that did: the counter is the same before and after a rotation.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import and_, select

from tidegate.adapters.sql.changes import generation
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.rows import record_of
from tidegate.adapters.sql.schema import api_key, limit_rule
from tidegate.adapters.sql.statements import told_when_away
from tidegate.records import EVERYONE, LimitRule

_COLUMNS = [limit_rule.c.org_id, api_key.c.line, *(limit_rule.c[name] for name in LimitRule.__struct_fields__)]


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
            its_key = and_(limit_rule.c.scope_kind == "key", api_key.c.org_id == limit_rule.c.org_id, api_key.c.id == limit_rule.c.scope_id)
            query = select(*_COLUMNS).select_from(limit_rule.outerjoin(api_key, its_key)).where(limit_rule.c.disabled_at.is_(None))
            query = query.order_by(limit_rule.c.org_id, limit_rule.c.id)
            async with self._database.read(EVERYONE) as connection:
                rows: Any = (await connection.execute(query)).all()
        return now, [(row[0], _rule(row[1], row[2:])) for row in rows]


def _rule(line: str | None, row: Sequence[Any]) -> LimitRule:
    rule = record_of(LimitRule, row)
    return rule if line is None else msgspec.structs.replace(rule, scope_id=line)
