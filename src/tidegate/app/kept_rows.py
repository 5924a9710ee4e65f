"""What the database defines besides keys goes into the configuration that is served, and is kept in a file for a start without the
database. Loaded by `storage`."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from tidegate.adapters.kept_file import KeptFile
from tidegate.adapters.sealing.envelope import EnvelopeSealer
from tidegate.adapters.sealing.keys import open_keyring
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.kept import KeptRows
from tidegate.adapters.system import SystemClock
from tidegate.app.beside import beside
from tidegate.control.kept_watch import KeptWatcher
from tidegate.control.settings import Settings
from tidegate.control.vault import Vault
from tidegate.control.watch import Watcher
from tidegate.logs import Log
from tidegate.ports import Sealer, StorageUnavailable
from tidegate.records import Kept

POLL = 5.0
"""Seconds between two looks at the database's generation, beside those when a change was heard of."""

_LOG = Log("tidegate")


@contextlib.asynccontextmanager
async def watching_kept(database: Database, watcher: Watcher, file: KeptFile, sealer: Sealer) -> AsyncGenerator[KeptWatcher]:
    """Edits are live within two seconds while the context lasts; what is there at its begin is live before."""
    vault = Vault(sealer, SystemClock())

    async def take(kept: Kept) -> None:
        await watcher.take(kept, vault)

    rows = KeptRows(database)
    made = KeptWatcher(rows, take, keep=file.save, used=vault.take_used, interval=POLL, now=SystemClock().monotonic)
    with contextlib.suppress(StorageUnavailable):
        await made.step()
    async with beside(made.run()):
        yield made


async def as_kept(watcher: Watcher, file: KeptFile, settings: Settings) -> None:
    """What the database defined when it was last there. Raises `KekError`."""
    found = await asyncio.to_thread(file.load)
    if found is None:
        return
    generation, kept = found
    ring = open_keyring(settings.environ, settings.home, {row.kek_id for _, row in kept.credentials if row.kek_id})
    await watcher.take(kept, Vault(EnvelopeSealer(ring), SystemClock()))
    _LOG.warning("what the database defines is as it was known last", generation=generation)
