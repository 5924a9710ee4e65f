"""Erasures are carried out while the gateway runs: in the database, in the spool and in the file of usage. Loaded by `storage`."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from tidegate.adapters.erased_usage import ErasedSink
from tidegate.adapters.spool.sinks import FileSink, Sink, Tee
from tidegate.adapters.spool.spool import Spool
from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.erasing import WAIT, Erasing, stands
from tidegate.adapters.system import SystemClock
from tidegate.app.beside import beside
from tidegate.control.looking import Looking
from tidegate.logs import Log
from tidegate.policy.erased import Erased
from tidegate.ports import Clock, StorageUnavailable
from tidegate.records import Erasure, Tenant

EVERY = 5.0
"""Seconds between two looks."""
RETRY = 1.0
HANDLED = "erased"
"""Under `TIDEGATE_HOME`: the time of the newest erasure that the files there were cleaned for, in microseconds."""

_LOG = Log("tidegate.erasing")


class Erasures:
    """`sink` is where drained usage goes. `handled` is the file that says for which erasures the others were cleaned."""

    def __init__(self, worker: Erasing, sink: ErasedSink, spool: Spool, handled: Path, pepper: bytes, clock: Clock) -> None:
        self._worker = worker
        self._sink = sink
        self._spool = spool
        self._handled = handled
        self._pepper = pepper
        self._clock = clock
        self._known = 0
        self._failing = False
        self._swept: set[str] = set()
        self._removable: int | None = None
        self._looking = Looking(self.step, EVERY, self._failed)

    def poke(self) -> None:
        """Something was changed: look at once."""
        self._looking.poke()

    async def load(self) -> None:
        """Who was erased before: needed before anything is drained. Waits for a database that is away."""
        while True:
            try:
                await self._take(await self._worker.rows())
            except StorageUnavailable:
                await asyncio.sleep(RETRY)
            else:
                return

    async def run(self) -> None:
        """Until it is cancelled."""
        await self._looking.run()

    async def step(self) -> None:
        """One look. Raises `StorageUnavailable`."""
        rows = await self._worker.rows()
        await self._take(rows)
        for org, row in rows:
            if row.finished_at is None:
                await self._carry_out(Tenant(org), row)
        if self._removable is not None and self._spool.offset.seq >= self._removable:
            await self._spool.forget()
            self._removable = None

    async def _carry_out(self, tenant: Tenant, row: Erasure) -> None:
        if self._clock.now() * 1_000_000 >= row.created_at + WAIT:
            await self._worker.finish(tenant, row)
            _LOG.info("an erasure is finished", erasure=row.id, org=tenant.org_id)
        elif row.id not in self._swept:
            await self._worker.sweep(tenant, row)
            self._swept.add(row.id)

    async def _take(self, rows: list[tuple[str, Erasure]]) -> None:
        if len(rows) == self._known:
            return
        erased, newest = Erased(self._pepper, stands(rows)), max(row.created_at for _, row in rows)
        self._sink.know(erased)
        try:
            if newest > await asyncio.to_thread(self._cleaned):
                await self._clean(erased, newest)
        except OSError as error:
            if not self._failing:
                _LOG.error("files cannot be cleaned of who was erased; it is tried again", error=str(error))
            self._failing = True
        else:
            self._known, self._failing = len(rows), False

    async def _clean(self, erased: Erased, newest: int) -> None:
        lines = await self._sink.forget(erased)
        self._removable = self._spool.renew()
        await asyncio.to_thread(self._handled.write_text, str(newest), encoding="utf-8")
        _LOG.info("files are cleaned of who was erased", lines=lines)

    def _cleaned(self) -> int:
        try:
            return int(self._handled.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, StorageUnavailable):
            _LOG.error("an erasure could not be carried out; it is tried again", exc_info=error)


def erasing_sink(ledger: Sink, file: Path) -> ErasedSink:
    """Where drained usage goes: to the ledger, and then to the file for people."""
    return ErasedSink(Tee(ledger, FileSink(file)), file)


@contextlib.asynccontextmanager
async def erasing(database: Database, sink: ErasedSink, spool: Spool, home: Path, pepper: bytes) -> AsyncGenerator[Erasures]:
    """The loop ends with the context; who was erased before is known from its beginning."""
    clock = SystemClock()
    made = Erasures(Erasing(Changes(database, clock)), sink, spool, home / HANDLED, pepper, clock)
    await made.load()
    async with beside(made.run()):
        yield made
