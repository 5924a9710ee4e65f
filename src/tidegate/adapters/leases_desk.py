"""Where a process asks for more of its limits' windows, and gives back what it does not need. One request to the store at a time, for all
calls that wait for one: a budget that is nearly used up costs one transaction for many calls, not one for each.
"""

import asyncio
import contextlib
from collections.abc import Iterator

import msgspec

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.logs import Log
from tidegate.policy.limits.leased import Leased, Slice
from tidegate.policy.limits.rules import SPEND, Charge, Claim, Refusal, Reservation, asked
from tidegate.ports import Clock
from tidegate.ports.limits import Moved, Want, Windows

LEASE = 30.0
"""Seconds within which what is not needed goes back, and after which a process that is silent does not count."""
REFUSED = 250_000
"""Microseconds for which the store's no is believed: whoever tries again and again must not ask it each time."""
PATIENCE = 5.0
"""Seconds that a call waits at a start for the database, and for what an earlier process used."""
IMPATIENCE = 0.05
"""The same, where that has been waited for already."""
_BATCH = 200
_TRIES = 5
_REMEMBERED = 100_000

_LOG = Log("tidegate.limits")


class Away(Exception):
    """The store that grants money cannot be asked."""


class _Asked(msgspec.Struct, gc=False):
    claim: Claim
    answer: asyncio.Future[Reservation | Refusal]
    tries: int = 0


class Lack(msgspec.Struct, gc=False):
    """`need` more of a slice; 0 where only the store knows whether there is room."""

    charge: Charge
    slice: Slice
    need: int


