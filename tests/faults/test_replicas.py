"""T-KL-1: one of three replicas is killed, again and again, under load. The others answer everything, and nothing that the provider did is
lost or there twice. That a gateway on its own loses nothing (T-KL-2) is in test_kills.py.

It takes minutes, so it is no part of a usual run, in which test_shared_budgets.py kills owners of a budget. With another TIDEGATE_SEED it
is another run, with a line of its own.
"""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.rig.balancer import Balancer, is_busy, is_well
from tests.faults.rig.calls import Transcript
from tests.faults.rig.judge import judge
from tests.faults.rig.ledger import rows_of
from tests.faults.rig.replicas import replicated
from tests.faults.rig.sizes import SEED, nightly
from tests.support.gateway import GatewayProcess
from tests.support.replicas import spent, stores
from tests.support.waiting import eventually

Record = Callable[[str, object], None]
RATE = 100.0
KILLS = 300
BACK = 2.0
"""Seconds within which half of those that were killed are ready again."""
REPLICAS = 3
LIMITS = {"limits": {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000}, "budget": {"usd": "1000000", "per": "total"}}

pytestmark = [nightly("minutes of kills"), pytest.mark.programme("T-KL-1")]

Death = tuple[GatewayProcess, float, float]
"""Who was killed, when, and when it was ready again."""


async def test_survivors_answer_everything_and_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, record_property: Record
) -> None:
    chance, deaths = random.Random(SEED), list[Death]()
    async with stores("postgres+redis", tmp_path_factory.getbasetemp(), tmp_path) as opened:
        with replicated(tmp_path, opened, REPLICAS, LIMITS) as replicas:
            await asyncio.to_thread(replicas.warm)
            warmed = len(replicas.attempts())
            balancer = Balancer(replicas.gateways, RATE)
            async with balancer.sending():
                for _ in range(KILLS):
                    await asyncio.sleep(chance.uniform(0.2, 0.8))
                    chosen = chance.choice(replicas.gateways)
                    killed = time.monotonic()
                    await asyncio.to_thread(chosen.stop, signal.SIGKILL)
                    await asyncio.to_thread(chosen.start)
                    deaths.append((chosen, killed, time.monotonic()))

            async def is_whole() -> bool:
                return (await spent(opened.database))[0] >= len(replicas.attempts())

            await eventually(is_whole, True, within=60)
        truth = replicas.attempts()[warmed:]
        rows = await rows_of(opened.database)
    served = [one for _, one in balancer.made if (one.status is not None or one.body) and not is_busy(one)]
    verdict = judge(served, truth, rows, killed=True)
    busy = sum(is_busy(one) for _, one in balancer.made)
    broken = [one for gateway, one in balancer.made if not is_well(one) and not is_busy(one) and not met(gateway, one, deaths)]
    back = sorted(ready - killed for _, killed, ready in deaths)
    unknown = sum(row["entry"] == "unknown" for row in rows)
    cut = sum(one.end == "cut" for _, one in balancer.made)
    record_property(
        "verdict",
        f"kills of one of {REPLICAS} replicas, seed {SEED}: {len(deaths)} kills, {len(balancer.made)} calls, {cut} cut, {busy} told that "
        f"the machine has too much to do, {len(broken)} failed at survivors; {len(truth)} attempts, {len(rows) - warmed} rows, {unknown} "
        f"unknown, {len(verdict.breaches)} breaches; half were back within {back[len(back) // 2]:.1f} s, all within {back[-1]:.1f} s",
    )
    assert not verdict.breaches, "\n".join(verdict.breaches[:20])
    assert not broken, [(one.status, one.end, one.body[-200:]) for one in broken[:3]]
    assert cut > 0, "no kill met a call"
    assert back[len(back) // 2] <= BACK
    assert unknown <= cut + sum(one.end != "complete" for _, one in balancer.made)


def met(gateway: GatewayProcess, transcript: Transcript, deaths: list[Death]) -> bool:
    """Whether the gateway of a call was killed while it ran, or was not back yet when it came."""
    ended = transcript.began + transcript.seconds
    return any(who is gateway and transcript.began <= ready and ended >= killed for who, killed, ready in deaths)
