"""The counters of one process among several, and over restarts: exact for budgets and all that goes by the calendar, whoever dies.

Each process spends what the store granted to it, in memory, and asks for more when that is used up (`leases_desk`). What calls used comes
to the store with the ledger's rows. Requests and tokens per minute or hour, and calls at the same time, are counted for all processes by
`rates` where there are some, else each process has its share of them.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

import structlog

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.adapters.leases_charges import Sorter, claim_of, told
from tidegate.adapters.leases_desk import LEASE, Away, Desk
from tidegate.policy.limits.cells import Cell, alert_level, by_calendar, calendar_of, new_cell
from tidegate.policy.limits.leased import Leased, Slice
from tidegate.policy.limits.rules import Actual, Alert, Charge, Claim, Limit, Refusal, Reservation, Standing
from tidegate.ports import BudgetsAway, Clock, Windows

HEARTBEAT = 10.0
_RETRY = 1.0

_LOG = structlog.get_logger("tidegate.limits")


class LeasedCounters:
    """Implements `ports.Counters`. `start` needs the running loop, `aclose` gives back what is left."""

    def __init__(self, clock: Clock, windows: Windows, *, on_alert: Callable[[Alert], None] | None = None) -> None:
        self._clock = clock
        self._windows = windows
        self._on_alert = on_alert
        self._opened: list[Slice] = []
        self._memory = MemoryCounters(clock, cells=self._cell_of)
        self._sorter = Sorter()
        self._desk = Desk(clock, self._memory, windows)
        self._task: asyncio.Task[None] | None = None

    def start(self, recovered: Awaitable[object] | None = None) -> None:
        """Money is granted once `recovered` has ended: what an earlier process of this name used is in the ledger then."""
        self._task = asyncio.create_task(self._run(recovered))

    async def abandon(self) -> None:
        """Ends as if the process died: nothing is given back."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._desk.aclose()

    async def aclose(self) -> None:
        """Calls have ended."""
        await self.abandon()
        try:
            await self._desk.give_back(0)
            await self._windows.leave()
        except Exception as error:
            _LOG.warning("what was left of limits could not be given back", error=f"{type(error).__name__}: {error}"[:500])

    async def reserve(self, claim: Claim) -> Reservation | Refusal:
        """Raises `BudgetsAway` where money is needed and the store does not answer."""
        sorted_ = self._sorter.sort(claim.charges, apart=False)
        local = claim if sorted_.same else claim_of(claim, sorted_.local)
        answer = self._memory.take(local)
        if isinstance(answer, Refusal):
            try:
                answer = await self._desk.ask(local, answer)
            except Away:
                raise BudgetsAway from None
        if self._opened:
            self._opened.clear()
            self._desk.meet(local.charges)
        return answer if sorted_.same else told(answer, claim.charges)

    def settle(self, request_id: str, attempt: int, actual: Actual) -> None:
        self._memory.settle(request_id, attempt, actual)

    def void(self, request_id: str, attempt: int) -> None:
        self._memory.void(request_id, attempt)

    def renew(self, request_id: str, attempt: int) -> None:
        self._memory.renew(request_id, attempt)

    async def quota(self, charges: Iterable[Charge]) -> list[Standing]:
        """For all processes where the store answers, else what this one knows."""
        own = tuple(charges)
        local = self._sorter.sort(own, apart=False).local
        with contextlib.suppress(Exception):
            await self._desk.look(local)
        found = await self._memory.quota(local)
        return [Standing(charge, one.used, one.reserved, one.opens) for charge, one in zip(own, found, strict=True)]

    async def open_reservations(self) -> int:
        return await self._memory.open_reservations()

    def moved(self, key: str, start: int, before: int, after: int) -> None:
        """The ledger has raised the window of a counter: tells the thresholds that were passed, of all processes only this once."""
        charge = self._desk.alerting.get(key)
        if charge is None or self._on_alert is None:
            return
        limit = charge.limit
        for percent in limit.alerts[alert_level(limit, before) : alert_level(limit, after)]:
            self._on_alert(Alert(charge, percent, after, start, self._clock.now()))

    async def tend(self) -> None:
        """What is done every now and then. Raises what the store raises."""
        self._sorter.processes = max(1, await self._windows.alive(LEASE))
        await self._desk.give_back(LEASE)

    async def _run(self, recovered: Awaitable[object] | None) -> None:
        if recovered is not None:
            await recovered
        while not self._desk.ready.is_set():
            try:
                await self._windows.release()
                self._desk.ready.set()
            except Exception as error:
                _LOG.error("budgets wait for the database", error=f"{type(error).__name__}: {error}"[:500])
                await asyncio.sleep(_RETRY)
        while True:
            try:
                await self.tend()
            except Exception as error:
                _LOG.warning("limits could not be tended", error=f"{type(error).__name__}: {error}"[:500])
            await asyncio.sleep(HEARTBEAT)

    def _cell_of(self, limit: Limit) -> Cell:
        return Leased(calendar_of(limit), self._opened) if by_calendar(limit) else new_cell(limit)
