"""The counters of one process among several, and over restarts: exact for budgets and all that goes by the calendar, whoever dies.

Each process spends what the store granted to it, in memory, and asks for more when that is used up (`leases_desk`). What calls used comes
to the store with the ledger's rows. Requests and tokens per minute or hour, and calls at the same time, are counted for all processes by
`rates` where there are some, else each process has its share of them (`policy.limits.share`), or a part of each that follows demand
(`leases_parts`) where it is given who keeps parts.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from tidegate.adapters.counters_memory import LEASE as RESERVED
from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.adapters.leases_charges import Charges, Sorter, claim_of, told, with_rest
from tidegate.adapters.leases_desk import LEASE, Away, Desk
from tidegate.adapters.leases_parts import PartDesk
from tidegate.logs import Log
from tidegate.policy.limits.cells import Cell, alert_level, by_calendar, calendar_of, new_cell
from tidegate.policy.limits.leased import Leased, Slice
from tidegate.policy.limits.rates import Rated, Told, ToldCell, tightest
from tidegate.policy.limits.refuse import refusal
from tidegate.policy.limits.rules import Actual, Alert, Charge, Claim, Limit, Refusal, Reservation, Standing, asked
from tidegate.ports import Clock
from tidegate.ports.limits import BudgetsAway, Moved, Parts, Rates, RatesAway, Windows

HEARTBEAT = 10.0
_RETRY = 1.0

_LOG = Log("tidegate.limits")


class LeasedCounters:
    """Implements `ports.Counters`. Until `start` gives it the store, calls that need it wait for a moment and are refused then.
    `aclose` gives back what is left."""

    def __init__(
        self,
        clock: Clock,
        *,
        rates: Rates | None = None,
        lease: float = RESERVED,
        by_parts: bool = False,
        on_alert: Callable[[Alert], None] | None = None,
    ) -> None:
        self._clock = clock
        self._windows: Windows | None = None
        self._rates = rates
        self._taken: dict[tuple[str, int], tuple[Any, Reservation]] = {}
        self._on_alert = on_alert
        self._opened: list[Slice] = []
        self._memory = MemoryCounters(clock, lease=lease, cells=self._cell_of, on_expired=self._expired)
        self._sorter = Sorter(earns=rates is None)
        self._desk = Desk(clock, self._memory)
        if by_parts and rates is None:
            self._sorter.parts = PartDesk(clock, self._memory, self._sorter.changed)
        self._task: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None

    @property
    def redis_up(self) -> bool | None:
        """Whether rates are counted for all processes; None where they never are."""
        return None if self._rates is None else not self._rates.is_open

    def start(self, windows: Windows, recovered: Awaitable[object] | None = None, parts: Parts | None = None) -> None:
        """`parts` are needed where limits are counted by parts. Money is granted once `recovered` has ended: what an earlier process of
        this name used is in the ledger then. Needs the running loop."""
        self._windows = windows
        self._task = asyncio.create_task(self._run(windows, recovered))
        if self._sorter.parts is not None and parts is not None:
            self._looking = asyncio.create_task(self._sorter.parts.run(parts))

    async def abandon(self) -> None:
        """Ends as if the process died: nothing is given back."""
        for task in (self._task, self._looking):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await self._desk.aclose()
        if self._rates is not None:
            await self._rates.aclose()

    async def aclose(self) -> None:
        """Calls have ended."""
        await self.quiet()
        async with self._desk.still():
            await self.abandon()
        if self._windows is None:
            return
        try:
            await self._desk.give_back(0)
            await self._windows.leave()
            if self._sorter.parts is not None:
                await self._sorter.parts.leave()
        except Exception as error:
            _LOG.warning("what was left of limits could not be given back", error=f"{type(error).__name__}: {error}"[:500])

    async def reserve(self, claim: Claim) -> Reservation | Refusal:
        """Raises `BudgetsAway` where money is needed and the store does not answer."""
        rates = self._rates
        if rates is None or rates.is_open:
            if not self._sorter.sort(claim.charges, apart=False).same:
                return await self._reserve_here(claim)
            answer = self._memory.take(claim)
            # No task or coroutine more where this process has room.
            return await self._asked(claim, answer) if self._opened or isinstance(answer, Refusal) else answer
        known = self._taken.get((claim.request_id, claim.attempt))
        if known is not None:
            return known[1]
        charges = self._sorter.sort(claim.charges, apart=True)
        if not charges.rates:
            return await self._reserve_here(claim)
        local = claim_of(claim, charges.local)
        held = await self._take(local)
        if isinstance(held, Refusal):
            return told(held, claim.charges)
        try:
            rated = await rates.take(claim, charges.rates)
        except RatesAway:
            self._memory.void(claim.request_id, claim.attempt)
            return await self._reserve_here(claim)
        except BaseException:
            self._memory.void(claim.request_id, claim.attempt)
            raise
        if rated.taken is None:
            self._memory.void(claim.request_id, claim.attempt)
            cells = [ToldCell(stood) for stood in rated.told]
            return told(refusal(claim_of(claim, charges.rates), cells, 0, self._clock.now()), claim.charges)
        answer = self._merged(claim, charges.rates, rated, held)
        self._taken[claim.request_id, claim.attempt] = (rated.taken, answer)
        return answer

    async def _reserve_here(self, claim: Claim) -> Reservation | Refusal:
        charges = self._sorter.sort(claim.charges, apart=False)
        if charges.same:
            return await self._take(claim)
        if charges.parts and self._sorter.parts is not None:
            return await self._reserve_of_parts(claim, charges, self._sorter.parts)
        return told(await self._take(claim_of(claim, charges.local)), claim.charges)

    async def _reserve_of_parts(self, claim: Claim, charges: Charges, desk: PartDesk) -> Reservation | Refusal:
        for part, measure in charges.parts:
            part.asked += claim.amounts[measure]
        answer = await self._take_of_parts(claim, charges)
        if isinstance(answer, Refusal) and await desk.more(claim, charges.parts):
            answer = await self._take_of_parts(claim, self._sorter.sort(claim.charges, apart=False))
        if isinstance(answer, Refusal):
            answer = desk.answered(answer)
        return told(with_rest(answer, charges.parts), claim.charges)

    async def _take_of_parts(self, claim: Claim, charges: Charges) -> Reservation | Refusal:
        while True:
            answer = await self._take(claim_of(claim, charges.local))
            now = self._sorter.sort(claim.charges, apart=False)
            if now is charges or isinstance(answer, Refusal):
                return answer
            # Parts have moved while a budget was asked for.
            self._memory.void(claim.request_id, claim.attempt)
            charges = now

    async def _take(self, local: Claim) -> Reservation | Refusal:
        return await self._asked(local, self._memory.take(local))

    async def _asked(self, local: Claim, answer: Reservation | Refusal) -> Reservation | Refusal:
        """What the store says where this process said no. Windows that were opened are made known to it."""
        is_new = bool(self._opened)
        self._opened.clear()
        try:
            if isinstance(answer, Refusal):
                answer = await self._desk.ask(local, answer)
                # The desk took it while other calls went on: one of them may have cleared what it opened.
                is_new = is_new or isinstance(answer, Reservation)
        except Away:
            raise BudgetsAway from None
        finally:
            if is_new:
                self._desk.meet(local.charges)
        return answer

    def _merged(self, claim: Claim, charges: tuple[Charge, ...], rated: Rated, held: Reservation) -> Reservation:
        amounts = [asked(claim, charge) for charge in charges]
        requests, tokens = tightest(charges, rated.told, amounts, held.requests, held.tokens)
        passed = tuple(
            charge
            for charge, stood, amount in zip(charges, rated.told, amounts, strict=True)
            if amount > stood.rest and not charge.enforced and amount
        )
        answer = told(Reservation(claim.request_id, claim.attempt, requests, tokens, held.observed + passed), claim.charges)
        return answer if isinstance(answer, Reservation) else held

    def settle(self, request_id: str, attempt: int, actual: Actual) -> None:
        self._memory.settle(request_id, attempt, actual)
        self._settle_rates(request_id, attempt, actual)

    def void(self, request_id: str, attempt: int) -> None:
        self._memory.void(request_id, attempt)
        self._settle_rates(request_id, attempt, None)

    def _settle_rates(self, request_id: str, attempt: int, actual: Actual | None) -> None:
        if self._taken:
            found = self._taken.pop((request_id, attempt), None)
            if found is not None and self._rates is not None:
                self._rates.settle(found[0], actual)

    def renew(self, request_id: str, attempt: int) -> None:
        self._memory.renew(request_id, attempt)

    async def quota(self, charges: Iterable[Charge]) -> list[Standing]:
        """For all processes where those who count for all answer, else what this one knows."""
        own = tuple(charges)
        local = self._sorter.sort(own, apart=False).local
        with contextlib.suppress(Exception):
            await self._desk.look(local)
        found = await self._memory.quota(local)
        standings = [Standing(charge, one.used, one.reserved, one.opens) for charge, one in zip(own, found, strict=True)]
        if self._rates is None or self._rates.is_open:
            return standings
        rates = self._sorter.sort(own, apart=True).rates
        with contextlib.suppress(RatesAway):
            stood = await self._rates.look(rates) if rates else ()
            by_limit = {charge.limit.id: one for charge, one in zip(rates, stood, strict=True)}
            now = self._clock.now()
            standings = [_rated(standing, by_limit.get(standing.charge.limit.id), now) for standing in standings]
        return standings

    async def quiet(self) -> None:
        """Waits for what goes on behind calls: windows that become known, and rates that are settled."""
        await self._desk.quiet()
        if self._rates is not None:
            await self._rates.flushed()

    async def open_reservations(self) -> int:
        return await self._memory.open_reservations()

    def moved(self, windows: Iterable[Moved]) -> None:
        """The ledger has raised these: tells the thresholds that were passed, of all processes only this once."""
        for moved in windows:
            self._desk.posted(moved)
            charge = self._desk.alerting.get(moved.key)
            if charge is None or self._on_alert is None:
                continue
            limit = charge.limit
            for percent in limit.alerts[alert_level(limit, moved.before) : alert_level(limit, moved.after)]:
                self._on_alert(Alert(charge, percent, moved.after, moved.start, self._clock.now()))

    async def tend(self) -> None:
        """What is done every now and then. Raises what the store raises."""
        if self._windows is not None:
            async with self._desk.still():
                there = max(1, await self._windows.alive(LEASE))
            self._sorter.meet(there, int(self._clock.monotonic() * 1_000_000))
            await self._desk.give_back(LEASE - HEARTBEAT)
            self._desk.meet_again()

    async def _run(self, windows: Windows, recovered: Awaitable[object] | None) -> None:
        if recovered is not None:
            await recovered
        while not self._desk.is_open:
            try:
                await windows.release()
                self._desk.open(windows)
            except Exception as error:
                _LOG.error("budgets wait for the database", error=f"{type(error).__name__}: {error}"[:500])
                await asyncio.sleep(_RETRY)
        while True:
            try:
                await self.tend()
            except Exception as error:
                _LOG.warning("limits could not be tended", error=f"{type(error).__name__}: {error}"[:500])
            await asyncio.sleep(HEARTBEAT)

    def _expired(self, claim: Claim, charged: Actual) -> None:
        self._settle_rates(claim.request_id, claim.attempt, charged)

    def _cell_of(self, limit: Limit) -> Cell:
        return Leased(calendar_of(limit), self._opened) if by_calendar(limit) else new_cell(limit)


def _rated(standing: Standing, stood: Told | None, now: float) -> Standing:
    if stood is None:
        return standing
    return Standing(standing.charge, stood.taken, stood.running, None if stood.whole is None else now + stood.whole)
