"""The keys of the database go into the data plane, and are kept in a file for a start without the database. Loaded by `storage`."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable

from tidegate.adapters.keys_file import KeysFile
from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.directory import SqlDirectories
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.listen import ask, listen
from tidegate.adapters.system import SystemClock
from tidegate.app.beside import beside
from tidegate.control.directory import KeyWatcher, listed
from tidegate.logs import Log
from tidegate.policy.directory import Directory

POLL = 5.0
"""Seconds between two looks at the database's generation, beside those when a change was heard of."""
KEEP = 10.0
"""Seconds that pass between two writes of the file at least."""
REFRESH = 3600.0
"""Seconds after which it is written again without a change, so that it is never old while the database is there."""

_LOG = Log("tidegate.keys")


class Keeping:
    """Writes the file some time after a change, and once more at the end."""

    def __init__(self, file: KeysFile, directory: Directory) -> None:
        self._file = file
        self._directory = directory
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(REFRESH):
                    await self._changed.wait()
            except TimeoutError:
                if not self._directory.is_current:
                    continue
                self._changed.set()
            await self.now()
            await asyncio.sleep(KEEP)

    async def now(self) -> None:
        if not self._changed.is_set():
            return
        self._changed.clear()
        try:
            await self._file.save(self._directory)
        except OSError as error:
            _LOG.error("the keys of the database cannot be kept for a start without it", error=str(error))


@contextlib.asynccontextmanager
async def watching_keys(database: Database, directory: Directory, file: KeysFile) -> AsyncGenerator[KeyWatcher]:
    """While the context lasts, edits of keys and of who owns them are live within two seconds."""
    clock = SystemClock()
    keeping = Keeping(file, directory)
    source = SqlDirectories(Changes(database, clock), listed)
    watcher = KeyWatcher(source, directory, interval=POLL, kept=keeping.changed, now=clock.now)
    try:
        async with beside(watcher.run(), keeping.run()):
            yield watcher
    finally:
        await keeping.now()


async def keys_as_kept(directory: Directory, file: KeysFile) -> None:
    """The keys as they were when the database was last there."""
    kept = await asyncio.to_thread(file.load)
    if kept is not None and directory.apply(kept):
        _LOG.warning("keys are those that were known last", generation=kept.generation, keys=len(directory))


@contextlib.asynccontextmanager
async def hearing(database: Database, changed: Callable[[], None]) -> AsyncGenerator[None]:
    """While the context lasts, `changed` is called for every change, also of another process."""
    tellers = [ask(database, changed)] if database.is_sqlite else [ask(database, changed), listen(database, changed)]
    async with beside(*tellers):
        yield
