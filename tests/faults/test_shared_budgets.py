"""T-LG-2, T-LG-5 and T-RD-1 at their small size: a hard budget over real processes, by the provider's own truth log, whatever dies."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest
from redis import Redis
from tests.support.gateway import GatewayProcess
from tests.support.replicas import PROFILES, Caller, Profile, Replicas, Stores, costs, held, spent, stores
from tests.support.waiting import eventually

CLIENTS = int(os.environ.get("TIDEGATE_CAP_CLIENTS", "24"))
CALLS = 20
OUTPUT = 900
PRICE_IN, PRICE_OUT = 2_500_000_000, 10_000_000_000
"""Nano-dollars per million tokens of gpt-4o."""
CAP = CLIENTS * 25_000_000
"""Nano-dollars: two and a half calls of each client at the most that one can cost, as with 200 clients and five dollars."""


@pytest.fixture(params=PROFILES)
async def profile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> AsyncGenerator[Stores]:
    base = tmp_path_factory.getbasetemp()
    kind: Profile = request.param
    async with stores(kind, base if worker_id == "master" else base.parent, tmp_path_factory.mktemp("stores")) as opened:
        yield opened


def budget(nano: int) -> dict[str, object]:
    return {"budget": {"usd": f"{nano / 1_000_000_000:.9f}", "per": "total"}}


def client(caller: Caller, calls: int) -> list[int]:
    """The statuses of one client's calls, one after the other."""
    try:
        return [caller.ask(OUTPUT)[0] for _ in range(calls)]
    finally:
        caller.close()


async def crowd(replicas: Replicas, clients: int, calls: int) -> list[int]:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(clients) as threads:
        gateways = replicas.gateways
        work = [loop.run_in_executor(threads, client, Caller(gateways[n % len(gateways)]), calls) for n in range(clients)]
        return [status for statuses in await asyncio.gather(*work) for status in statuses]


async def test_a_hard_budget_over_four_processes_is_used_up_and_never_passed(profile: Stores, tmp_path: Path) -> None:
    with Replicas(tmp_path, profile, 4, budget(CAP)) as replicas:
        replicas.warm()
        statuses = await crowd(replicas, CLIENTS, CALLS)
        assert set(statuses) == {200, 429}
        attempts = replicas.attempts()
        each = list(costs(attempts, PRICE_IN, PRICE_OUT))
        assert len(attempts) == statuses.count(200) + len(replicas.gateways)
        assert sum(each) <= CAP, "overspent"
        # One call after the other, all of the budget but less than one call's reservation can be used.
        assert statuses.count(200) >= 0.9 * (CAP // max(each))

        async def ledger() -> tuple[int, int]:
            return await spent(profile.database)

        await eventually(ledger, (len(attempts), sum(each)))


async def test_what_a_killed_process_held_comes_back_with_it(profile: Stores, tmp_path: Path) -> None:
    with Replicas(tmp_path, profile, 2, budget(100 * CAP)) as replicas:
        replicas.warm()
        await crowd(replicas, 4, 3)
        for _ in range(2):
            victim = replicas.gateways[0]
            running = asyncio.get_running_loop().run_in_executor(None, hurried, victim)
            await asyncio.sleep(0)
            assert victim.stop(signal.SIGKILL) == -signal.SIGKILL
            await running
            victim.start()
            replicas.warm()
        assert set(await crowd(replicas, 4, 3)) == {200}
    # Both have ended in good order: nothing is held, and every attempt of the provider is in the ledger.
    assert await held(profile.database) == 0
    rows, _ = await spent(profile.database)
    assert rows >= len(replicas.attempts())


def hurried(gateway: GatewayProcess) -> None:
    """A call that may be cut."""
    caller = Caller(gateway)
    try:
        caller.ask(OUTPUT)
    except (OSError, HTTPException):
        return
    finally:
        caller.close()


@pytest.mark.parametrize("profile", ["postgres+redis"], indirect=True)
async def test_a_redis_that_forgets_everything_harms_no_budget(profile: Stores, tmp_path: Path) -> None:
    limits = {**budget(CAP), "limits": {"requests_per_minute": 100_000, "tokens_per_minute": 10_000_000, "concurrent": 1000}}
    with Replicas(tmp_path, profile, 2, limits) as replicas:
        replicas.warm()
        work = asyncio.create_task(crowd(replicas, 8, 20))
        assert profile.redis is not None
        with Redis.from_url(profile.redis) as redis:
            while not work.done():
                await asyncio.to_thread(redis.flushall)
                await asyncio.sleep(0.05)
        assert set(await work) <= {200, 429}
        assert sum(costs(replicas.attempts(), PRICE_IN, PRICE_OUT)) <= CAP
