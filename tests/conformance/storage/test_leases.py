"""Budgets of several processes over one database: what one spends no other can, and what a process that died held is not spent twice."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from tests.support.clock import FixedClock
from tests.support.usage import usage_event

from tidegate.adapters import leases
from tidegate.adapters.leases import LeasedCounters
from tidegate.adapters.leases_desk import LEASE
from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.limits_post import Spent
from tidegate.adapters.sql.limits_windows import SqlWindows
from tidegate.policy.limits.rules import Actual, Alert, Charge, Limit, Refusal, Reservation, ScopeKind, What, charge, claim
from tidegate.ports import UsageEvent
from tidegate.ports.limits import BudgetsAway, Granted, Want
from tidegate.records import Actor, ApiKey, Tenant

DOLLAR = 1_000_000_000
BUDGET = Limit(id="usd", kind="team", what="spend", per="month", amount=DOLLAR, alerts=(50, 100))
DAILY = Limit(id="tpd", kind="key", what="tokens", per="day", amount=1000)
TEAM = charge(BUDGET, "core", org="default")
KEY = charge(DAILY, "k1", org="default")


class Process:
    """One gateway: its counters, and the ledger that it posts to."""

    def __init__(self, database: Database, owner: str, clock: FixedClock) -> None:
        self.clock = clock
        self.alerts: list[Alert] = []
        self.windows = SqlWindows(database, owner, clock)
        self.counters = LeasedCounters(clock, on_alert=self.alerts.append)
        self.ledger = LedgerStore(database, windows=Spent(database, owner), on_moved=self.counters.moved)
        self.count = 0
        self.owner = owner

    async def reserve(self, nano: int = 0, tokens: int = 0, charges: tuple[Charge, ...] = (TEAM, KEY)) -> Reservation | Refusal:
        self.count += 1
        return await self.counters.reserve(claim(f"{self.owner}-{self.count}", 1, charges, tokens=tokens, nano=nano))

    async def settle(self, held: Reservation | Refusal, nano: int = 0, tokens: int = 0) -> None:
        assert isinstance(held, Reservation)
        self.counters.settle(held.request_id, held.attempt, Actual(tokens, nano))
        await self.post(held.request_id, nano, tokens)

    async def post(self, request_id: str, nano: int, tokens: int = 0, entry: str = "settled", key: str = "k1") -> None:
        event = usage_event(
            request_id=request_id, at=self.clock.now(), key=key, team="core", usage={"input": tokens}, cost_nano=nano, entry=entry
        )
        await self.ledger.post([event])

    async def stands(self) -> tuple[int, int]:
        """(used, reserved) of the team's budget."""
        (found,) = await self.counters.quota((TEAM,))
        return found.used, found.reserved


@asynccontextmanager
async def process(database: Database, owner: str, clock: FixedClock) -> AsyncGenerator[Process]:
    made = Process(database, owner, clock)
    made.counters.start(made.windows)
    yield made
    await made.counters.aclose()


async def away(asks: Sequence[Sequence[Want]]) -> Granted:
    raise OSError("the database is away")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


