"""The rows of a ledger in a database, as usage events: as the judge reads them."""

from typing import Any

from sqlalchemy import select

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.schema_usage import ledger
from tidegate.records import EVERYONE

_SAME = ("request_id", "attempt", "entry", "estimated", "upstream_status", "key_name", "cost_nano")


async def rows_of(database: Database) -> list[dict[str, Any]]:
    """In the order in which they came."""
    async with database.read(EVERYONE) as connection:
        found = (await connection.execute(select(ledger).order_by(ledger.c.seq))).all()
    return [
        {name: getattr(row, name) for name in _SAME}
        | {
            "key": row.key_id,
            "at": row.at,
            "usage": {"input": row.input_tokens, "output": row.output_tokens} if row.input_tokens is not None else None,
        }
        for row in found
    ]
