"""A backup put into an empty database, of the kind that it was made of or the other one: all of it, or nothing.

A backup of an older schema is put into that schema, which is then raised to this code's.
"""

import base64
from collections.abc import Iterator, Mapping
from itertools import groupby, islice
from typing import Any

from sqlalchemy import JSON, LargeBinary, Table, delete, func, insert, select

from tidegate.adapters.backup_file import BadBackup, Reader
from tidegate.adapters.sql import migrate
from tidegate.adapters.sql.backup import present
from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.schema import config_generation, organisation
from tidegate.adapters.sql.version import HEAD, current
from tidegate.records import DEFAULT_ORG, EVERYONE

_AT_ONCE = 500


class NotEmpty(RuntimeError):
    """The database holds something already; the message says what."""


async def restore(database: Database, reader: Reader) -> Mapping[str, int]:
    """How many rows each table got. Raises `BadBackup`, and `NotEmpty`."""
    header = reader.header
    if not header.schema.isdigit() or int(header.schema) > int(HEAD):
        raise BadBackup(
            f"the backup is of version {header.schema} of the schema, made by Tidegate {header.tidegate}, and this one knows {HEAD}: "
            "use a newer Tidegate"
        )
    version = await current(database)
    if version is None:
        await migrate.upgrade(database, header.schema)
    elif version != header.schema:
        await _refuse_full(database)
        raise NotEmpty(
            f"the database is of version {version} of the schema already, and the backup of {header.schema}: take a database that is new"
        )
    counted: dict[str, int] = {}
    async with database.write(EVERYONE) as connection:
        tables = {table.name: table for table in await connection.run_sync(present)}
        await _refuse_rows(connection, tables)
        for seeded in (config_generation, organisation):
            await connection.execute(delete(tables[seeded.name]))
        for name, rows in groupby(reader.rows(), key=lambda row: row[0]):
            table = tables.get(name)
            if table is None:
                raise BadBackup(f"the backup has a table `{name}`, which version {header.schema} of the schema has not")
            counted[name] = await _insert(connection, table, rows)
        if not database.is_sqlite:
            await _count_on(connection, tables)
    await migrate.upgrade(database)
    return counted


async def _refuse_full(database: Database) -> None:
    async with database.read(EVERYONE) as connection:
        await _refuse_rows(connection, {table.name: table for table in await connection.run_sync(present)})


async def _refuse_rows(connection: AsyncConnection, tables: Mapping[str, Table]) -> None:
    """Raises `NotEmpty` unless there is only what a new database has: one organisation, and the first generation."""
    for name, table in tables.items():
        if name == config_generation.name:
            continue
        query = select(func.count()).select_from(table)
        if name == organisation.name:
            query = query.where(table.c.org_id != DEFAULT_ORG)
        count = (await connection.execute(query)).scalar_one()
        if count:
            raise NotEmpty(f"the database is not empty: `{name}` has {count:,} rows. A backup is restored into a new database only")


async def _insert(connection: AsyncConnection, table: Table, rows: Iterator[tuple[str, list[str], list[Any]]]) -> int:
    binary = {column.name for column in table.columns if isinstance(column.type, LargeBinary)}
    for column in table.columns:
        if isinstance(column.type, JSON):
            column.type.none_as_null = True
    done = 0
    while some := list(islice(rows, _AT_ONCE)):
        values = [{name: _value(name in binary, value) for name, value in zip(columns, row, strict=True)} for _, columns, row in some]
        await connection.execute(insert(table), values)
        done += len(values)
    return done


def _value(binary: bool, value: Any) -> Any:
    return base64.b64decode(value) if binary and value is not None else value


async def _count_on(connection: AsyncConnection, tables: Mapping[str, Table]) -> None:
    """PostgreSQL's sequences go on behind what was restored."""
    for table in tables.values():
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = (await connection.execute(select(func.pg_get_serial_sequence(table.name, column.name)))).scalar()
        last = (await connection.execute(select(func.max(column)))).scalar()
        if sequence and last:
            await connection.execute(select(func.setval(sequence, last)))
