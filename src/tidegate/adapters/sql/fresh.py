"""A new SQLite database gets its schema in one go, out of `sqlite.sql`: what all migrations together come to, and the version that this
is. Written by `scripts/write_schema.py`. Migrating would need alembic, which takes 0.3 s and 12 MB that stay for good."""

import time
from pathlib import Path

from sqlalchemy import Connection, inspect

from tidegate.adapters.sql.engine import Database
from tidegate.records import EVERYONE

FILE = Path(__file__).with_name("sqlite.sql")
NOW = ":now"
"""Where the time of making stands, Unix microseconds."""
BETWEEN = ";\n\n"


async def fill(database: Database) -> bool:
    """Whether the database was empty and is filled now. Of several that do it at once, one does."""
    async with database.write(EVERYONE) as connection:
        return await connection.run_sync(_fill)


def _fill(connection: Connection) -> bool:
    now = int(time.time() * 1_000_000)
    if inspect(connection).get_table_names():
        return False
    for statement in FILE.read_text(encoding="utf-8").split(BETWEEN):
        connection.exec_driver_sql(statement, {"now": now} if NOW in statement else None)
    return True
