"""Where what tenants keep by id goes: from the calls, through the queue before it, into the database, sealed. Loaded by `storage`."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from tidegate.adapters.kept_behind import WriteBehind
from tidegate.adapters.sealing.envelope import EnvelopeSealer
from tidegate.adapters.sealing.keys import open_keyring
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.kept_store import SqlKept
from tidegate.adapters.sql.sealed import SealedRows
from tidegate.adapters.sql.statements import told_when_away
from tidegate.adapters.system import SystemClock
from tidegate.app.beside import beside
from tidegate.control.settings import Settings
from tidegate.ports import Sealer, StorageUnavailable
from tidegate.records import EVERYONE

RETRY = 1.0
"""Seconds until a database that went away is asked again."""


async def sealer(database: Database, settings: Settings) -> Sealer:
    """Waits for a database that is away. Raises `KekError` where a key is gone that something is sealed with."""
    while True:
        try:
            with told_when_away():
                used = await SealedRows(database).kek_ids(EVERYONE)
        except StorageUnavailable:
            await asyncio.sleep(RETRY)
        else:
            return EnvelopeSealer(await asyncio.to_thread(open_keyring, settings.environ, settings.home, used))


@contextlib.asynccontextmanager
async def keeping(database: Database, sealed: Sealer, kept: WriteBehind, pepper: bytes) -> AsyncGenerator[None]:
    """Calls can read what is kept while the context lasts; what they gave is written when it ends."""
    kept.ready(SqlKept(database, sealed, SystemClock(), pepper))
    try:
        async with beside(kept.run()):
            yield
    finally:
        with contextlib.suppress(StorageUnavailable):
            await kept.flush()
