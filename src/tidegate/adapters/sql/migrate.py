"""Brings a database to the schema of this code. Versions are numbers that grow; a database may be ahead of the code, because each version
of the schema serves the code before it too (docs/storage.md). alembic is imported here only: `app` and `cli` import this file where it is
needed and not before."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, func, select

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.version import version_of
from tidegate.records import EVERYONE

FOLDER = Path(__file__).parent / "migrations"

_LOCK = 0x7469_6465
"""PostgreSQL's advisory lock of whoever migrates."""

_ALEMBIC = threading.Lock()
"""alembic keeps what it works on in its module: one upgrade at a time in a process, whatever loops there are."""
_LOOK = 0.02


@contextlib.asynccontextmanager
async def _alone() -> AsyncGenerator[None]:
    while not _ALEMBIC.acquire(blocking=False):  # noqa: ASYNC110 - a lock of threads, for the loops of all of them
        await asyncio.sleep(_LOOK)
    try:
        yield
    finally:
        _ALEMBIC.release()


async def upgrade(database: Database, to: str = "head") -> tuple[str | None, str]:
    """(version before, version after); `to` is the version that is wanted, where it is not this code's. Of several that start at once, one
    migrates and the others wait; all in one transaction."""
    async with _alone(), database.write(EVERYONE) as connection:
        if not database.is_sqlite:
            await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        before = await connection.run_sync(version_of)
        await connection.run_sync(_upgrade, to)
        return before, await connection.run_sync(version_of) or ""


def configuration(connection: Connection | None = None) -> Config:
    """alembic's view of our migrations."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, to: str) -> None:
    command.upgrade(configuration(connection), to)
