"""Which version of the schema a database has, and which one this code needs. Cheap: knows nothing of how versions are made."""

from sqlalchemy import Column, Connection, MetaData, Table, Text, inspect, select

from tidegate.adapters.sql.engine import Database
from tidegate.records import EVERYONE

HEAD = "0014"

_VERSION = Table("alembic_version", MetaData(), Column("version_num", Text))


class Behind(RuntimeError):
    """The database's schema is older than this code needs."""


def version_of(connection: Connection) -> str | None:
    """None for a database that was never migrated."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar()


async def current(database: Database) -> str | None:
    async with database.read(EVERYONE) as connection:
        return await connection.run_sync(version_of)


def is_behind(version: str | None) -> bool:
    return version is None or int(version) < int(HEAD)


async def require(database: Database) -> None:
    """Raises `Behind` with the command that helps."""
    version = await current(database)
    if is_behind(version):
        had = f"is of version {version}" if version else "is empty"
        raise Behind(f"the database {had}, and this Tidegate needs version {HEAD}: run `tidegate migrate upgrade`, then start again")
