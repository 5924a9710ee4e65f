"""T-CK-1: the clock of a gateway's machine is set while it serves. Limits go on as they were, the wrong clock is told within ten seconds,
nothing takes less than no time, and what is wrong by more than half a minute takes no new traffic until it is right again.

`libfaketime` moves the time of day of the one process; its steady clock, and the database, stay as they are.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.faults.rig.calls import FIRST_NUMBER, Call, load, make
from tests.faults.rig.replicas import replicated
from tests.faults.rig.sizes import IS_LONG
from tests.support.gateway import GatewayProcess
from tests.support.replicas import KEY, Stores, spent, stores
from tests.support.waiting import eventually, until

from tidegate.adapters.sql.schema_usage import ledger
from tidegate.records import EVERYONE

Record = Callable[[str, object], None]
A_MINUTE = 12
"""Requests that the key may make in one."""
JUMPS = (31, -31, 3600, -3600, -1, 0) if IS_LONG else (-3600, 0)
"""Seconds by which the clock is wrong, one after the other; a leap second and an hour of summer time are among them."""
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))

pytestmark = pytest.mark.skipif(not LIBRARIES, reason="no libfaketime here: `sh scripts/debian.sh libfaketime`")


def ahead(gateway: GatewayProcess) -> float:
    """Seconds, as the gateway says."""
    for line in gateway.metrics().decode().splitlines():
        if line.startswith("tidegate_clock_offset_seconds "):
            return float(line.split(" ")[1])
    return 0.0


async def test_a_clock_that_is_set_while_it_serves(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, record_property: Record
) -> None:
    numbers, clock = itertools.count(FIRST_NUMBER), tmp_path / "clock"
    clock.write_text("+0s")
    environ = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    limits = {"limits": {"requests_per_minute": A_MINUTE}}
    told, made = 0.0, 0
    async with stores("postgres", tmp_path_factory.getbasetemp(), tmp_path) as opened:
        with replicated(tmp_path, opened, 1, limits, environ=environ) as replicas:
            gateway, began = replicas.gateways[0], time.monotonic()
            for off in JUMPS:
                running = asyncio.create_task(make(gateway.port, KEY, Call(next(numbers), script={"n": 30, "gap_ms": 100})))
                await asyncio.sleep(0.5)
                clock.write_text(f"{off:+d}s")
                set_at = time.monotonic()
                await asyncio.to_thread(until, lambda off=off: abs(ahead(gateway) - off) < 2, within=30)
                told = max(told, time.monotonic() - set_at)
                ready = 503 if abs(off) > 30 else 200
                assert await asyncio.to_thread(until, gateway.readiness, lambda status, ready=ready: status == ready, within=30)
                asked = [Call(next(numbers), script={"n": 1}, stream=False) for _ in range(A_MINUTE)]
                found = [await running, *await load(gateway.port, KEY, asked, 20)]
                assert {one.status for one in found} <= {200, 429}, [one.body for one in found if one.status not in {200, 429}]
                made += sum(one.status == 200 for one in found)
            seconds = time.monotonic() - began
            assert A_MINUTE <= made <= A_MINUTE * (1 + seconds / 60) + 1

            async def is_whole() -> bool:
                return (await spent(opened.database))[0] >= made

            await eventually(is_whole, True, within=60)
        durations = await durations_of(opened)
    record_property(
        "verdict",
        f"a clock that is set by {', '.join(f'{off:+d}' for off in JUMPS)} s: told after {told:.1f} s at most, "
        f"{made} calls in {seconds:.0f} s of {A_MINUTE} a minute, none of them shorter than nothing",
    )
    assert told <= 10 or not IS_LONG
    assert min(durations) >= 0
    assert max(durations) < 120_000_000


async def durations_of(opened: Stores) -> list[int]:
    """Microseconds of each row."""
    async with opened.database.read(EVERYONE) as connection:
        return [int(value) for (value,) in (await connection.execute(select(ledger.c.duration_us))).all() if value is not None]
