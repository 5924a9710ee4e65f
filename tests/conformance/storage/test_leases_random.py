"""Random programs over two or three processes of one database, against a model that knows every call: reservations that are settled,
voided, cancelled while they are asked for and lost with their process; rules that are edited and removed; rows that no reservation stands
for; clocks that jump; a database that is away, or does its work and is not heard; counts of rates that nobody answers.

A hard budget is passed by nothing but what calls used beyond what they had reserved. When all has ended, what is left is what the
rows of the ledger leave, to the unit, and nothing is held. `TIDEGATE_LIMIT_PROGRAMS` is how many there are for each database.
"""

import asyncio
import contextlib
import datetime
import os
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import select
from tests.support.clock import FixedClock
from tests.support.usage import usage_event

from tidegate.adapters.leases import LeasedCounters
from tidegate.adapters.leases_desk import LEASE
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.limits_post import Spent
from tidegate.adapters.sql.limits_windows import SqlWindows
from tidegate.adapters.sql.schema import limit_window
from tidegate.policy.limits.cells import calendar_of
from tidegate.policy.limits.rates import Rated, Told
from tidegate.policy.limits.rules import Actual, Charge, Claim, Limit, Refusal, Reservation, charge, claim
from tidegate.policy.limits.windows import window
from tidegate.ports import UsageEvent
from tidegate.ports.limits import BudgetsAway, RatesAway
from tidegate.records import EVERYONE

T = TypeVar("T")
PROGRAMS = int(os.environ.get("TIDEGATE_LIMIT_PROGRAMS", "2"))
FIRST = int(os.environ.get("TIDEGATE_SEED", "1"))
STEPS = 50
BERLIN = ZoneInfo("Europe/Berlin")
START = datetime.datetime(2026, 10, 24, 20, tzinfo=BERLIN).timestamp()
LIMITS = (
    Limit(id="usd", kind="team", what="spend", per="total", amount=100_000),
    Limit(id="day", kind="organisation", what="spend", per="day", amount=60_000, zone=BERLIN),
    Limit(id="tpd", kind="key", what="tokens", per="day", amount=5_000, zone=BERLIN),
    Limit(id="soft", kind="organisation", what="spend", per="week", amount=9_000, hard=False, alerts=(50, 100)),
    Limit(id="rpm", kind="key", what="requests", per="minute", amount=1_000_000),
)
BUDGETS = ("usd", "day")
"""Where nothing may be passed, whatever is away; tokens go on with what is known."""


class Call(msgspec.Struct):
    """`counts` are the hard budgets that it was reserved of; `ended` what it came to, None as long as it runs."""

    id: str
    at: float
    nano: int
    tokens: int
    counts: tuple[str, ...]
    ended: Actual | None = None

    @property
    def spent(self) -> int:
        return self.nano if self.ended is None else self.ended.nano


class Trouble:
    """What becomes of the next thing that the database is asked: it is done, refused, or done and nobody hears of it."""

    def __init__(self, chance: random.Random) -> None:
        self.kind = "well"
        self._chance = chance

    async def through(self, work: Callable[[], Awaitable[T]]) -> T:
        await asyncio.sleep(0)
        kind = self.kind if self._chance.random() < 0.7 else "well"
        if kind == "away":
            raise OSError("the database is away")
        found = await work()
        if kind == "deaf":
            raise OSError("the database did it, and nobody heard")
        return found


class Windows(SqlWindows):
    def __init__(self, database: Database, owner: str, clock: FixedClock, trouble: Trouble) -> None:
        super().__init__(database, owner, clock)
        self._trouble = trouble
        self.released = asyncio.Event()

    async def release(self) -> None:
        await super().release()
        self.released.set()

    async def grant(self, asks: Any) -> Any:
        return await self._trouble.through(lambda: super(Windows, self).grant(asks))

    async def look(self, wants: Any) -> Any:
        return await self._trouble.through(lambda: super(Windows, self).look(wants))

    async def give_back(self, kept: Any) -> None:
        await self._trouble.through(lambda: super(Windows, self).give_back(kept))


class Rates:
    """Counts for all, and answers when it likes to. What was taken of it and not settled is in `open`."""

    is_open = False

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.open: set[str] = set()

    async def take(self, claim: Claim, charges: tuple[Charge, ...]) -> Rated:
        await asyncio.sleep(0)
        told = tuple(Told(5, 0, 0, 1.0, 1.0) for _ in charges)
        match self._chance.randrange(6):
            case 0:
                raise RatesAway
            case 1:
                return Rated(None, told)
        self.open.add(claim.request_id)
        return Rated(claim.request_id, told)

    def settle(self, taken: Any, actual: Actual | None) -> None:
        self.open.remove(taken)

    async def look(self, charges: tuple[Charge, ...]) -> tuple[Told, ...]:
        raise RatesAway

    async def check(self) -> str | None:
        return None

    async def flushed(self) -> None: ...

    async def aclose(self) -> None: ...


