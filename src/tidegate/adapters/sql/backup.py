"""Everything that the database keeps, as of one moment, into a file, while gateways go on.

What processes hold of limits at that moment is left out: whoever restores it has no process that could give it back. Secrets stay sealed as
they are. `restore` is the way back.
"""

import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, LargeBinary, MetaData, Table, select

from tidegate import __version__
from tidegate.adapters.backup_file import Header, Writer, written
from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.schema import limit_lease, limit_owner, limit_part, limit_window
from tidegate.adapters.sql.version import require, version_of
from tidegate.records import EVERYONE

LEFT_OUT = frozenset({limit_lease.name, limit_owner.name, limit_part.name, "alembic_version"})
_AT_ONCE = 200


async def back_up(database: Database, path: Path, now: int) -> Mapping[str, int]:
    """How many rows of each table the new file has. `now` in microseconds. Raises `FileExistsError`, `version.Behind`, and `OSError`."""
    await require(database)
    with written(path) as file:
        async with _moment(database) as connection:
            schema = await connection.run_sync(version_of)
            tables = await connection.run_sync(present)
            names = tuple(str(table.name) for table in tables)
            writer = Writer(file, Header(schema=schema or "", tidegate=__version__, made_at=now, tables=names))
            for table in tables:
                await _write(connection, table, writer)
        writer.end()
    return writer.rows


def present(connection: Connection) -> list[Table]:
    """The tables of the database as they are, each after those that it refers to."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name not in LEFT_OUT]


@asynccontextmanager
async def _moment(database: Database) -> AsyncGenerator[AsyncConnection]:
    """A transaction that sees the database as it was at its beginning. SQLite's do so by themselves."""
    async with database.connect() as connection:
        if not database.is_sqlite:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        async with connection.begin():
            await database.enter(connection, EVERYONE)
            yield connection


async def _write(connection: AsyncConnection, table: Table, writer: Writer) -> None:
    columns = list(table.columns)
    name = str(table.name)
    writer.table(name, [str(column.name) for column in columns])
    binary = [place for place, column in enumerate(columns) if isinstance(column.type, LargeBinary)]
    held = next((place for place, column in enumerate(columns) if name == limit_window.name and column.name == "held"), None)
    async with aclosing(connection.parts(select(*columns).order_by(*table.primary_key.columns), _AT_ONCE)) as parts:
        async for rows in parts:
            for row in rows:
                values: list[Any] = list(row)
                for place in binary:
                    if values[place] is not None:
                        values[place] = base64.b64encode(values[place]).decode()
                if held is not None:
                    values[held] = 0
                writer.row(name, values)
