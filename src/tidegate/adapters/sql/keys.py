"""Gateway keys: when they were last used, which are in a state, and the one with a digest."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, and_, bindparam, not_, or_, select, update

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.rows import record_of
from tidegate.adapters.sql.schema import api_key
from tidegate.records import EVERYONE, ApiKey, KeyState, Tenant

_AT_ONCE = 1000
"""Keys in one transaction."""


async def touch(database: Database, used: Mapping[tuple[str, str], int]) -> None:
    """Notes when keys (by organisation and id) were last used, in microseconds; an earlier time changes nothing. No change of
    configuration, and so no generation and no audit event."""
    later = or_(api_key.c.last_used_at.is_(None), api_key.c.last_used_at < bindparam("at"))
    statement = update(api_key).where(api_key.c.org_id == bindparam("org"), api_key.c.id == bindparam("key"), later)
    values = [{"org": org, "key": id, "at": at} for (org, id), at in sorted(used.items())]
    orgs = {org for org, _ in used}
    scope = Tenant(*orgs) if len(orgs) == 1 else EVERYONE
    for start in range(0, len(values), _AT_ONCE):
        async with database.write(scope) as connection:
            await connection.execute(statement.values(last_used_at=bindparam("at")), values[start : start + _AT_ONCE])


def in_state(state: KeyState, at: int) -> ColumnElement[bool]:
    """Which keys `control.key_state` finds to be in a state at a time in microseconds."""
    table = api_key.c
    reasons: dict[KeyState, ColumnElement[bool]] = {
        "revoked": table.revoked_at.is_not(None),
        "disabled": table.disabled_at.is_not(None),
        "replaced": and_(table.overlap_until.is_not(None), table.overlap_until <= at),
        "expired": and_(table.expires_at.is_not(None), table.expires_at <= at),
    }
    earlier: list[ColumnElement[bool]] = []
    for name, reason in reasons.items():
        if name == state:
            return and_(reason, *earlier)
        earlier.append(not_(reason))
    return and_(*earlier)


async def key_of(database: Database, digests: Sequence[bytes]) -> tuple[Tenant, ApiKey] | None:
    """The key that has one of the digests, of any organisation."""
    columns = [api_key.c[name] for name in ApiKey.__struct_fields__]
    async with database.read(EVERYONE) as connection:
        found = await connection.execute(select(api_key.c.org_id, *columns).where(api_key.c.digest.in_(digests)))
        row = found.first()
    return None if row is None else (Tenant(row[0]), record_of(ApiKey, row[1:]))
