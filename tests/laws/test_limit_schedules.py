"""T-LG-8: budgets over days that have 23 or 25 hours, ends of months and years, in any time zone, while people edit them.

The model knows no windows: it asks the calendar of the zone which day, week or month a moment has, and sums up what was used in the same.
"""

import asyncio
import datetime
import os
import zoneinfo
from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.clock import FixedClock

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.adapters.leases import LeasedCounters
from tidegate.policy.limits.leased import Figures
from tidegate.policy.limits.rules import Actual, Limit, Per, Reservation, charge, claim
from tidegate.ports.limits import Granted, Want

EXAMPLES = int(os.environ.get("TIDEGATE_LIMIT_EXAMPLES", "500"))
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Cairo",
)
PERIODS: tuple[Per, ...] = ("hour", "day", "week", "month", "total")
BEGINS = [
    datetime.datetime(*day, tzinfo=datetime.UTC).timestamp()
    for day in ((2026, 3, 28, 20), (2026, 10, 24, 20), (2026, 12, 31, 8), (2028, 2, 28, 9), (2026, 4, 4, 10), (2026, 9, 5, 22))
]
"""The evening before clocks change somewhere, or a month or a year ends."""

STEPS = st.tuples(
    st.sampled_from([0, 60, 1799, 1800, 3600, 7200, 40_000, 86_400, 90_000, 700_000]),
    st.integers(0, 60),
    st.integers(0, 90),
    st.sampled_from([None, None, None, 0, 50, 100, 200]),
)
"""(seconds that pass, what is reserved, what it comes to, a new amount)."""


class AllOfIt:
    """A store that has one process: what is left is granted."""

    def __init__(self) -> None:
        self.granted: dict[tuple[str, int], int] = {}

    async def grant(self, asks: Sequence[Sequence[Want]]) -> Granted:
        answers, figures = [], {}
        for ask in asks:
            for want in ask:
                place = (want.charge.key, want.start)
                had = self.granted.get(place, 0)
                fits = had + want.need <= want.charge.limit.amount
                self.granted[place] = had + want.need if fits else had
                figures[place] = Figures(0, self.granted[place], self.granted[place], 0)
                answers.append(fits)
        return Granted(tuple(answers), figures)

    async def look(self, wants: Sequence[Want]) -> dict[tuple[str, int], Figures]:
        return {}

    async def give_back(self, kept: object) -> None: ...

    async def release(self) -> None: ...

    async def alive(self, seconds: float) -> int:
        return 1

    async def leave(self) -> None: ...


def same(per: Per, at: float, now: float, zone: datetime.tzinfo) -> bool:
    """Whether both moments are of one hour of UTC, or of one day, week or month of the zone."""
    if per == "total":
        return True
    if per == "hour":
        return at // 3600 == now // 3600
    days = [datetime.datetime.fromtimestamp(moment, zone).date() for moment in (at, now)]
    match per:
        case "day":
            return days[0] == days[1]
        case "week":
            return days[0].isocalendar()[:2] == days[1].isocalendar()[:2]
        case _:
            return (days[0].year, days[0].month) == (days[1].year, days[1].month)


@given(zone=st.sampled_from(ZONES), per=st.sampled_from(PERIODS), begin=st.sampled_from(BEGINS), steps=st.lists(STEPS, max_size=25))
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
def test_balances_are_those_of_the_calendar(zone: str, per: Per, begin: float, steps: list[tuple[int, int, int, int | None]]) -> None:
    asyncio.run(schedule(zone, per, begin, steps))


async def schedule(zone: str, per: Per, begin: float, steps: list[tuple[int, int, int, int | None]]) -> None:
    clock = FixedClock(begin)
    where = zoneinfo.ZoneInfo(zone)
    limit = Limit(id="usd", kind="team", what="spend", per=per, amount=100, zone=where)
    leased = LeasedCounters(clock)
    leased.start(AllOfIt())
    memory = MemoryCounters(clock)
    used: list[tuple[float, int]] = []
    for number, (passed, reserved, came_to, amount) in enumerate(steps):
        clock.at += passed
        limit = limit if amount is None else msgspec.structs.replace(limit, amount=amount)
        one = charge(limit, "core", org="a")
        before = sum(nano for at, nano in used if same(per, at, clock.at, where))
        for counters in (memory, leased):
            wanted = claim(f"r{number}", 1, (one,), nano=reserved)
            granted = isinstance(await counters.reserve(wanted), Reservation)
            assert granted == (not reserved or before + reserved <= limit.amount), (counters, before, reserved, limit.amount)
            if granted:
                counters.settle(f"r{number}", 1, Actual(0, came_to))
        if not reserved or before + reserved <= limit.amount:
            used.append((clock.at, came_to))
        for counters in (memory, leased):
            (standing,) = await counters.quota([one])
            assert standing.used == sum(nano for at, nano in used if same(per, at, clock.at, where))
            assert standing.reserved == 0
            assert standing.opens is None or standing.opens >= clock.at
    await leased.aclose()
