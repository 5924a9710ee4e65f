"""This machine's clock is held against the database's. Loaded by `storage`."""

import contextlib
from collections.abc import AsyncGenerator
from functools import partial

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.now import database_now
from tidegate.adapters.system import SystemClock
from tidegate.app.beside import beside
from tidegate.control.clock_watch import ClockWatcher
from tidegate.proxy.app import Live


@contextlib.asynccontextmanager
async def checking_clock(database: Database, live: Live) -> AsyncGenerator[None]:
    """While the context lasts. SQLite's clock is ours."""
    if database.is_sqlite:
        yield
        return

    def told(offset: float) -> None:
        live.clock_offset = offset

    async with beside(ClockWatcher(partial(database_now, database), SystemClock(), told).run()):
        yield
