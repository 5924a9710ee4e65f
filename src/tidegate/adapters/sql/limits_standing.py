"""How budgets of an organisation stand, for people: as their windows say, and where no call has asked for one yet, as the ledger does. What
is told is counted nowhere. Called by `control_store`."""

from collections.abc import Collection, Sequence

from sqlalchemy import select

from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import within
from tidegate.adapters.sql.limits_past import used_before
from tidegate.adapters.sql.schema import api_key, limit_window
from tidegate.policy.limits.rules import Charge, Limit, Standing
from tidegate.policy.limits.single import single, window_of
from tidegate.policy.limits.windows import TOTAL, Window
from tidegate.records import Tenant

_SECOND = 1_000_000
Place = tuple[str, int]
"""(the counter's key, when the window begins in microseconds)."""


async def standings(connection: AsyncConnection, tenant: Tenant, limits: Sequence[Limit], at: float) -> dict[str, Standing]:
    """By the limit's id; those of many subjects, and of no window of the calendar, are left out. The transaction is the tenant's."""
    lines = await _lines(connection, tenant, [limit.subject for limit in limits if limit.kind == "key"])
    found: dict[Place, tuple[Charge, Window]] = {}
    for limit in limits:
        window, charge = window_of(limit, at), single(limit, tenant.org_id, lines.get(limit.subject, limit.subject))
        if window is not None and charge is not None:
            found[charge.key, window.start * _SECOND] = charge, window
    stored = await _stored(connection, tenant, found)
    stands: dict[str, Standing] = {}
    for place, (charge, window) in found.items():
        used, held = stored.get(place) or (await used_before(connection, charge, window.start), 0)
        stands[charge.limit.id] = Standing(charge, used, held, None if window.end == TOTAL.end else window.end)
    return stands


async def _lines(connection: AsyncConnection, tenant: Tenant, keys: Sequence[str]) -> dict[str, str]:
    """In whose name keys are counted that replaced others."""
    if not keys:
        return {}
    query = select(api_key.c.id, api_key.c.line).where(*within(tenant, api_key), api_key.c.id.in_(keys), api_key.c.line.is_not(None))
    return {row.id: row.line for row in await connection.execute(query)}


async def _stored(connection: AsyncConnection, tenant: Tenant, places: Collection[Place]) -> dict[Place, tuple[int, int]]:
    table = limit_window
    chosen = (table.c.key.in_({key for key, _ in places}), table.c.starts_at.in_({start for _, start in places}))
    query = select(table.c.key, table.c.starts_at, table.c.used, table.c.held).where(*within(tenant, table), *chosen)
    return {(row.key, row.starts_at): (row.used, row.held) for row in await connection.execute(query)} if places else {}
