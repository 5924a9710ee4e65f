"""T-ST-4 and T-ST-5: many streams that are open at once and idle, and clients that read far more slowly than their provider sends. What
each costs the gateway in memory is bounded, nobody loses a byte or a heartbeat, and others are answered meanwhile."""

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest
from tests.faults.rig.calls import FIRST_NUMBER, Call, make
from tests.faults.rig.judging.ending import PROVIDER_KEY, judged_at_its_end
from tests.faults.rig.readers import KIB, Reader
from tests.faults.rig.sizes import IS_LONG, sizes
from tests.faults.rig.stage import Stage, staged
from tests.support.gateway import GatewayProcess
from tests.support.waiting import soon

IDLE_MOST, SLOW_MOST = 100, 160
"""KiB for each stream."""
MOST_OF_A_CORE = 0.25
AT_ONCE = 50
"""Streams that are opened together."""
LONG_ANSWER = {"n": 40_000, "gap_ms": 0}
"""More than the buffers of two sockets and of the gateway."""
GROWTH = 4 << 20
"""Bytes by which a heap grows that nobody asked it for. With few streams it is all that there is to see, so memory is judged with many."""
Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-ST-5")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as found:
        yield found


def memory(gateway: GatewayProcess) -> int:
    """Bytes that the gateway has."""
    return int(Path(f"/proc/{gateway.pid}/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def files(gateway: GatewayProcess) -> int:
    return len(list(Path(f"/proc/{gateway.pid}/fd").iterdir()))


def spent(gateway: GatewayProcess) -> float:
    """Seconds of CPU."""
    fields = Path(f"/proc/{gateway.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def warmed(gateway: GatewayProcess) -> None:
    """What is loaded when it is first needed is no part of what a stream needs."""
    for place in range(20):
        await make(gateway.port, gateway.key, Call(FIRST_NUMBER + place, script={"n": 50}))
    await asyncio.to_thread(gateway.usage, 20, 30.0)
    before = 0
    while memory(gateway) - before > 64 * KIB:
        before = memory(gateway)
        await asyncio.sleep(0.3)  # what is loaded beside the calls is loaded when this does not grow any more


@contextlib.contextmanager
def sandbox_process() -> Iterator[str]:
    """A provider in a process of its own, since a process has only so many files: its address."""
    command = [sys.executable, "-m", "tidegate", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}) as process:
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            yield line.rsplit(" ", 1)[1].strip()
        finally:
            process.terminate()


@pytest.fixture
def gateways(tmp_path: Path) -> Iterator[list[GatewayProcess]]:
    """As many as the drill is for, in front of one provider."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(sandbox_process())
        provider = {"kind": "custom", "dialect": "openai_chat", "base_url": f"{url}/v1", "api_key": PROVIDER_KEY}
        config = {"providers": {"openai": provider}}
        found = [stack.enter_context(GatewayProcess(tmp_path / str(place), config)) for place in range(sizes().gateways)]
        ending = judged_at_its_end(found, int(url.rpartition(":")[2]), secrets={"its key": PROVIDER_KEY})
        stack.enter_context(ending)
        yield found


async def opened(gateway: GatewayProcess, call: Call) -> Reader:
    """A stream that has begun. Where a burst of them is more than the gateway takes at once, a client comes back."""
    for _ in range(100):
        reader = Reader(gateway.port, gateway.key, call)
        await reader.begin()
        if not reader.got.startswith(b"HTTP/1.1 503"):
            return reader
        reader.close()
        await asyncio.sleep(1)
    raise TimeoutError("the gateway lets nobody in")


async def test_idle_streams_cost_little_and_lose_nothing(gateways: list[GatewayProcess], record_property: Record) -> None:
    for gateway in gateways:
        await warmed(gateway)
    many, before, open_before = sizes().idle_streams, sum(map(memory, gateways)), sum(map(files, gateways))
    beats, apart = sizes().beats, sizes().apart
    script = {"n": beats, "gap_ms": round(apart * 1000)}
    calls = [Call(FIRST_NUMBER + 100 + place, script=script) for place in range(many)]
    readers: list[Reader] = []
    for some in range(0, many, AT_ONCE):
        begun = zip(calls[some : some + AT_ONCE], cycle(gateways), strict=False)
        readers += await asyncio.gather(*(opened(gateway, call) for call, gateway in begun))
    grown, worked, began = sum(map(memory, gateways)) - before, sum(map(spent, gateways)), time.monotonic()
    reading = asyncio.gather(*(reader.rest() for reader in readers))
    times: list[float] = []
    while not times or (time.monotonic() - began < (beats - 2) * apart and not reading.done()):
        beside = await make(gateways[0].port, gateways[0].key, Call(FIRST_NUMBER + 99, script={"n": 1}))
        assert beside.status == 200
        times.append(beside.seconds * 1000)
        await asyncio.sleep(0.2)
    share = (sum(map(spent, gateways)) - worked) / (time.monotonic() - began)
    await reading
    assert all(reader.got.count(b'"content":') >= beats and b"[DONE]" in reader.got for reader in readers)
    assert not IS_LONG or grown <= GROWTH * len(gateways) + many * IDLE_MOST * KIB
    for reader in readers:
        reader.close()
    # Connections to the provider are kept for the next calls, and closed when none come.
    await soon(lambda: sum(map(files, gateways)) <= open_before + many + 8 * len(gateways))
    await asyncio.sleep(sizes().after)  # what is measured is what is left after so long
    left, late = sum(map(memory, gateways)) / before, sorted(times)[int(0.99 * len(times))]
    record_property(
        "verdict",
        f"{many} idle streams: all whole for {beats * apart:.0f} s, {grown / many / KIB:.0f} KiB each, {share * 100:.0f} % of a core for "
        f"{len(gateways)} gateways with an event each {apart:g} s, calls beside median {statistics.median(times):.0f} ms, p99 "
        f"{late:.0f} ms and at most {max(times):.0f} ms; {left:.2f} times the memory of before {sizes().after:.0f} s after their end",
    )
    assert not IS_LONG or share <= MOST_OF_A_CORE


@pytest.mark.programme("T-ST-4")
async def test_slow_readers_hold_their_provider_back_and_not_the_gateway(stage: Stage, record_property: Record) -> None:
    gateway = stage.gateway
    await warmed(gateway)
    many, before = sizes().slow_readers, memory(gateway)
    readers = [Reader(gateway.port, gateway.key, Call(FIRST_NUMBER + 100 + place, script=LONG_ANSWER)) for place in range(many)]
    await asyncio.gather(*(reader.begin() for reader in readers))
    highest = before
    for _ in range(10):
        await asyncio.gather(*(reader.take(KIB) for reader in readers))
        beside = await make(gateway.port, gateway.key, Call(FIRST_NUMBER + 99, script={"n": 1}))
        assert beside.status == 200
        highest = max(highest, memory(gateway))
    grown = highest - before
    assert not IS_LONG or grown <= GROWTH + many * SLOW_MOST * KIB
    await readers[0].rest()
    assert readers[0].got.count(b'"content":') >= LONG_ANSWER["n"]
    for reader in readers:
        reader.close()
    assert await asyncio.to_thread(stage.quiet, 10)
    record_property("verdict", f"{many} clients that read slowly: {grown / many / KIB:.0f} KiB each, and one of them read to the end")
