"""Runs the batches that no provider runs: line by line through the gateway itself, as the key that made them, a few at a time. Responses in
the background are found here too.

An answer is stored before its line counts as done, so that a process that is killed begins where it was: of several gateways one runs a
batch at a time, and the others take it over when it is gone. Lines wait while the process is busy with calls that somebody waits for.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

import msgspec

from tidegate.logs import Log
from tidegate.ports import StorageUnavailable
from tidegate.ports.kept import Kept, KeptStore, Kind
from tidegate.proxy.app import App
from tidegate.proxy.batch import ENDED, Batch, Status, batch_of, stored
from tidegate.proxy.batch_handed import HandedOver
from tidegate.proxy.batch_lines import Line, Outcome, answered, checked, lines_of
from tidegate.proxy.batch_theirs import Refused, chosen
from tidegate.records import Tenant

KINDS: tuple[Kind, ...] = ("batch", "message_batch", "response")
AT_ONCE = 4
"""Lines that run at once in one process."""
LOOK = 5.0
"""Seconds between two looks for batches; a new one is told of at once where it was made."""
LEASE = 60.0
"""Seconds after which a batch of a process that does not renew its claim is anybody's."""
TICK = 1.0
"""Seconds between two notes of how far a batch is."""
MOST = 256
_BUSY, _PAUSE, _PAUSES = 0.02, 0.1, 20
"""A loop that is late by this much has better things to do; lines wait in pauses, but not for ever. Seconds."""

_LOG = Log("tidegate.batches")

RunLine = Callable[[Kept, Line], Awaitable[Outcome]]
Answer = Callable[[KeptStore, Kept], Awaitable[None]]


class BatchRunner:
    """`owner` is the name that this process and those after it have. `run_line` gives the answer to one line, and raises nothing;
    `answer` does what a response in the background waits for."""

    def __init__(
        self, app: App, run_line: RunLine, answer: Answer, owner: str, *, at_once: int = AT_ONCE, look: float = LOOK, tick: float = TICK
    ) -> None:
        self._app = app
        self._answer = answer
        self._run_line = run_line
        self._owner = owner
        self._look = look
        self._tick = tick
        self._slots = asyncio.Semaphore(at_once)
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._work = asyncio.Event()

    def poke(self) -> None:
        """There is something new."""
        self._work.set()

    async def run(self) -> None:
        """For ever. What runs is cut when this is cancelled, and goes on with the next process."""
        try:
            while True:
                self._work.clear()
                try:
                    await self._claim()
                except StorageUnavailable as away:
                    _LOG.warning("batches wait for the database", error=str(away))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._look):
                        await self._work.wait()
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _claim(self) -> None:
        store = await self._app.conversations.store()
        now = self._app.clock.now()
        rows = await store.claim(KINDS, self._owner, now, now + LEASE, MOST)
        ours = {(row.org, row.id) for row in rows}
        for place, task in list(self._running.items()):
            if task.done():
                del self._running[place]
            elif place not in ours:
                task.cancel()  # another process has it now, or it is gone
        for row in rows:
            if (row.org, row.id) not in self._running:
                self._running[row.org, row.id] = asyncio.create_task(self._guarded(store, row))

    async def _guarded(self, store: KeptStore, row: Kept) -> None:
        try:
            if row.kind == "response":
                await self._answer(store, row)
            else:
                await _Job(self._app, store, row, self._turn, self._tick).run()
        except StorageUnavailable as away:
            _LOG.warning("a batch waits for the database", batch=row.id, error=str(away))
        except Exception:
            _LOG.exception("a batch failed, and is tried again", batch=row.id)
            await asyncio.sleep(self._look)

    async def _turn(self, row: Kept, line: Line) -> Outcome:
        async with self._slots:
            await self._quiet()
            return await self._run_line(row, line)

    async def _quiet(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_PAUSES):
            before = loop.time()
            await asyncio.sleep(0)
            if loop.time() - before < _BUSY:
                return
            await asyncio.sleep(_PAUSE)


