"""What was used of a limit before its window was first asked for: sums of the rollups, whose buckets never lie across the edge of a window.

So a limit that is new, or edited to another period, begins with what the ledger knows; of a key, what those used that it replaced, or that
replaced it, too.
Of end users only the ledger itself tells.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func, or_, select

from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import within
from tidegate.adapters.sql.schema import api_key
from tidegate.adapters.sql.schema_usage import ROLLUPS, ledger
from tidegate.policy.limits.rules import MEASURE_NAMES, Charge
from tidegate.records import EVERYONE, Tenant

_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
_SECOND = 1_000_000
_COLUMNS = {"team": "team_id", "user": "user_id", "route": "route"}


async def used_before(connection: AsyncConnection, charge: Charge, start: int) -> int:
    """In the limit's own unit, since `start` in Unix seconds. The transaction must be one that may see the rows."""
    if charge.limit.kind == "end_user":
        return await _of_end_user(connection, charge, start)
    table = next(table for seconds, table in reversed(ROLLUPS) if start % seconds == 0)
    conditions = [*within(Tenant(charge.org) if charge.org else EVERYONE, table), table.c.bucket >= start * _SECOND]
    conditions += _of_subject(charge, table)
    return int((await connection.execute(select(_sum(charge, table)).where(*conditions))).scalar_one())


def _of_subject(charge: Charge, table: Table) -> list[ColumnElement[bool]]:
    kind, subject = charge.limit.kind, charge.subject
    if kind == "tag":
        return [table.c.tag == subject.partition("/")[2]]
    plain = table.c.tag == ""
    if kind == "model":
        provider, _, model = subject.partition("/")
        return [plain, table.c.provider == provider, table.c.model == model]
    if kind == "key":
        return [plain, or_(table.c.key_id == subject, table.c.key_id.in_(_replaced_by(charge)), table.c.key_id.in_(_line_of(charge)))]
    column = _COLUMNS.get(kind)
    return [plain] if column is None else [plain, table.c[column] == subject]


def _replaced_by(charge: Charge) -> Select[Any]:
    """The keys in whose place the key of a charge was made, by one rotation after the other."""
    mine = within(Tenant(charge.org) if charge.org else EVERYONE, api_key)
    line = select(api_key.c.rotated_from).where(*mine, api_key.c.id == charge.subject).cte("line", recursive=True)
    line = line.union(select(api_key.c.rotated_from).where(*mine, api_key.c.id == line.c.rotated_from))
    return select(line.c.rotated_from).where(line.c.rotated_from.is_not(None))


def _line_of(charge: Charge) -> Select[Any]:
    """The keys that are counted in the name of a charge's."""
    return select(api_key.c.id).where(*within(Tenant(charge.org) if charge.org else EVERYONE, api_key), api_key.c.line == charge.subject)


def _sum(charge: Charge, table: Table) -> ColumnElement[Any]:
    match MEASURE_NAMES[charge.measure]:
        case "spend":
            summed: ColumnElement[Any] = table.c.cost_nano
        case "tokens":
            summed = _tokens(table)
        case "tries":
            summed = table.c.attempts
        case _:
            summed = table.c.requests
    return func.coalesce(func.sum(summed), 0)


def _tokens(table: Table) -> ColumnElement[Any]:
    first, *others = (func.coalesce(table.c[name], 0) for name in _TOKENS)
    total: ColumnElement[Any] = first
    for other in others:
        total = total + other
    return total


async def _of_end_user(connection: AsyncConnection, charge: Charge, start: int) -> int:
    """Those that share a counter begin at 0: their names are not told apart."""
    name = charge.subject.partition("/")[2]
    if not name:
        return 0
    conditions = [*within(Tenant(charge.org), ledger), ledger.c.at >= start * _SECOND, ledger.c.end_user == name]
    match MEASURE_NAMES[charge.measure]:
        case "spend":
            summed: ColumnElement[Any] = func.sum(ledger.c.cost_nano)
        case "tokens":
            summed = func.sum(_tokens(ledger))
        case _:
            summed = func.count()
            conditions += [ledger.c.attempt <= 1, ledger.c.entry.in_(("settled", "unknown"))]
    return int((await connection.execute(select(func.coalesce(summed, 0)).where(*conditions))).scalar_one())
