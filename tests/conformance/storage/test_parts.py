"""Limits by the minute of several processes that share a machine, over one database: exact wherever the calls come."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import pytest
from tests.support.clock import FixedClock
from tests.support.waiting import eventually, soon

from tidegate.adapters.leases import LeasedCounters
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.limits_parts import GRACE, SqlParts
from tidegate.adapters.sql.limits_windows import SqlWindows
from tidegate.policy.limits.part import PartAsk, PartStand
from tidegate.policy.limits.rules import Limit, Refusal, Reservation, charge, claim
from tidegate.ports.limits import Parts

RPM = charge(Limit(id="rpm", kind="key", what="requests", per="minute", amount=60), "k1", org="default")
MINUTE = 60_000_000


@asynccontextmanager
async def process(database: Database, owner: str, clock: FixedClock, parts: Parts | None = None) -> AsyncGenerator[LeasedCounters]:
    counters = LeasedCounters(clock, by_parts=True)
    counters.start(SqlWindows(database, owner, clock), parts=parts or SqlParts(database, owner, clock))
    try:
        yield counters
    finally:
        await counters.aclose()


async def asked(counters: LeasedCounters, name: str, count: int) -> list[Reservation | Refusal]:
    return [await counters.reserve(claim(f"{name}-{number}", 1, (RPM,))) for number in range(count)]


def admitted(answers: list[Reservation | Refusal]) -> int:
    return sum(isinstance(answer, Reservation) for answer in answers)


async def test_one_of_two_that_is_asked_alone_has_all_and_both_never_more(database: Database) -> None:
    clock = FixedClock()
    async with process(database, "a", clock) as first, process(database, "b", clock) as second:
        answers = await asked(first, "a", 62)
        assert admitted(answers) == 60
        refused = answers[-1]
        assert isinstance(refused, Refusal)
        assert (refused.charge, refused.wait) == (RPM, 1.0)
        left = [answer.requests.left for answer in answers[:60] if isinstance(answer, Reservation) and answer.requests is not None]
        assert left == list(range(59, -1, -1))
        other = (await asked(second, "b", 3))[-1]
        assert isinstance(other, Refusal)
        assert other.wait is not None


async def test_calls_at_the_same_time_at_both_are_never_more(database: Database) -> None:
    clock = FixedClock()
    async with process(database, "a", clock) as first, process(database, "b", clock) as second:
        found = await asyncio.gather(*(asked(one, f"{name}{n}", 12) for one, name in ((first, "a"), (second, "b")) for n in range(4)))
        assert sum(map(admitted, found)) == 60


async def test_what_an_idle_one_has_moves_to_the_other(database: Database) -> None:
    clock = FixedClock()
    async with process(database, "a", clock) as first, process(database, "b", clock) as second:
        assert admitted(await asked(first, "a", 60)) == 60
        clock.at += 50
        taken = 0

        async def more() -> bool:
            nonlocal taken
            clock.at += 0.3
            taken += admitted(await asked(second, f"b{clock.at}", 1))
            return taken >= 45

        await eventually(more, wanted=True)
        assert clock.at - FixedClock().at < 120


async def test_what_a_dead_one_admitted_counts_until_it_is_over(database: Database) -> None:
    clock = FixedClock()
    dead, one = SqlParts(database, "dead", clock), SqlParts(database, "one", clock)
    assert (await dead.exchange({"k": PartAsk(60, 50, MINUTE)}))["k"].granted == 50
    clock.at += GRACE + 59
    found = (await one.exchange({"k": PartAsk(60, 60, MINUTE)}))["k"]
    assert (found.granted, found.others, found.processes) == (10, 50, 2)
    clock.at += 1
    found = (await one.exchange({"k": PartAsk(60, 60, MINUTE)}))["k"]
    assert (found.granted, found.others, found.processes) == (60, 0, 1)
    await one.exchange({"k": PartAsk(60, 0, MINUTE)})
    assert (await dead.exchange({"k": PartAsk(60, 60, 0)}))["k"].granted == 60


class Away:
    def __init__(self) -> None:
        self.is_away = True
        self.asked = 0

    async def exchange(self, asks: Mapping[str, PartAsk]) -> dict[str, PartStand]:
        self.asked += 1
        if self.is_away:
            raise OSError
        return {}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_without_the_database_each_has_its_share(database: Database) -> None:
    clock, away = FixedClock(), Away()
    async with process(database, "a", clock, away) as only:
        answers = await asked(only, "a", 61)
        assert admitted(answers) == 60
        away.is_away = False
        before = away.asked
        await soon(lambda: away.asked > before)
