"""What lives on the database: it is opened, brought to this version's schema, and drained into. Loading this loads SQLAlchemy (0.3 s and
30 MB), so `background` does it once calls are served.
"""

import asyncio
import contextlib
import random

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tidegate.adapters.spool.spool import Spool
from tidegate.adapters.sql.address import address
from tidegate.adapters.sql.engine import ADMIN_SECONDS, Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.ready import ready
from tidegate.app.usage import draining
from tidegate.control.settings import Settings

LONGEST_WAIT = 4.0
"""Seconds between two tries to reach a database that is away."""

_LOG = structlog.get_logger("tidegate.storage")


async def stored(settings: Settings, spool: Spool, closing: asyncio.Event) -> None:
    """Until `closing` is set: everything that needs the database, from when it can be used. One that is away is waited for. Raises
    `BadAddress`, and `Behind` for an older schema."""
    database = Database(address(settings.environ, settings.home), statement_seconds=ADMIN_SECONDS)
    ledger = LedgerStore(database)
    try:
        if await _prepared(database, closing, auto_migrate=settings.auto_migrate):
            async with draining(spool, ledger, settings):
                await closing.wait()
    finally:
        await ledger.aclose()
        await database.aclose()


async def _prepared(database: Database, closing: asyncio.Event, *, auto_migrate: bool) -> bool:
    """Whether the database can be used; False where the gateway ends before."""
    wait, told = 0.1, False
    while True:
        try:
            await ready(database, auto_migrate=auto_migrate)
        except (SQLAlchemyError, OSError) as error:
            if not told:
                _LOG.error("the database cannot be used; usage waits in the spool", error=f"{type(error).__name__}: {error}"[:500])
            told = True
        else:
            if told:
                _LOG.warning("the database can be used now")
            return True
        if closing.is_set():
            return False
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), wait * (0.5 + random.SystemRandom().random() / 2))
        wait = min(wait * 2, LONGEST_WAIT)