class _Job:
    """One batch, from wherever it is to its end."""

    def __init__(self, app: App, store: KeptStore, row: Kept, turn: RunLine, tick: float) -> None:
        self._app = app
        self._store = store
        self._row = row
        self._tenant = Tenant(row.org)
        self._batch = batch_of(row)
        self._turn = turn
        self._tick = tick
        self._sizes = {self._batch.output: 0, self._batch.failures: 0}

    async def run(self) -> None:
        if self._batch.status == "validating":
            await self._validate()
        if self._batch.status in ENDED:
            await self._no_files()
            return
        done = await self._done()
        if self._batch.provider:
            await self._by_provider(done)
            return
        ticking = asyncio.create_task(self._ticks())
        try:
            await self._lines(done)
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
        await self._end()

    async def _no_files(self) -> None:
        for id in (self._batch.output, self._batch.failures):
            await self._store.remove(self._tenant, id)

    async def _validate(self) -> None:
        found = await checked(self._store, self._row, self._batch, self._app.live.snapshot.server.body_limit)
        alone = not found.flaws and not found.names_ids
        target = chosen(self._app, self._row, self._batch, found.models) if alone else None

        def begun(batch: Batch) -> None:
            batch.total, batch.flaws = found.count, found.flaws
            if found.flaws:
                batch.become("failed", self._app.clock.now())
            elif batch.status == "validating":
                batch.become("in_progress", self._app.clock.now())
            if target is not None:
                batch.provider, batch.model, batch.route = target.upstream.name, target.model, next(iter(found.models))
                batch.account = target.account_id

        await self._change(begun)

    async def _by_provider(self, done: set[int]) -> None:
        handed = HandedOver(self._app, self._row, self._batch, self._all_lines, self._change)
        try:
            async for place, answer in handed.answers(done):
                await self._keep_raw(place, answer.raw, good=answer.status == 200)
        except Refused as refused:
            await self._change(handed.failed(str(refused)))
            await self._no_files()
            return
        self._batch.completed, self._batch.failed = handed.completed, handed.failures
        self._batch.expired, self._batch.cancelled = 0, 0
        await self._end(handed.status)

    def _all_lines(self) -> AsyncGenerator[Line]:
        return lines_of(self._store, self._row, self._batch, self._app.live.snapshot.server.body_limit)

    async def _done(self) -> set[int]:
        """The lines that have an answer, counted."""
        done: set[int] = set()
        self._batch.completed = self._batch.failed = 0
        for id in (self._batch.output, self._batch.failures):
            after = -1
            while found := await self._store.parts(self._tenant, id, after=after):
                for after, data in found:
                    done.add(after)
                    self._sizes[id] += len(data)
                    if answered(self._row.kind, data):
                        self._batch.completed += 1
                    else:
                        self._batch.failed += 1
        return done

    async def _lines(self, done: set[int]) -> None:
        async with asyncio.TaskGroup() as group:
            begun: set[asyncio.Task[None]] = set()
            async for line in self._todo(done):
                while len(begun) >= AT_ONCE:
                    _, begun = await asyncio.wait(begun, return_when=asyncio.FIRST_COMPLETED)
                if self._is_over():
                    await self._unanswered(line)
                else:
                    begun.add(group.create_task(self._one(line)))

    async def _todo(self, done: set[int]) -> AsyncGenerator[Line]:
        limit = self._app.live.snapshot.server.body_limit
        async for line in lines_of(self._store, self._row, self._batch, limit):
            if line.place not in done:
                yield line

    def _is_over(self) -> bool:
        return self._batch.status == "cancelling" or self._app.clock.now() >= self._batch.expires

    async def _one(self, line: Line) -> None:
        outcome = await self._turn(self._row, line)
        await self._keep(line, outcome.told(self._row.kind, line), good=outcome.is_good)
        if outcome.is_good:
            self._batch.completed += 1
        else:
            self._batch.failed += 1

    async def _keep(self, line: Line, data: bytes, *, good: bool) -> None:
        await self._keep_raw(line.place, data, good=good)

    async def _keep_raw(self, place: int, data: bytes, *, good: bool) -> None:
        # All answers of a message batch are in one list.
        id = self._batch.output if good or self._row.kind == "message_batch" else self._batch.failures
        if await self._store.put_part(self._tenant, id, place, data):
            self._sizes[id] += len(data)

    async def _unanswered(self, line: Line) -> None:
        """The batch was cancelled, or its day is over. OpenAI's say nothing of lines that were not begun."""
        cancelled = self._batch.status == "cancelling"
        if cancelled:
            self._batch.cancelled += 1
        else:
            self._batch.expired += 1
        if self._row.kind == "message_batch" or not cancelled:
            data = Outcome(None, "", "cancelled" if cancelled else "expired").told(self._row.kind, line)
            await self._keep(line, data, good=False)

    async def _ticks(self) -> None:
        while True:
            await asyncio.sleep(self._tick)
            with contextlib.suppress(StorageUnavailable):
                await self._change(lambda batch: None)

    async def _end(self, status: Status = "completed") -> None:
        for id, purpose in ((self._batch.output, "batch_output"), (self._batch.failures, "batch_output")):
            await self._finish_file(id, purpose)
        over = self._batch.expired > 0

        def ended(batch: Batch) -> None:
            now = self._app.clock.now()
            if batch.status != "cancelling":
                batch.become("finalizing", now)
            batch.become("expired" if over else "cancelled" if batch.status == "cancelling" else status, now)

        await self._change(ended)

    async def _finish_file(self, id: str, purpose: str) -> None:
        """The file of answers becomes one that clients see; an empty one goes."""
        size = self._sizes[id]
        row = await self._store.get(self._tenant, id)
        if row is None:
            return
        if not size:
            await self._store.remove(self._tenant, id)
            return
        facts = {"filename": f"{self._row.id}_{'output' if id == self._batch.output else 'error'}.jsonl", "purpose": purpose}
        body = msgspec.json.encode({**facts, "bytes": size, "created": int(self._app.clock.now())})
        # Results of message batches have a path of their own, and are no files to their clients.
        state = purpose if self._row.kind == "batch" else ""
        await self._store.change(self._tenant, msgspec.structs.replace(row, state=state, body=body))

    async def _change(self, change: Callable[[Batch], None]) -> None:
        """Writes what is known of the batch, together with what others have written meanwhile: that it shall stop."""
        while True:
            change(self._batch)
            row = stored(self._row, self._batch)
            if await self._store.change(self._tenant, row):
                self._row = msgspec.structs.replace(row, revision=row.revision + 1)
                return
            newer = await self._store.get(self._tenant, self._row.id)
            if newer is None:
                raise asyncio.CancelledError
            self._row = newer
            theirs = batch_of(newer)
            if theirs.status == "cancelling" and self._batch.status not in ENDED:
                self._batch.status, self._batch.stamps = theirs.status, {**self._batch.stamps, **theirs.stamps}
