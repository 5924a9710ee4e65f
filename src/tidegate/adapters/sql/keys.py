"""When gateway keys were last used."""

from collections.abc import Mapping

from sqlalchemy import bindparam, or_, update

from tidegate.adapters.sql.engine import Database, within
from tidegate.adapters.sql.schema import api_key
from tidegate.records import Tenant


async def touch(database: Database, tenant: Tenant, used: Mapping[str, int]) -> None:
    """Notes when keys (by id) were last used, in microseconds; an earlier time changes nothing. No change of configuration, and so no
    generation and no audit event."""
    if not used:
        return
    later = or_(api_key.c.last_used_at.is_(None), api_key.c.last_used_at < bindparam("at"))
    statement = update(api_key).where(*within(tenant, api_key), api_key.c.id == bindparam("key"), later)
    values = [{"key": id, "at": at} for id, at in sorted(used.items())]
    async with database.write(tenant) as connection:
        await connection.execute(statement.values(last_used_at=bindparam("at")), values)