async def test_a_call_is_booked_where_all_see_it(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one, process(database, "b", clock) as other:
        held = await one.reserve(nano=100, tokens=10)
        assert await one.stands() == (0, 100)
        await one.settle(held, nano=60, tokens=7)
        assert await one.stands() == (60, 0)
        assert (await other.stands())[0] == 60


async def test_processes_together_never_pass_a_budget(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one, process(database, "b", clock) as other:
        granted = 0
        for _ in range(300):
            for each in (one, other):
                clock.at += 1
                if isinstance(await each.reserve(nano=DOLLAR // 100), Reservation):
                    granted += 1
        assert granted == 100


async def test_many_at_once_ask_as_one(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one:
        answers = await asyncio.gather(*(one.reserve(nano=DOLLAR // 100) for _ in range(150)))
        assert sum(isinstance(answer, Reservation) for answer in answers) == 100


async def test_all_levels_or_none(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one:
        assert isinstance(await one.reserve(nano=10, tokens=10), Reservation)
        small = charge(msgspec.structs.replace(BUDGET, id="small", amount=5), "core", org="default")
        refused = await one.reserve(nano=10, charges=(TEAM, small))
        assert isinstance(refused, Refusal)
        assert refused.charge is small
        assert (await one.stands())[1] == 10


async def test_a_restart_knows_what_was_spent(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one:
        await one.settle(await one.reserve(nano=700_000_000), nano=700_000_000)
    async with process(database, "a", clock) as again:
        assert await again.stands() == (700_000_000, 0)
        assert isinstance(await again.reserve(nano=400_000_000), Refusal)
        assert isinstance(await again.reserve(nano=300_000_000), Reservation)


async def test_what_a_killed_process_held_is_neither_free_nor_lost(database: Database, clock: FixedClock) -> None:
    dead = Process(database, "a", clock)
    dead.counters.start(dead.windows)
    await dead.settle(await dead.reserve(nano=100_000_000), nano=50_000_000)
    running = await dead.reserve(nano=800_000_000)
    assert isinstance(running, Reservation)
    await dead.counters.abandon()
    async with process(database, "b", clock) as other:
        assert isinstance(await other.reserve(nano=200_000_000), Refusal), "it may have been spent"
        # The process comes back: its spool says what ran, and the rest is given back.
        again = Process(database, "a", clock)
        recovered = asyncio.Event()
        again.counters.start(again.windows, recovered.wait())
        await again.post(running.request_id, 300_000_000, entry="unknown")
        recovered.set()
        assert isinstance(await again.reserve(nano=1), Reservation)
        clock.at += 1
        used, reserved = await other.stands()
        assert used == 350_000_000
        assert reserved < 100_000_000
        assert isinstance(await other.reserve(nano=600_000_000), Reservation)
        await again.counters.aclose()


async def test_what_is_not_needed_goes_back(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one, process(database, "b", clock) as other:
        await one.settle(await one.reserve(nano=100), nano=100)
        assert (await other.stands())[1] > 0
        clock.at += 31
        await one.counters.tend()
        assert await other.stands() == (100, 0)


async def test_what_is_not_needed_goes_back_within_a_lease_whenever_it_was_needed_last(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one, process(database, "b", clock) as other:
        began = clock.at
        await one.settle(await one.reserve(nano=100), nano=100)
        for seconds in (leases.HEARTBEAT - 1, leases.HEARTBEAT, leases.HEARTBEAT):
            clock.at += seconds
            await one.counters.tend()
        assert clock.at + leases.HEARTBEAT > began + LEASE
        assert await other.stands() == (100, 0)


class Held:
    """A function of the store that has begun, and does its work when the test says so."""

    def __init__(self, work: Callable[..., Awaitable[Any]]) -> None:
        self.begun, self.goes_on = asyncio.Event(), asyncio.Event()
        self._work = work

    async def __call__(self, *asked: Any) -> Any:
        self.begun.set()
        await self.goes_on.wait()
        return await self._work(*asked)


async def ended(one: Process, held: Held) -> None:
    """In good order, while the store has not answered."""
    ending = asyncio.create_task(one.counters.aclose())
    for _ in range(5):
        await asyncio.sleep(0)
    held.goes_on.set()
    await ending


@pytest.mark.parametrize("name", ["give_back", "grant"])
async def test_an_end_waits_for_what_the_store_was_asked(
    name: str, database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "HEARTBEAT", 0.001)
    async with process(database, "b", clock) as other:
        one = Process(database, "a", clock)
        one.counters.start(one.windows)
        await one.settle(await one.reserve(nano=100), nano=100)
        held = Held(getattr(one.windows, name))
        monkeypatch.setattr(one.windows, name, held)
        if name == "give_back":
            clock.at += 31
            await asyncio.wait_for(held.begun.wait(), 10)
        else:
            leaver = asyncio.create_task(one.reserve(nano=DOLLAR // 2))
            await asyncio.wait_for(held.begun.wait(), 10)
            leaver.cancel()
        await ended(one, held)
        assert await other.stands() == (100, 0)


@pytest.mark.parametrize("ticks", range(4))
async def test_a_client_that_leaves_while_its_budget_is_asked_for_holds_nothing(
    ticks: int, database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever moment after the store's answer."""
    async with process(database, "a", clock) as one:
        grant, answered = one.windows.grant, asyncio.Event()

        async def granted(asks: Sequence[Sequence[Want]]) -> Granted:
            found = await grant(asks)
            answered.set()
            return found

        monkeypatch.setattr(one.windows, "grant", granted)
        leaver = asyncio.create_task(one.reserve(nano=DOLLAR // 2))
        await answered.wait()
        for _ in range(ticks):
            await asyncio.sleep(0)
        is_held = leaver.done()
        leaver.cancel()
        await asyncio.wait((leaver,))
        assert await one.counters.open_reservations() == is_held


async def test_what_could_not_be_given_back_is_given_back_later(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with process(database, "a", clock) as one, process(database, "b", clock) as other:
        await one.settle(await one.reserve(nano=100), nano=100)
        used, reserved = await other.stands()
        assert (used, reserved > 0) == (100, True)
        clock.at += 31
        with monkeypatch.context() as outage:
            outage.setattr(one.windows, "give_back", away)
            with pytest.raises(OSError, match="away"):
                await one.counters.tend()
        await one.counters.tend()
        assert await other.stands() == (100, 0)
        await one.settle(await one.reserve(nano=50), nano=50)
        assert (await other.stands())[0] == 150


async def test_what_was_granted_and_nobody_heard_of_goes_back(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with process(database, "a", clock) as one, process(database, "b", clock) as other:
        grant = one.windows.grant

        async def unheard(asks: Sequence[Sequence[Want]]) -> Granted:
            await grant(asks)
            return await away(asks)

        monkeypatch.setattr(one.windows, "grant", unheard)
        with pytest.raises(BudgetsAway):
            await one.reserve(nano=100)
        monkeypatch.undo()
        await one.settle(await one.reserve(nano=100), nano=60)
        clock.at += 31
        await one.counters.tend()
        assert await other.stands() == (60, 0)


async def test_a_row_that_no_reservation_stands_for_is_of_the_budget_too(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one:
        await one.settle(await one.reserve(nano=100), nano=100)
        await one.post("of a batch", 600_000_000)
        assert isinstance(await one.reserve(nano=500_000_000), Refusal)
        clock.at += 1
        assert isinstance(await one.reserve(nano=399_999_900), Reservation)


async def test_a_lease_ends_with_its_window(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one:
        held = await one.reserve(nano=DOLLAR)
        clock.at += 40 * 86_400
        assert isinstance(await one.reserve(nano=DOLLAR), Reservation)
        await one.counters.tend()
        await one.settle(held, nano=5)
        await one.counters.tend()


async def test_a_window_that_no_call_has_met_stands_as_the_ledger_says(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one:
        await one.post("before-there-was-a-limit", 2010, 7)
        standings = await one.counters.quota((TEAM, KEY))
        assert [(found.used, found.reserved) for found in standings] == [(2010, 0), (7, 0)]
        await one.post("meanwhile", 5)
        assert await one.stands() == (2015, 0)
        assert isinstance(await one.reserve(nano=DOLLAR - 2014), Refusal)


async def test_thresholds_are_told_once(database: Database, clock: FixedClock) -> None:
    soft = charge(msgspec.structs.replace(BUDGET, id="soft", hard=False), "core", org="default")
    async with process(database, "a", clock) as one, process(database, "b", clock) as other:
        for each in (one, other, one, other):
            held = await each.reserve(nano=300_000_000, charges=(soft,))
            await asyncio.sleep(0)
            await each.counters.quota((soft,))  # behind the window's being made known
            await each.settle(held, nano=300_000_000)
        assert sorted(alert.percent for alert in (*one.alerts, *other.alerts)) == [50, 100]


async def told(database: Database, clock: FixedClock) -> dict[str, tuple[int, int]]:
    """What people are told of both limits."""
    limits = [msgspec.structs.replace(each, subject=subject, org="default") for each, subject in ((BUDGET, "core"), (DAILY, "k1"))]
    async with SqlControlStore(Changes(database, clock)).view(Tenant()) as view:
        return {id: (found.used, found.reserved) for id, found in (await view.standings(limits, clock.now())).items()}


async def test_a_window_that_was_looked_at_before_is_made_known_with_its_first_call(database: Database, clock: FixedClock) -> None:
    soft = charge(msgspec.structs.replace(BUDGET, id="soft", hard=False), "core", org="default")
    first = charge(msgspec.structs.replace(BUDGET, id="first", hard=False, alerts=()), "core", org="default")
    async with process(database, "a", clock) as one:
        await one.counters.quota((soft,))
        await one.settle(await one.reserve(nano=1, charges=(first,)), nano=1)
        await one.counters.quiet()
        held = await one.reserve(nano=900_000_000, charges=(soft,))
        await one.counters.quiet()
        await one.settle(held, nano=900_000_000)
        assert [alert.percent for alert in one.alerts] == [50]


async def test_a_window_that_the_store_did_not_hear_of_is_made_known_when_it_is_back(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    soft = charge(msgspec.structs.replace(BUDGET, id="soft", hard=False), "core", org="default")
    async with process(database, "a", clock) as one:
        with monkeypatch.context() as outage:
            outage.setattr(one.windows, "grant", away)
            await one.settle(await one.reserve(nano=1, charges=(soft,)), nano=1)
            await one.counters.quiet()
        await one.counters.tend()
        await one.counters.quiet()
        await one.settle(await one.reserve(nano=900_000_000, charges=(soft,)), nano=900_000_000)
        assert [alert.percent for alert in one.alerts] == [50]


async def test_a_new_limit_knows_the_past(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one:
        await one.post("before", 123, tokens=45)
        assert await told(database, clock) == {"usd": (123, 0), "tpd": (45, 0)}
        assert isinstance(await one.reserve(nano=10, tokens=10), Reservation)
        assert (await told(database, clock))["usd"][0] == 123, "what is told is not counted"
        team, key = await one.counters.quota((TEAM, KEY))
        assert (team.used, key.used) == (123, 45)


async def test_the_limit_of_a_key_knows_what_those_used_that_it_replaced(database: Database, clock: FixedClock) -> None:
    control = SqlControlStore(Changes(database, clock))
    async with control.change(Tenant(), Actor(kind="system", id="test")) as change:
        for id, before in (("k1", None), ("k2", "k1"), ("k3", "k2"), ("k9", None)):
            await change.add(ApiKey(id=id, name=id, digest=id.encode(), owner_id="default", rotated_from=before))
    async with process(database, "a", clock) as one:
        await one.post("before", 123, tokens=45)
        third, other = charge(DAILY, "k3", org="default"), charge(DAILY, "k9", org="default")
        assert isinstance(await one.reserve(tokens=10, charges=(third, other)), Reservation)
        assert [found.used for found in await one.counters.quota((third, other))] == [45, 0]


async def test_keys_that_replaced_each_other_are_counted_as_the_first_of_them(database: Database, clock: FixedClock) -> None:
    control = SqlControlStore(Changes(database, clock))
    async with control.change(Tenant(), Actor(kind="system", id="test")) as change:
        for id, line in (("k1", None), ("k2", "k1"), ("k3", "k1"), ("k9", None)):
            await change.add(ApiKey(id=id, name=id, digest=id.encode(), owner_id="default", line=line))
    async with process(database, "a", clock) as one, process(database, "b", clock) as other:
        await one.post("before", 0, tokens=40, key="k2")
        held = await one.reserve(tokens=100, charges=(KEY,))
        await one.settle(held, tokens=5)
        for number, key in enumerate(("k3", "k2", "k9")):
            await one.post(f"replaced-{number}", 0, tokens=10, key=key)
        (found,) = await other.counters.quota((KEY,))
        assert found.used == 65


SUBJECTS: dict[ScopeKind, str] = {
    "organisation": "default",
    "team": "core",
    "user": "u1",
    "key": "k1",
    "end_user": "default/patron",
    "route": "smart",
    "model": "openai/gpt-5",
    "tag": "default/red",
}


def of_all_kinds(id: str) -> tuple[Charge, ...]:
    """Spend, tokens and requests of a day, of everybody whom a row can be of: of the organisation's own calls, and of those of all."""
    found: list[Charge] = []
    whats: tuple[What, ...] = ("spend", "tokens", "requests")
    for kind, subject in SUBJECTS.items():
        for what in whats:
            limit = Limit(id=f"{id}-{kind}-{what}", kind=kind, subject="x", org="default", what=what, per="day", amount=DOLLAR)
            found.append(charge(limit, subject, org="default"))
            if kind in ("route", "model"):
                found.append(charge(msgspec.structs.replace(limit, id=f"{limit.id}-all", org=""), subject, org="default"))
    return tuple(found)


def rows_of_all_kinds(at: float) -> list[UsageEvent]:
    """The first and the second attempt of a call, one that a correction is for, and those of others."""
    whose: dict[str, Any] = {"key": "k1", "team": "core", "user": "u1", "end_user": "patron", "route": "smart", "tags": ["red", "blue"]}
    usage = {"input": 1, "cache_read": 10, "cache_write": 100, "output": 1000, "reasoning": 500}
    corrected = {"usage": {"input": -1, "output": 3}, "cost_nano": -7}
    return [
        usage_event(1, at=at, usage=usage, cost_nano=50, **whose),
        usage_event(1, at=at, attempt=2, usage=usage, cost_nano=60, **whose),
        usage_event(2, at=at + 1, entry="unknown", usage=usage, cost_nano=70, **whose),
        usage_event(2, at=at + 1, entry="correction", **whose, **corrected),
        usage_event(3, at=at - 86_400, usage=usage, cost_nano=80, **whose),
        usage_event(4, at=at, org="b", usage=usage, cost_nano=90, **whose),
        usage_event(
            5, at=at, key="k2", team="t2", user="u2", end_user="guest", route="other", target="openai/o", provider="openai", model="o"
        ),
    ]


async def test_a_window_that_is_made_late_stands_as_one_that_saw_every_row(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one:

        async def met(charges: tuple[Charge, ...]) -> dict[str, int]:
            await one.counters.reserve(claim(charges[0].key, 2, charges))
            one.counters.void(charges[0].key, 2)
            await one.counters.quiet()
            return {found.charge.limit.id.partition("-")[2]: found.used for found in await one.counters.quota(charges)}

        early = of_all_kinds("early")
        crowd = (charge(Limit(id="crowd-", kind="end_user", org="default", what="spend", per="day", amount=DOLLAR), "default/patron"),)
        assert not any([*(await met(early)).values(), *(await met(crowd)).values()])
        await one.ledger.post(rows_of_all_kinds(clock.now()))
        stands = await met(early)
        assert stands == await met(of_all_kinds("late"))
        assert await met(crowd) == {"": 173}
    assert (stands["key-spend"], stands["key-tokens"], stands["key-requests"]) == (173, 3 * 1111 + 2, 2)
    assert (stands["model-requests"], stands["model-requests-all"], stands["route-spend-all"]) == (3, 4, 263)
    assert (stands["end_user-spend"], stands["end_user-requests"], stands["tag-requests"]) == (173, 2, 2)
    assert (stands["organisation-spend"], stands["team-spend"], stands["user-spend"]) == (273, 173, 173)


async def test_calls_without_an_end_user_are_nobodys_among_end_users(database: Database, clock: FixedClock) -> None:
    each = (charge(Limit(id="each", kind="end_user", what="spend", per="month", amount=DOLLAR), "default/patron", org="default"),)
    async with process(database, "a", clock) as one:
        await one.post("of-no-end-user", DOLLAR)
        held = await one.reserve(nano=1, charges=each)
        assert isinstance(held, Reservation)
        (found,) = await one.counters.quota(each)
        assert (found.used, found.reserved) == (0, 1)


async def test_without_its_database_only_what_was_granted_is_spent(
    database: Database, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with process(database, "a", clock) as one:
        await one.settle(await one.reserve(nano=100), nano=100)
        monkeypatch.setattr(one.windows, "grant", away)
        assert isinstance(await one.reserve(nano=1000), Reservation)
        with pytest.raises(BudgetsAway):
            await one.reserve(nano=DOLLAR // 2)
        assert isinstance(await one.reserve(tokens=900), Reservation), "counts that are no money go on"
        monkeypatch.undo()
        assert isinstance(await one.reserve(nano=DOLLAR // 2), Reservation)


def several(count: int) -> tuple[Charge, ...]:
    """New limits, which this process meets in one call."""
    limits = [msgspec.structs.replace(BUDGET, id=f"usd{number}", amount=DOLLAR * (number + 1), alerts=()) for number in range(count)]
    return tuple(charge(limit, "core", org="default") for limit in limits)


async def test_what_is_granted_of_a_new_limit_is_not_lost_when_another_one_is_met(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one:
        charges = several(6)
        held = await one.reserve(nano=100, charges=charges)
        assert [(found.used, found.reserved) for found in await one.counters.quota(charges)] == [(0, 100)] * 6
        await one.settle(held, nano=60)
        assert [(found.used, found.reserved) for found in await one.counters.quota(charges)] == [(60, 0)] * 6


async def test_how_many_limits_stand_is_known_after_a_restart(database: Database, clock: FixedClock) -> None:
    charges = several(6)
    async with process(database, "a", clock) as one:
        await one.settle(await one.reserve(nano=100, charges=charges), nano=60)
    async with process(database, "b", clock) as other:
        assert [(found.used, found.reserved) for found in await other.counters.quota(charges)] == [(60, 0)] * 6


PER_MINUTE = charge(Limit(id="rpm", kind="key", what="requests", per="minute", amount=10), "k1", org="default")


async def a_minute(clock: FixedClock, *processes: Process) -> None:
    for _ in range(6):
        clock.at += 10
        for each in processes:
            await each.counters.tend()


async def admitted(each: Process, asks: int = 20) -> int:
    await each.counters.tend()
    return sum([isinstance(await each.reserve(charges=(PER_MINUTE,)), Reservation) for _ in range(asks)])


async def test_a_process_that_begins_beside_another_admits_nothing_twice(database: Database, clock: FixedClock) -> None:
    async with process(database, "a", clock) as one:
        assert await admitted(one) == 10
        async with process(database, "b", clock) as other:
            # The least of a share is one.
            assert await admitted(other) == 1
            assert await admitted(one) == 0
            await a_minute(clock, one, other)
            # What it took as the only one, it gets back at the pace of its share.
            assert (await admitted(one), await admitted(other)) == (0, 5)
            await a_minute(clock, one, other)
            assert (await admitted(one), await admitted(other)) == (5, 5)
        assert await admitted(one) == 0
        await a_minute(clock, one)
        assert await admitted(one) == 10
