"""T-CK-1: a clock that is wrong is told, and takes nothing from what is counted by seconds."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from tests.unit.policy.limits.values import charged

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.control.clock_watch import ALARM, INTERVAL, ClockWatcher
from tidegate.policy.limits.rules import Reservation, claim

NOW = 1_780_315_200.0

pytestmark = pytest.mark.programme("T-CK-1", of="clocks that are wrong by up to an hour, or set by up to a year")


class Wrong:
    """The `Clock` port: `off` is by how much its time of day is wrong. `steady` is what nobody sets."""

    def __init__(self, off: float = 0.0) -> None:
        self.off = off
        self.steady = 0.0

    def now(self) -> float:
        return NOW + self.steady + self.off

    def monotonic(self) -> float:
        return self.steady


def watcher(clock: Wrong, told: Callable[[float], None], way: float = 0.0, interval: float = INTERVAL) -> ClockWatcher:
    async def theirs() -> float:
        clock.steady += way / 2
        there = NOW + clock.steady
        clock.steady += way / 2
        return there

    return ClockWatcher(theirs, clock, told, interval)


@pytest.mark.parametrize("off", [0.0, 1.5, -1.5, 3.0, -3.0, 30.5, -30.5, 3600.0, -3600.0])
@pytest.mark.parametrize("way", [0.0, 1.0])
async def test_it_finds_how_wrong_a_clock_is_but_for_the_way_of_the_answer(off: float, way: float) -> None:
    offsets: list[float] = []
    await watcher(Wrong(off), offsets.append, way).step()
    assert offsets == [pytest.approx(max(0.0, abs(off) - way / 2) * (1 if off > 0 else -1))]


async def test_it_is_said_once_and_when_it_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    clock, offsets = Wrong(), list[float]()
    watching = watcher(clock, offsets.append)
    for off in (0.0, ALARM + 1, ALARM + 2, -3600.0, 0.0, 1.0):
        clock.off = off
        await watching.step()
    said = "".join(capsys.readouterr())
    assert (said.count("is not that of the database"), said.count("is that of the database again")) == (1, 1)
    assert len(offsets) == 6


async def test_it_looks_by_itself_and_a_database_that_is_away_changes_nothing() -> None:
    seen, looked = list[float](), asyncio.Event()

    async def theirs() -> float:
        looked.set()
        raise OSError("away")

    task = asyncio.create_task(ClockWatcher(theirs, Wrong(3600), seen.append).run())
    await asyncio.wait_for(looked.wait(), 5)
    assert not seen
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("jump", [30.0, -30.0, 3600.0, -3600.0, 86_400.0 * 366])
async def test_limits_by_the_minute_do_not_hear_of_a_clock_that_is_set(jump: float) -> None:
    clock = Wrong()
    counters = MemoryCounters(clock)
    limit = charged("requests", amount=3)

    async def fits(name: str) -> bool:
        return isinstance(await counters.reserve(claim(name, 1, (limit,))), Reservation)

    assert [await fits(f"r{n}") for n in range(4)] == [True, True, True, False]
    clock.off = jump
    assert not await fits("after the jump")
    clock.steady += 61
    assert await fits("a minute later")
