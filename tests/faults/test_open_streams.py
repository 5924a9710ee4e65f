"""T-ST-4 and T-ST-5: many streams that are open at once and idle, and clients that read far more slowly than their provider sends. What
each costs the gateway in memory is bounded, nobody loses a byte or a heartbeat, and others are answered meanwhile."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.faults.rig.calls import FIRST_NUMBER, Call, make
from tests.faults.rig.readers import KIB, Reader
from tests.faults.rig.sizes import IS_LONG, sizes
from tests.faults.rig.stage import Stage, staged
from tests.support.waiting import soon

IDLE_MOST, SLOW_MOST = 100, 160
"""KiB for each stream."""
BEATS, APART = 3, 0.7
"""Events of an idle stream, and the seconds between them."""
LONG_ANSWER = {"n": 40_000, "gap_ms": 0}
"""More than the buffers of two sockets and of the gateway."""
GROWTH = 4 << 20
"""Bytes by which a heap grows that nobody asked it for. With few streams it is all that there is to see, so memory is judged with many."""
Record = Callable[[str, object], None]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as found:
        yield found


def memory(stage: Stage) -> int:
    """Bytes that the gateway has."""
    return int(Path(f"/proc/{stage.gateway.pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def files(stage: Stage) -> int:
    return len(list(Path(f"/proc/{stage.gateway.pid}/fd").iterdir()))


async def warmed(stage: Stage) -> None:
    """What is loaded when it is first needed is no part of what a stream needs."""
    for place in range(20):
        await make(stage.gateway.port, stage.gateway.key, Call(FIRST_NUMBER + place, script={"n": 50}))
    await asyncio.to_thread(stage.rows, 20, 20.0)
    before = 0
    while memory(stage) - before > 64 * KIB:
        before = memory(stage)
        await asyncio.sleep(0.3)  # what is loaded beside the calls is loaded when this does not grow any more


async def test_idle_streams_cost_little_and_lose_nothing(stage: Stage, record_property: Record) -> None:
    await warmed(stage)
    many, before, open_before = sizes().idle_streams, memory(stage), files(stage)
    script = {"n": BEATS, "gap_ms": round(APART * 1000)}
    readers = [Reader(stage.gateway.port, stage.gateway.key, Call(FIRST_NUMBER + 100 + place, script=script)) for place in range(many)]
    await asyncio.gather(*(reader.begin() for reader in readers))
    began = time.monotonic()
    beside = await make(stage.gateway.port, stage.gateway.key, Call(FIRST_NUMBER + 99, script={"n": 1}))
    grown = memory(stage) - before
    await asyncio.gather(*(reader.rest() for reader in readers))
    assert all(reader.got.count(b'"content":') >= BEATS and b"[DONE]" in reader.got for reader in readers)
    assert beside.status == 200
    assert not IS_LONG or grown <= GROWTH + many * IDLE_MOST * KIB
    for reader in readers:
        reader.close()
    assert await asyncio.to_thread(stage.quiet, 10)
    # Connections to the provider are kept for the next calls, and closed when none come.
    await soon(lambda: files(stage) <= open_before + many + 8)
    record_property(
        "verdict",
        f"{many} idle streams: all whole, {grown / many / KIB:.0f} KiB each, a call beside them {beside.seconds * 1000:.0f} ms, "
        f"open for {time.monotonic() - began:.1f} s",
    )


async def test_slow_readers_hold_their_provider_back_and_not_the_gateway(stage: Stage, record_property: Record) -> None:
    await warmed(stage)
    many, before = sizes().slow_readers, memory(stage)
    readers = [Reader(stage.gateway.port, stage.gateway.key, Call(FIRST_NUMBER + 100 + place, script=LONG_ANSWER)) for place in range(many)]
    await asyncio.gather(*(reader.begin() for reader in readers))
    highest = before
    for _ in range(10):
        await asyncio.gather(*(reader.take(KIB) for reader in readers))
        beside = await make(stage.gateway.port, stage.gateway.key, Call(FIRST_NUMBER + 99, script={"n": 1}))
        assert beside.status == 200
        highest = max(highest, memory(stage))
    grown = highest - before
    assert not IS_LONG or grown <= GROWTH + many * SLOW_MOST * KIB
    await readers[0].rest()
    assert readers[0].got.count(b'"content":') >= LONG_ANSWER["n"]
    for reader in readers:
        reader.close()
    assert await asyncio.to_thread(stage.quiet, 10)
    record_property("verdict", f"{many} clients that read slowly: {grown / many / KIB:.0f} KiB each, and one of them read to the end")
