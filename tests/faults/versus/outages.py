"""Processes that end, by force or because they are asked to, and a Redis that is slow, silent or gone."""

import asyncio
import itertools
import os
import signal
import statistics
import time
from pathlib import Path

from tests.faults.rig.calls import CLIENTS, FIRST_NUMBER, Call, Transcript, load, make
from tests.faults.rig.proxy import Fault, FaultProxy, Kind
from tests.faults.versus.common import RATE, Line, fresh, text, warm
from tests.faults.versus.outcomes import LIES, WHOLE, outcome, told
from tests.faults.versus.systems import ANTHROPIC, OPENAI, START_LIMIT, Ground, System, Wanted
from tests.support import servers
from tests.support.waiting import eventually, soon

OUTAGE, BESIDE = 10.0, 5.0
"""Seconds without Redis, and before and after."""
KILLS, OPEN = 3, 40


async def redis(system: System, folder: Path) -> list[Line]:
    """Redis counts limits for each call, and is slow, silent or gone for a while."""
    lines: list[Line] = []
    faults: dict[Kind, str] = {"latency": "takes 200 ms for each answer", "stall": "is silent", "refuse": "is gone"}
    with servers.shared(folder, "redis", servers.redis) as facts:
        path = facts["url"].removeprefix("unix://")
        for kind, said in faults.items():
            with (
                FaultProxy(path) as proxy,
                fresh(system, folder / kind, Wanted(redis=proxy.port)) as ground,
            ):
                lines.append((f"Redis {said} for {OUTAGE:.0f} s at {RATE:.0f} calls/s", await _outage(ground, proxy, kind)))
    return lines


async def _outage(ground: Ground, proxy: FaultProxy, kind: Kind) -> str:
    await warm(ground)
    numbers = itertools.count(FIRST_NUMBER)

    async def calls(seconds: float) -> list[Transcript]:
        asked = [Call(next(numbers), script={"n": 3}, stream=False) for _ in range(int(seconds * RATE))]
        return await load(ground.gateway.port, ground.gateway.key, asked, RATE)

    before = await calls(BESIDE)
    proxy.fault = Fault(kind, seconds=0.2)
    if kind == "refuse":
        proxy.cut()
    during = await calls(OUTAGE)
    proxy.fault = None
    if kind == "stall":
        proxy.cut()
    after = await calls(BESIDE)
    assert proxy.hits[kind], "the fault never struck"
    failed = sum(one.status != 200 for one in (*during, *after))
    medians = " → ".join(f"{statistics.median(one.seconds for one in part) * 1000:.0f}" for part in (before, during, after))
    slowest = max(one.seconds for one in during)
    return f"{failed} of {len(during) + len(after)} calls failed, median {medians} ms, slowest {slowest * 1000:.0f} ms"


async def kills(system: System, folder: Path) -> list[Line]:
    """`kill -9` under load, and a supervisor that starts it again at once."""
    with fresh(system, folder) as ground:
        await warm(ground)
        numbers, tasks, said = itertools.count(FIRST_NUMBER), set[asyncio.Task[Transcript]](), text("a", 20)

        async def callers() -> None:
            models = itertools.cycle((OPENAI, ANTHROPIC))
            for client in itertools.cycle(CLIENTS):
                call = Call(next(numbers), client, next(models), {"n": 20, "gap_ms": 20, "text": said})
                tasks.add(asyncio.create_task(make(ground.gateway.port, ground.gateway.key, call)))
                await asyncio.sleep(1 / RATE)

        async def answered() -> bool:
            done = [task.result() for task in tasks if task.done()]
            return any(one.began > struck[-1] and outcome(one, (said,)) == WHOLE for one in done)

        calling, struck = asyncio.create_task(callers()), list[float]()
        for _ in range(KILLS):
            await asyncio.sleep(2)
            struck.append(time.monotonic())
            await asyncio.to_thread(ground.gateway.stop, signal.SIGKILL)
            await asyncio.to_thread(ground.gateway.start)
            await eventually(answered, True, within=START_LIMIT)
        calling.cancel()
        made = list(await asyncio.gather(*tasks))
        whole = [one for one in made if outcome(one, (said,)) == WHOLE]
        back = [min(one.began + one.seconds for one in whole if one.began > moment) - moment for moment in struck]
        cut = sum(one.status is not None for one in made) - len(whole)
        down = sum(one.status is None for one in made)
        lied = sum(outcome(one, (said,)) in LIES for one in made)
        title = f"`kill -9` {KILLS} times under {RATE:.0f} calls/s, started again at once"
        found = (
            f"answers again after {statistics.median(back):.1f} s (median), {max(back):.1f} s at most; of {len(made)} calls "
            f"{cut} broken off, {down} met nobody, {lied} told that they were whole"
        )
        return [(title, found), ("calls answered in full before a `kill -9` that have no record", await _unrecorded(ground, whole))]


async def _unrecorded(ground: Ground, whole: list[Transcript]) -> str:
    if ground.rows is None:
        return "not applicable: it keeps no ledger without a database"
    rows = await asyncio.to_thread(ground.rows)
    settled = {row["usage"]["input"] for row in rows if row["entry"] == "settled" and row["usage"]}
    return f"{sum(one.call.number not in settled for one in whole)} of {len(whole)}"


async def ends(system: System, folder: Path) -> list[Line]:
    """SIGTERM while streams run."""
    with fresh(system, folder) as ground:
        await warm(ground)
        script = {"n": 80, "gap_ms": 100, "text": text("a", 80)}
        calls = [Call(FIRST_NUMBER + place, CLIENTS[place % len(CLIENTS)], script=script) for place in range(OPEN)]
        running = asyncio.create_task(load(ground.gateway.port, ground.gateway.key, calls, 2 * RATE))
        await soon(lambda: ground.scene.sandbox.app.stats.open == OPEN)
        os.kill(ground.gateway.pid, signal.SIGTERM)
        made = await running
        code = await asyncio.to_thread(ground.gateway.stop)
        found = told(outcome(one, (script["text"],)) for one in made)
        return [(f"SIGTERM with {OPEN} open streams of 8 s", f"{found}; exit code {code}")]
