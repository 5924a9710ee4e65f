"""Takes records out of the spool, in order, and gives them to the ledger: each one exactly once, by the ledger's unique key and the offset.

One task. A batch is posted, then the offset is moved on, then segments that are drained are removed; whatever ends the process in between,
the batch comes again and the ledger knows it. Where the ledger is away everything stays, and it is asked again with jitter. What it refuses
for good, and what this version cannot read, goes to the quarantine, and the rest goes on. Where a segment is harmed nothing is drained
until an operator has looked (docs/spool.md); it looks again by itself.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable

from tidegate.adapters.spool import format as form
from tidegate.adapters.spool import rows
from tidegate.adapters.spool.format import Record
from tidegate.adapters.spool.reader import Damage, Reader
from tidegate.adapters.spool.sinks import Sink
from tidegate.adapters.spool.spool import NotDurable, Spool
from tidegate.logs import Log
from tidegate.ports import PoisonEvents, UsageEvent

BATCH = 500
SLICE = 25
"""Rows that are decoded before others may run."""
GATHER = 1.0
"""Seconds that records gather before a batch is posted, where there are many: a batch costs as much as fifty rows."""
SOON = 0.2
"""Seconds, where there are few."""
MANY = 50
FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0

_LOG = Log("tidegate.spool")


class Drainer:
    """`posted` counts what the ledger said was new; `failing` is why it was last refused, None while it takes what comes."""

    def __init__(
        self,
        spool: Spool,
        sink: Sink,
        *,
        gather: float = GATHER,
        jitter: Callable[[], float] | None = None,
        batch: int = BATCH,
    ) -> None:
        self._spool = spool
        self._sink = sink
        self._gather = gather
        self._jitter = jitter or random.SystemRandom().random
        self._batch = batch
        self._reader: Reader | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self.posted = 0
        self.failing: str | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def aclose(self, patience: float = 5.0) -> None:
        """Posts what is there, for at most `patience` seconds. What is left is for the next start."""
        self._closing.set()
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._task), patience)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._reader is not None:
            self._reader.close()

    async def _run(self) -> None:
        wait = FIRST_WAIT
        while True:
            try:
                await self._spool.recover()
                records = await self._records()
                await self._drain(records)
                self._well()
                wait = FIRST_WAIT
                if self._closing.is_set() and self._spool.state.written == self._spool.offset.seq:
                    return
                if len(records) < self._batch:
                    await self._pause(max(min(SOON, self._gather), self._gather * min(1.0, len(records) / MANY)))
            except Damage as damage:
                self._harmed(damage)
                await self._pause(LONGEST_WAIT)
            except Exception as error:
                self._trouble(error)
                await self._pause(wait * (0.5 + self._jitter() / 2))
                wait = min(wait * 2, LONGEST_WAIT)

    async def _pause(self, seconds: float) -> None:
        """Shorter when closing: there is still a try, but not a long wait."""
        if self._closing.is_set():
            await asyncio.sleep(min(seconds, 0.05))
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    async def _records(self) -> list[Record]:
        """The next batch; waits until there is one, or until the drainer is closed."""
        spool = self._spool
        state = spool.state
        if state.synced <= state.drained:
            if self._closing.is_set():
                if state.written > state.drained:
                    await spool.flushed(state.written, hurry=True)
                return []
            await self._wait_for(state.drained + 1)
        reader = self._reader
        if reader is None or reader.seq != spool.offset.seq:
            if reader is not None:
                reader.close()
            self._reader = reader = spool.reader()
        return await asyncio.to_thread(reader.read, self._batch, spool.state.synced)

    async def _wait_for(self, seq: int) -> None:
        flushed = asyncio.ensure_future(self._spool.flushed(seq))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait((flushed, closing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing.cancel()
            if flushed.done():
                with contextlib.suppress(NotDurable):
                    flushed.result()
            flushed.cancel()

    async def _drain(self, records: list[Record]) -> None:
        if not records:
            return
        events, sources, aside = await self._decoded(records)
        if events:
            try:
                self.posted += await self._sink.post(events)
            except PoisonEvents as poison:
                self.posted += poison.posted
                aside += [(f"refused by the ledger: {why}", sources[index]) for index, why in poison.rows]
        if aside:
            await asyncio.to_thread(self._spool.quarantine.keep, aside)
            _LOG.error("usage records were set aside", count=len(aside), file=str(self._spool.quarantine.path), first=aside[0][0])
        await asyncio.to_thread(self._spool.offset.advance, records[-1].seq)
        await self._spool.forget()

    async def _decoded(self, records: list[Record]) -> tuple[list[UsageEvent], list[Record], list[tuple[str, Record]]]:
        """(events, the record of each, what this version cannot read)."""
        events: list[UsageEvent] = []
        sources: list[Record] = []
        aside: list[tuple[str, Record]] = []
        for place, record in enumerate(records):
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            if record.kind not in rows.KINDS or record.version != rows.VERSION:
                aside.append((f"written by another version (kind {record.kind}, version {record.version})", record))
                continue
            if record.kind != form.EVENT:
                continue
            try:
                event, is_strange = rows.decode(record.payload)
            except rows.Unreadable as error:
                aside.append((f"unreadable: {error}", record))
                continue
            if is_strange:
                aside.append(("posted, but for fields that this version does not know", record))
            events.append(event)
            sources.append(record)
        return events, sources, aside

    def _well(self) -> None:
        if self.failing is not None or self._spool.damage is not None:
            _LOG.warning("usage is drained again", waiting=self._spool.state.written - self._spool.offset.seq)
        self.failing, self._spool.damage = None, None

    def _harmed(self, damage: Damage) -> None:
        if self._spool.damage is None or str(self._spool.damage) != str(damage):
            _LOG.error("the usage spool is damaged: nothing is drained until an operator has looked (docs/spool.md)", damage=str(damage))
        self._spool.damage = damage
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _trouble(self, error: Exception) -> None:
        if self.failing is None:
            _LOG.error("usage is not drained; it waits in the spool", error=f"{type(error).__name__}: {error}"[:500])
        self.failing = f"{type(error).__name__}: {error}"[:500]
