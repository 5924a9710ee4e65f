"""T-LG-2, T-LG-5 and T-RD-1 at their small size: a hard budget over real processes, by the provider's own truth log, whatever dies."""

import asyncio
import itertools
import json
import signal
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from redis import Redis
from tests.faults.rig.judging.books import capped, row_costs, sent_costs
from tests.faults.rig.ledger import rows_of
from tests.faults.rig.replicas import replicated
from tests.faults.rig.sizes import LONG, sizes
from tests.support.gateway import GatewayProcess
from tests.support.replicas import KEY, PROFILES, Caller, Profile, Replicas, Stores, costs, held, spent, stores
from tests.support.waiting import eventually

SIZE = sizes()
CLIENTS = SIZE.clients
CALLS = 20
OUTPUT = 900
PRICE_IN, PRICE_OUT = 2_500_000_000, 10_000_000_000
"""Nano-dollars per million tokens of gpt-4o."""
CAP = CLIENTS * 25_000_000
"""Nano-dollars: two and a half calls of each client at the most that one can cost, as with 200 clients and five dollars."""
KINDS: tuple[Mapping[str, object], ...] = (
    *({"n": OUTPUT},) * 13,
    *({"n": 50, "gap_ms": 5},) * 3,
    *({"n": 4000, "gap_ms": 5, "leaves": True},) * 3,
    {"n": 60, "mode": "rst", "die_at": 20},
)
"""Of twenty calls three are streams that end, three clients leave theirs, and of one the provider dies."""
ROOMY = 100 * CLIENTS * CALLS
"""Calls a minute: limits whose parts the processes pass around, and that refuse nobody."""
LEASE = 30.0
"""Seconds after which a gateway gives back what it holds and does not need."""
Record = Callable[[str, object], None]


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


async def test_a_hard_budget_over_four_processes_is_used_up_and_never_passed(
    profile: Stores, tmp_path: Path, record_property: Record
) -> None:
    limits = {**budget(CAP), "limits": {"requests_per_minute": ROOMY, "tokens_per_minute": ROOMY * 1000}}
    with replicated(tmp_path, profile, 4, limits, environ={"TIDEGATE_SHARE_PORT": "1"}) as replicas:
        replicas.warm()
        statuses = await crowd(replicas, CLIENTS, CALLS)
        assert {200, 429} <= set(statuses) <= {200, 429, 503}
        attempts = replicas.attempts()
        each = list(costs(attempts, PRICE_IN, PRICE_OUT))
        serial = CAP // max(each)
        record_property(
            "verdict",
            f"{CLIENTS} clients and one hard budget over four processes, {profile.name}: ${sum(each) / 1e9:.6f} of ${CAP / 1e9:.2f} spent "
            f"by {statuses.count(200)} calls, {statuses.count(200) / serial:.0%} of what one after the other can",
        )
        assert len(attempts) == statuses.count(200) + len(replicas.gateways)
        assert not capped(sent_costs(attempts, PRICE_IN, PRICE_OUT), CAP)
        # One call after the other, all of the budget but less than one call's reservation can be used.
        assert statuses.count(200) >= 0.9 * serial

        async def ledger() -> tuple[int, int]:
            return await spent(profile.database)

        await eventually(ledger, (len(attempts), sum(each)))
        assert not capped(row_costs(await rows_of(profile.database)), CAP)


@pytest.mark.parametrize("profile", PROFILES if SIZE is LONG else ("sqlite", "postgres+redis"), indirect=True)
async def test_what_killed_processes_held_comes_back(profile: Stores, tmp_path: Path, record_property: Record) -> None:
    """T-LG-5. The budget is never nearly used up, so that whoever is refused is refused for nothing."""
    with replicated(tmp_path, profile, 2, budget(100 * CLIENTS * SIZE.owners * CAP)) as replicas:
        replicas.warm()
        ended, numbers, ends = threading.Event(), itertools.count(), Counter[object]()

        def calls() -> None:
            while not ended.is_set():
                number = next(numbers)
                ends[mixed(replicas.gateways[number % 2], KINDS[number % len(KINDS)])] += 1

        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(4) as threads:
            work = [loop.run_in_executor(threads, calls) for _ in range(4)]
            for kill in range(SIZE.owners):
                await asyncio.sleep(SIZE.pause)
                victim = replicas.gateways[kill % 2]
                assert await asyncio.to_thread(victim.stop, signal.SIGKILL) == -signal.SIGKILL
                await asyncio.to_thread(victim.start)
            ended.set()
            await asyncio.gather(*work)
        replicas.warm()
        if SIZE is LONG:

            async def taken() -> int:
                return await held(profile.database)

            await eventually(taken, 0, within=LEASE + 5)
    # One that has just started has no database yet, and says so.
    assert set(ends) <= {200, 503, "left", "cut"}, ends
    # Both have ended in good order: nothing is held, and every attempt of the provider is in the ledger.
    assert await held(profile.database) == 0
    rows, _ = await spent(profile.database)
    attempts = replicas.attempts()
    record_property(
        "verdict",
        f"{SIZE.owners} owners of a budget killed, {profile.name}: {len(attempts)} attempts, {rows} rows, {dict(ends)}, "
        "nothing held, none refused for nothing",
    )
    assert rows >= len(attempts)


def mixed(gateway: GatewayProcess, kind: Mapping[str, object]) -> object:
    """The status of a whole answer, `left` where the client did so, `cut` where somebody else ended it."""
    script = {name: value for name, value in kind.items() if name != "leaves"}
    body = {"model": "openai/gpt-4o", "max_tokens": 4000, "stream": "gap_ms" in kind or "mode" in kind}
    asked = json.dumps({**body, "messages": [{"role": "user", "content": json.dumps({"sandbox": script})}]}).encode()
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    try:
        connection.request("POST", "/v1/chat/completions", asked, {"authorization": f"Bearer {KEY}", "content-type": "application/json"})
        answer = connection.getresponse()
        if "leaves" in kind and answer.status == 200:
            answer.read(500)
            return "left"
        answer.read()
        return answer.status
    except (OSError, HTTPException):
        return "cut"
    finally:
        connection.close()


@pytest.mark.parametrize("profile", ["postgres+redis"], indirect=True)
async def test_a_redis_that_forgets_everything_harms_no_budget(profile: Stores, tmp_path: Path) -> None:
    limits = {**budget(CAP), "limits": {"requests_per_minute": 100_000, "tokens_per_minute": 10_000_000, "concurrent": 1000}}
    with replicated(tmp_path, profile, 2, limits) as replicas:
        replicas.warm()
        work = asyncio.create_task(crowd(replicas, 8, 20))
        assert profile.redis is not None
        with Redis.from_url(profile.redis) as redis:
            while not work.done():
                await asyncio.to_thread(redis.flushall)
                await asyncio.sleep(0.05)
        assert set(await work) <= {200, 429}
        assert not capped(sent_costs(replicas.attempts(), PRICE_IN, PRICE_OUT), CAP)