class Desk:
    """`open` gives it the store, once that may be asked: before, what an earlier process of the same name used is not known yet. `alerting`
    are charges with thresholds, by their keys."""

    def __init__(self, clock: Clock, memory: MemoryCounters) -> None:
        self._clock = clock
        self._memory = memory
        self._windows: Windows | None = None
        self._ready = asyncio.Event()
        self._queue: list[_Asked] = []
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._leases: dict[str, tuple[Charge, Leased]] = {}
        self._meetings: set[asyncio.Task[None]] = set()
        self._unmet: list[tuple[Charge, ...]] = []
        self._failing = False
        self.alerting: dict[str, Charge] = {}

    @property
    def is_open(self) -> bool:
        return self._windows is not None

    def open(self, windows: Windows) -> None:
        self._windows = windows
        self._ready.set()

    async def ask(self, claim: Claim, refusal: Refusal) -> Reservation | Refusal:
        """After this process had no room. Raises `Away`."""
        now = int(self._clock.monotonic() * 1_000_000)
        lacks = list(self._lacks(claim))
        if not lacks or any(_was_refused(lack, now) for lack in lacks):
            return refusal
        waiting = _Asked(claim, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
        try:
            return await waiting.answer
        except asyncio.CancelledError:
            if waiting.answer.done() and not waiting.answer.cancelled() and isinstance(waiting.answer.result(), Reservation):
                self._memory.void(claim.request_id, claim.attempt)
            raise

    def meet(self, charges: tuple[Charge, ...]) -> None:
        """Makes the windows of these known to the store, which counts for those it knows. Waits for nothing."""
        task = asyncio.create_task(self._meet(charges))
        self._meetings.add(task)
        task.add_done_callback(self._meetings.discard)

    def meet_again(self) -> None:
        """Those that could not be made known, now that the store answers."""
        unmet, self._unmet = self._unmet, []
        for charges in unmet:
            self.meet(charges)

    async def quiet(self) -> None:
        """Everything that was to be made known is, or failed."""
        while self._meetings:
            await asyncio.wait(tuple(self._meetings))

    def still(self) -> contextlib.AbstractAsyncContextManager[None]:
        """The store has answered what it was asked, and is asked nothing more: what it granted or took back to nobody's knowledge would
        be held for ever."""
        return self._lock

    async def aclose(self) -> None:
        for task in (*self._meetings, *([self._task] if self._task is not None else [])):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def look(self, charges: tuple[Charge, ...]) -> None:
        """Learns how these limits stand for all processes."""
        wants: list[Want] = []
        slices: dict[tuple[str, int], Slice] = {}
        for charge in charges:
            cell = self._memory.cell(charge)
            if isinstance(cell, Leased):
                found = cell.slice(charge.limit, self._clock.now())
                wants.append(Want(charge, found.index, found.end, 0))
                slices[charge.key, found.index] = found
        if not wants:
            return
        windows = await self._store()
        async with self._lock:
            found = await windows.look(wants)
            # A window that no call has met is made of what the ledger knows.
            unmet = [want for want in wants if (want.charge.key, want.start) not in found]
            for place, figures in (found if not unmet else {**found, **(await windows.grant([unmet])).figures}).items():
                slices[place].learn(figures)

    async def give_back(self, idle: float) -> None:
        """What was not needed for so many seconds, and everything of windows that are over."""
        if self._windows is None:
            return
        async with self._lock:
            before = int((self._clock.monotonic() - idle) * 1_000_000)
            owed: dict[tuple[str, str, int], Slice] = {}
            for key, (charge, cell) in self._leases.items():
                cell.slice(charge.limit, self._clock.now())
                for row in (*cell.past, cell.row):
                    if row.free > 0 and (row is not cell.row or row.touched <= before):
                        row.granted -= row.free
                        row.owes = True
                    if row.owes:
                        owed[charge.org, key, row.index] = row
            # Where the store does not answer, it is told the next time.
            await self._windows.give_back({place: row.granted for place, row in owed.items()})
            for row in owed.values():
                row.owes = False
            self._forget()

    def posted(self, moved: Moved) -> None:
        """The ledger has what this process used."""
        found = self._leases.get(moved.key)
        if found is not None and found[1].row.index == moved.start:
            found[1].row.post(moved.posted)

    def _forget(self) -> None:
        """Slices of windows that are over, and those of which nothing is left."""
        for key, (_, cell) in list(self._leases.items()):
            cell.past[:] = [row for row in cell.past if row.reserved or row.free > 0]
            if not cell.past and not cell.row.granted:
                del self._leases[key]

    async def _store(self) -> Windows:
        """Raises `TimeoutError` where it may not be asked yet."""
        if self._windows is None:
            async with asyncio.timeout(IMPATIENCE if self._failing else PATIENCE):
                await self._ready.wait()
        if self._windows is None:
            raise TimeoutError
        return self._windows

    async def _meet(self, charges: tuple[Charge, ...]) -> None:
        wall = self._clock.now()
        for charge in charges:
            cell = self._memory.cell(charge)
            if charge.limit.alerts:
                self._note(charge)
            row = cell.slice(charge.limit, wall) if isinstance(cell, Leased) else None
            if row is None or row.known:
                continue
            try:
                await self._ready.wait()
                windows = await self._store()
                async with self._lock:
                    met = await windows.grant([[Want(charge, row.index, row.end, 0)]])
                    row.learn(met.figures[charge.key, row.index])
            except Exception as error:
                self._trouble(error, [])
                self._unmet.append(charges)
                return

    def _note(self, charge: Charge) -> None:
        if len(self.alerting) >= _REMEMBERED:
            self.alerting.clear()
        self.alerting[charge.key] = charge

    def _lacks(self, claim: Claim) -> Iterator[Lack]:
        wall = self._clock.now()
        for charge in claim.charges:
            cell = self._memory.cell(charge) if charge.enforced else None
            amount = asked(claim, charge)
            if not isinstance(cell, Leased) or not amount:
                continue
            found = self._needed(cell, charge, wall)
            if found.free < amount or cell.left(charge.limit, 0, wall) < amount:
                yield Lack(charge, found, max(0, amount - found.free))

    def _needed(self, cell: Leased, charge: Charge, wall: float) -> Slice:
        """The slice of now, kept from being forgotten while the store is asked for more of it: what it granted would be nobody's."""
        found = cell.slice(charge.limit, wall)
        found.touched = int(self._clock.monotonic() * 1_000_000)
        return found

    async def _serve(self) -> None:
        try:
            while self._queue:
                batch, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
                waiting = [item for item in batch if not item.answer.done()]
                try:
                    windows = await self._store()
                    async with self._lock:
                        await self._grant(windows, waiting)
                except Exception as error:
                    self._trouble(error, waiting)
                else:
                    self._failing = False
        finally:
            self._task = None

    async def _grant(self, windows: Windows, waiting: list[_Asked]) -> None:
        wants = self._wants(waiting)
        slices = {(lack.charge.key, lack.slice.index): lack for lacks in wants for lack in lacks}
        asks = [[Want(lack.charge, lack.slice.index, lack.slice.end, lack.need) for lack in lacks] for lacks in wants]
        for lack in slices.values():
            cell = self._memory.cell(lack.charge)
            if isinstance(cell, Leased):
                self._leases[lack.charge.key] = (lack.charge, cell)
            # Where the store does not answer, it may have granted this all the same.
            lack.slice.owes = True
        granted = await windows.grant(asks)
        for place, figures in granted.figures.items():
            slices[place].slice.learn(figures)
        for item, yes in zip(waiting, granted.asks, strict=True):
            self._answer(item, granted=yes)

    def _wants(self, waiting: list[_Asked]) -> list[list[Lack]]:
        """What each of them needs more, when those before have taken theirs."""
        free: dict[int, int] = {}
        found: list[list[Lack]] = []
        wall = self._clock.now()
        for item in waiting:
            lacks: list[Lack] = []
            for charge in item.claim.charges:
                cell = self._memory.cell(charge) if charge.enforced else None
                amount = asked(item.claim, charge)
                if not isinstance(cell, Leased) or not amount:
                    continue
                row = self._needed(cell, charge, wall)
                has = free.get(id(row), row.free)
                need = max(0, amount - has)
                free[id(row)] = has + need - amount
                if need or cell.left(charge.limit, 0, wall) < amount:
                    lacks.append(Lack(charge, row, need))
            found.append(lacks)
        return found

    def _answer(self, item: _Asked, *, granted: bool) -> None:
        if item.answer.done():
            return
        answer = self._memory.take(item.claim)
        if isinstance(answer, Refusal):
            lacks = list(self._lacks(item.claim))
            if granted and lacks and item.tries < _TRIES:
                item.tries += 1
                self._queue.append(item)
                return
            until = int(self._clock.monotonic() * 1_000_000) + REFUSED
            for lack in lacks if not granted else ():
                lack.slice.refused = (lack.need, lack.charge.limit.amount, until)
        item.answer.set_result(answer)

    def _trouble(self, error: Exception, waiting: list[_Asked]) -> None:
        """Without the store no money is spent that was not granted. Other counts go on with what this process knows."""
        if not self._failing:
            _LOG.error("limits cannot be shared: the database does not answer", error=f"{type(error).__name__}: {error}"[:500])
        self._failing = True
        for item in waiting:
            if item.answer.done():
                continue
            lacks = list(self._lacks(item.claim))
            if any(lack.charge.measure == SPEND for lack in lacks):
                item.answer.set_exception(Away())
                continue
            for lack in lacks:
                lack.slice.granted += lack.need
            item.answer.set_result(self._memory.take(item.claim))


def _was_refused(lack: Lack, now: int) -> bool:
    need, limit, until = lack.slice.refused
    return now < until and lack.need >= need and limit == lack.charge.limit.amount
