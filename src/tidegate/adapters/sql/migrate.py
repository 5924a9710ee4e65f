"""Brings a database to the schema of this code. Versions are numbers that grow; a database may be ahead of the code, because each version
of the schema serves the code before it too (docs/storage.md). alembic is imported here only: `app` and `cli` import this file where it is
needed and not before."""

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


async def upgrade(database: Database) -> tuple[str | None, str]:
    """(version before, version after). Of several that start at once, one migrates and the others wait; all in one transaction."""
    async with database.write(EVERYONE) as connection:
        if not database.is_sqlite:
            await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        before = await connection.run_sync(version_of)
        await connection.run_sync(_upgrade)
        return before, await connection.run_sync(version_of) or ""


def configuration(connection: Connection | None = None) -> Config:
    """alembic's view of our migrations."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(configuration(connection), "head")
