"""The connections to the database: how they are made, how long anything may take, and whose rows a transaction sees.

Every statement runs in a transaction of `Database.read` or `Database.write`, which name a tenant or `EVERYONE`. On PostgreSQL that becomes
`app.tenant`, which row-level security compares with every row; without it there are no rows. The repositories filter by tenant themselves:
this is the second wall, and SQLite has only the first. SQLAlchemy takes 0.3 s and 30 MB to import: `app` imports this after it serves.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import URL, ColumnElement, Connection, Table, event, func, select, true
from sqlalchemy.engine.interfaces import DBAPIConnection

from tidegate.adapters.sql.address import BadAddress
from tidegate.adapters.sql.connection import AsyncConnection, async_engine, dispose
from tidegate.records import Everyone, Scope, Tenant

STATEMENT_SECONDS = 2.0
ADMIN_SECONDS = 10.0
ACQUIRE_SECONDS = 0.25
IDLE_SECONDS = 5.0
CONNECT_SECONDS = 5.0
POOL = 5
"""Connections that are kept; as many more come and go."""

PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")
"""Of every connection to SQLite. What is deleted is overwritten, as SQLite's own default is on Debian and not elsewhere."""

_WRITES = "tidegate_writes"
_ENCODE = msgspec.json.Encoder().encode


class Database:
    """A pool of connections to one database. A statement that takes longer than `statement_seconds` fails: `STATEMENT_SECONDS` where a
    call may wait for it, `ADMIN_SECONDS` for people's commands. Raises `BadAddress` where the driver is not installed."""

    def __init__(self, url: URL, *, statement_seconds: float = STATEMENT_SECONDS) -> None:
        self.statement_seconds = statement_seconds
        self.is_sqlite = url.get_backend_name() == "sqlite"
        options = _sqlite(url, statement_seconds) if self.is_sqlite else _postgres(statement_seconds)
        try:
            self.engine = async_engine(url, json_serializer=_json, json_deserializer=msgspec.json.decode, hide_parameters=True, **options)
        except ModuleNotFoundError:
            raise BadAddress("PostgreSQL needs its driver: `pip install 'tidegate[postgres]'`") from None
        if self.is_sqlite:
            event.listen(self.engine, "connect", _set_up_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    def connect(self) -> AsyncConnection:
        """A connection without a transaction, and so without a scope."""
        return AsyncConnection(self.engine)

    @asynccontextmanager
    async def read(self, scope: Scope) -> AsyncGenerator[AsyncConnection]:
        """A transaction that changes nothing."""
        async with self.connect() as connection, connection.begin():
            await self.enter(connection, scope)
            yield connection

    @asynccontextmanager
    async def write(self, scope: Scope) -> AsyncGenerator[AsyncConnection]:
        """A transaction that is kept where the block ends well, and undone where it does not."""
        async with self.connect() as connection:
            await connection.execution_options(**{_WRITES: True})
            async with connection.begin():
                await self.enter(connection, scope)
                yield connection

    async def enter(self, connection: AsyncConnection, scope: Scope) -> None:
        """From here on the transaction is of this scope."""
        if not self.is_sqlite:
            await connection.execute(select(func.set_config("app.tenant", setting(scope), true())))

    async def settle(self) -> None:
        """What was changed is in SQLite's file alone, and no longer in its log: also what was deleted is gone from there."""
        if self.is_sqlite:
            async with self.connect() as connection:
                await (await connection.driver()).execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def aclose(self) -> None:
        await dispose(self.engine)


def setting(scope: Scope) -> str:
    """What `app.tenant` is. An organisation's id is never `*`."""
    return "*" if isinstance(scope, Everyone) else scope.org_id


def within(scope: Scope, *tables: Table) -> tuple[ColumnElement[bool], ...]:
    """The condition that every statement on these tables carries."""
    return tuple(table.c.org_id == scope.org_id for table in tables) if isinstance(scope, Tenant) else ()


def _json(value: Any) -> str:
    return _ENCODE(value).decode()


def _sqlite(url: URL, statement_seconds: float) -> dict[str, Any]:
    if url.database and url.database != ":memory:":
        file = Path(url.database)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    return {"connect_args": {"timeout": statement_seconds}, "pool_size": POOL}


def _postgres(statement_seconds: float) -> dict[str, Any]:
    settings = {
        "application_name": "tidegate",
        "statement_timeout": str(int(statement_seconds * 1000)),
        "idle_in_transaction_session_timeout": str(int(IDLE_SECONDS * 1000)),
        "jit": "off",
    }
    return {
        "connect_args": {"timeout": CONNECT_SECONDS, "command_timeout": statement_seconds + 1, "server_settings": settings},
        "pool_size": POOL,
        "max_overflow": POOL,
        "pool_timeout": ACQUIRE_SECONDS,
        "pool_pre_ping": True,
    }


def _set_up_sqlite(connection: DBAPIConnection, _record: object) -> None:
    # The driver's own transactions begin too late and end before DDL: ours are begun by `_begin_sqlite`.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute("PRAGMA " + pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A transaction that will write takes the lock at its begin: one that asks later may be refused without waiting."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