class Process:
    """`spool` are rows that the ledger does not have yet, and `running` what this process is asked to do now: both outlive it."""

    def __init__(self, world: "World", number: int) -> None:
        self.world = world
        self.owner = f"{world.name}-{number}"
        self.trouble = Trouble(world.chance)
        self.rates = Rates(world.chance) if world.rated else None
        self.spool: list[UsageEvent] = []
        self.running: dict[str, Call] = {}
        self.alive = False

    async def start(self) -> None:
        """What ran when it was killed is charged in full; then what it held is given back."""
        self.trouble.kind = "well"
        for call in self.running.values():
            self.ends(call, Actual(call.tokens, call.nano), "unknown")
        self.running.clear()
        self.windows = Windows(self.world.database, self.owner, self.world.clock, self.trouble)
        self.counters = LeasedCounters(self.world.clock, rates=self.rates)
        spent = Spent(self.world.database, self.owner)
        self.ledger = LedgerStore(self.world.database, windows=spent, on_moved=self.counters.moved)
        await self.drain()
        self.counters.start(self.windows)
        self.alive = True

    async def kill(self) -> None:
        self.alive = False
        await self.counters.abandon()
        await self.ledger.aclose()
        if self.rates is not None:
            self.rates.open.clear()

    def ends(self, call: Call, actual: Actual, entry: str = "settled") -> None:
        call.ended = actual
        self.spool.append(self.world.row(call.id, call.at, actual, entry))

    async def drain(self) -> None:
        events = self.spool[:]
        if events:
            await self.trouble.through(lambda: self.ledger.post(events))
            del self.spool[: len(events)]


