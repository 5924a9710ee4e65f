"""Hears of changes, once for all who want to know: the database is asked for its generation, and PostgreSQL tells of every change when it
is committed."""

import asyncio
from collections.abc import Callable

from tidegate.adapters.sql.changes import CHANNEL, generation
from tidegate.adapters.sql.engine import Database
from tidegate.logs import Log

ASK = 1.0
"""Seconds between two questions."""
LOOK = 5.0
"""Seconds between two looks whether the connection that listens still works, and between two tries to get one."""

_LOG = Log("tidegate.storage")


async def listen(database: Database, heard: Callable[[], None]) -> None:
    """Until it is cancelled. `heard` is called for every change, and whenever changes may have been missed. A pool of sessions in between
    may swallow notifications: whoever listens looks by itself too."""

    def notified(*_given: object) -> None:
        heard()

    told = False
    while True:
        try:
            async with database.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                driver = await connection.driver()
                await driver.add_listener(CHANNEL, notified)
                heard()
                told = False
                while True:
                    await asyncio.sleep(LOOK)
                    await connection.exec_driver_sql("SELECT 1")
        except Exception as error:
            if not told:
                _LOG.warning("changes are not heard of; the database is asked for them", error=f"{type(error).__name__}: {error}"[:500])
            told = True
        await asyncio.sleep(LOOK)


async def ask(database: Database, heard: Callable[[], None], interval: float = ASK) -> None:
    """The same of a database that tells nobody, or whose word does not arrive. `heard` is called too where it does not answer: whoever
    looks finds out why."""
    reached = -1
    while True:
        await asyncio.sleep(interval)
        try:
            now = await generation(database)
        except Exception:
            heard()
        else:
            if now != reached:
                heard()
            reached = now
