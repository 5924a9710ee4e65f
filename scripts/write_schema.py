"""Writes src/tidegate/adapters/sql/sqlite.sql: what the migrations make of an empty SQLite database."""

import asyncio
import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from tidegate.adapters.sql import migrate
from tidegate.adapters.sql.address import FILE as DATABASE
from tidegate.adapters.sql.address import address
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.fresh import BETWEEN, FILE, NOW


def schema() -> str:
    """The text."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_migrate(Path(folder)))
        with closing(sqlite3.connect(Path(folder) / DATABASE)) as connection:
            return dump(connection)


def dump(connection: sqlite3.Connection) -> str:
    """The text that makes a database like this one, which was migrated just now: times are all that has 16 digits."""
    lines = [line.rstrip(";") for line in connection.iterdump() if line not in ("BEGIN TRANSACTION;", "COMMIT;")]
    # Where a migration copies a table, alembic makes its indexes again in any order.
    lines.sort(key=lambda line: line if line.startswith(("CREATE INDEX", "CREATE UNIQUE INDEX")) else "")
    return BETWEEN.join(re.sub(r"\b\d{16}\b", NOW, line) for line in lines)


async def _migrate(home: Path) -> None:
    database = Database(address({}, home))
    await migrate.upgrade(database)
    await database.aclose()


if __name__ == "__main__":
    FILE.write_text(schema(), encoding="utf-8")