class World:
    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.chance = random.Random(seed)
        self.clock = FixedClock(START)
        self.name = f"w{seed}"
        self.limits = {limit.id: limit for limit in LIMITS}
        self.most = {limit.id: limit.amount for limit in LIMITS}
        """What each may have been since its window began."""
        self.calls: list[Call] = []
        self.rated = bool(seed % 2)
        self.processes = [Process(self, number) for number in range(2 + seed % 2)]
        self.count = 0

    def charges(self, *, all_of_them: bool = False) -> tuple[Charge, ...]:
        """One of them is not there at times."""
        gone = None if all_of_them or self.chance.random() < 0.8 else self.chance.choice(BUDGETS)
        return tuple(charge(limit, self.name, org=self.name) for limit in self.limits.values() if limit.id != gone)

    def row(self, id: str, at: float, actual: Actual, entry: str) -> UsageEvent:
        names = dict.fromkeys(("org", "key", "team", "target"), self.name)
        return usage_event(request_id=id, at=at, usage={"input": actual.tokens}, cost_nano=actual.nano, entry=entry, **names)

    def of_now(self, name: str) -> list[Call]:
        limit = self.limits[name]
        return [call for call in self.calls if start(limit, call.at) == start(limit, self.clock.at)]

    def passed(self, name: str) -> int:
        """By how much a budget was passed by what was admitted."""
        calls = self.of_now(name)
        excused = sum(max(0, call.spent - call.nano) for call in calls)
        excused += sum(call.spent for call in calls if name not in call.counts)
        return sum(call.spent for call in calls) - excused - self.most[name]

    async def reserve(self, process: Process, nano: int, tokens: int, charges: tuple[Charge, ...]) -> Call | None:
        self.count += 1
        id = f"{self.name}-{self.count}"
        counts = tuple(one.limit.id for one in charges if one.limit.id in BUDGETS)
        call = Call(id, self.clock.at, nano, tokens, counts)
        answer = await process.counters.reserve(claim(id, 1, charges, tokens=tokens, nano=nano))
        if isinstance(answer, Refusal):
            return None
        self.calls.append(call)
        process.running[id] = call
        for name in BUDGETS:
            assert name not in counts or self.passed(name) <= 0, name
        return call

    async def step(self) -> None:
        chance = self.chance
        process = chance.choice(self.processes)
        if not process.alive:
            await process.start()
            return
        kind = chance.choices(
            ("reserve", "crowd", "leave", "settle", "void", "drain", "tend", "unreserved", "kill", "trouble", "clock", "edit"),
            (8, 3, 2, 8, 2, 4, 2, 1, 1, 2, 2, 1),
        )[0]
        await getattr(self, f"_{kind}")(process)

    async def _reserve(self, process: Process) -> None:
        with contextlib.suppress(BudgetsAway):
            await self.reserve(process, self.chance.choice((1, 50, 2000, 9000)), self.chance.randrange(300), self.charges())

    async def _crowd(self, _process: Process) -> None:
        """Several at once, wherever."""
        alive = [process for process in self.processes if process.alive]
        await asyncio.gather(*(self._reserve(self.chance.choice(alive)) for _ in range(6)))

    async def _leave(self, process: Process) -> None:
        """A client that goes while its limits are asked for."""
        task = asyncio.create_task(self._reserve(process))
        for _ in range(self.chance.randrange(6)):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _settle(self, process: Process) -> None:
        if process.running:
            call = process.running.pop(self.chance.choice(sorted(process.running)))
            over = self.chance.random() < 0.1
            actual = Actual(self.chance.randrange(call.tokens + 1), call.nano + 500 if over else self.chance.randrange(call.nano + 1))
            process.counters.settle(call.id, 1, actual)
            process.ends(call, actual)

    async def _void(self, process: Process) -> None:
        if process.running:
            call = process.running.pop(self.chance.choice(sorted(process.running)))
            process.counters.void(call.id, 1)
            self.calls.remove(call)

    async def _drain(self, process: Process) -> None:
        with contextlib.suppress(OSError):
            await process.drain()

    async def _tend(self, process: Process) -> None:
        with contextlib.suppress(OSError):
            await process.counters.tend()

    async def _unreserved(self, process: Process) -> None:
        """What a provider's batch came to, which was handed over before there was a limit."""
        self.count += 1
        call = Call(f"{self.name}-{self.count}", self.clock.at, 0, 0, ())
        self.calls.append(call)
        process.ends(call, Actual(self.chance.randrange(300), self.chance.choice((10, 3000))))

    async def _kill(self, process: Process) -> None:
        if sum(one.alive for one in self.processes) > 1:
            await process.kill()

    async def _trouble(self, process: Process) -> None:
        process.trouble.kind = self.chance.choice(("well", "well", "away", "deaf"))

    async def _clock(self, _process: Process) -> None:
        before = self.clock.at
        passing = self.chance.choice((1, 1, 11, 31, 1800, 3601, 20_000, 86_400))
        while passing:
            self.clock.at += min(passing, 1800)
            passing -= min(passing, 1800)
            for process in self.processes:
                for id in process.running if process.alive else ():
                    process.counters.renew(id, 1)
        for limit in self.limits.values():
            if limit.per != "minute" and start(limit, before) != start(limit, self.clock.at):
                self.most[limit.id] = limit.amount

    async def _edit(self, _process: Process) -> None:
        first = self.chance.choice([limit for limit in LIMITS if limit.id in BUDGETS])
        limit = msgspec.structs.replace(first, amount=first.amount * self.chance.choice((50, 100, 150)) // 100)
        self.limits[limit.id] = limit
        self.most[limit.id] = max(self.most[limit.id], limit.amount)

    async def end(self) -> None:
        """Everything is well again, calls have ended, and a lease has passed."""
        for process in self.processes:
            process.trouble.kind = "well"
            if not process.alive:
                await process.start()
            while process.running:
                await self._settle(process)
            await process.drain()
            await process.windows.released.wait()
            assert process.rates is None or not process.rates.open
        self.clock.at += LEASE + 5
        for limit in self.limits.values():
            self.most[limit.id] = max(self.most[limit.id], limit.amount)
        for process in self.processes:
            await process.counters.tend()
            assert await process.counters.open_reservations() == 0
        assert await self.held() == []
        for name in BUDGETS:
            for process in self.processes:
                await self.all_of_the_rest(process, name)
        for process in self.processes:
            await process.counters.aclose()
            await process.ledger.aclose()
        assert await self.held() == []

    async def all_of_the_rest(self, process: Process, name: str) -> None:
        """What is left is what the calls leave, and one more is refused."""
        limit = self.limits[name]
        one = (charge(limit, self.name, org=self.name),)
        (standing,) = await process.counters.quota(one)
        spent = sum(call.spent for call in self.of_now(name))
        assert (standing.used, standing.reserved) == (spent, 0), name
        left = max(0, limit.amount - spent)
        assert isinstance(await process.counters.reserve(claim(f"{self.name}-{name}-more", 1, one, nano=left + 1)), Refusal), name
        self.clock.at += 1
        if left:
            assert isinstance(await process.counters.reserve(claim(f"{self.name}-{name}-rest", 1, one, nano=left)), Reservation), name
            process.counters.void(f"{self.name}-{name}-rest", 1)
            self.clock.at += LEASE + 1
            await process.counters.tend()

    async def held(self) -> list[tuple[str, int]]:
        """Windows of which something is held."""
        query = select(limit_window.c.key, limit_window.c.held).where(limit_window.c.org_id == self.name, limit_window.c.held != 0)
        async with self.database.read(EVERYONE) as connection:
            return [(row.key, row.held) for row in await connection.execute(query)]


def start(limit: Limit, at: float) -> int:
    """Of its window."""
    return window(calendar_of(limit), at, limit.zone).start


@pytest.mark.parametrize("seed", range(FIRST, FIRST + PROGRAMS))
async def test_nothing_is_passed_and_nothing_is_lost(database: Database, seed: int) -> None:
    world = World(database, seed)
    for process in world.processes:
        await process.start()
    for _ in range(STEPS):
        await world.step()
    await world.end()
