"""The time of the database, which all of its gateways share."""

from sqlalchemy import extract, func, select

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.statements import told_when_away
from tidegate.records import EVERYONE


async def database_now(database: Database) -> float:
    """Unix time in seconds; SQLite has the clock of its gateway. Raises `StorageUnavailable`."""
    with told_when_away():
        async with database.read(EVERYONE) as connection:
            return float((await connection.execute(select(extract("epoch", func.clock_timestamp())))).scalar_one())
