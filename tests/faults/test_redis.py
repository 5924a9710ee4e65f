"""T-RD-1: a Redis of the drill's own is killed and comes back empty, forgets everything, or throws out what it counts. No call fails but
those that a budget refuses, and the budget is never passed. That it is slow or silent is in test_stores.py."""

import asyncio
import contextlib
import itertools
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import msgspec
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotThere
from redis.exceptions import OutOfMemoryError
from tests.faults.rig.calls import FIRST_NUMBER, Call, load
from tests.faults.rig.sizes import sizes
from tests.support import servers
from tests.support.gateway import GatewayProcess, free_port
from tests.support.replicas import KEY, Replicas, costs, stores
from tests.support.waiting import until

Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-RD-1")
PRICE_IN, PRICE_OUT = 2_500_000_000, 10_000_000_000
"""Nano-dollars per million tokens of gpt-4o."""
INPUT, OUTPUT = 10, 3
"""Tokens: no more than what is reserved for such a body."""
APART = 2.0
"""Seconds of calls for each loss."""
AWAY = 0.5
"""Seconds in which it is gone at least, before it comes back."""
REPLICAS = 2
RECOVERED = 5.0
"""Seconds after which it is to be counted by Redis again."""


class OwnRedis:
    """`redis-server` with nothing on a disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = servers.program("redis-server", "redis-server")
        command = [program, "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([*command, "--dir", str(self._folder)], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until(self._answers)

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _answers(self) -> bool:
        with Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except NotThere:
                return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def is_up(gateway: GatewayProcess) -> bool:
    return b"\ntidegate_redis_up 1.0" in gateway.metrics()


def killed(redis: OwnRedis, gateways: list[GatewayProcess]) -> None:
    """All of them have noticed before it is back."""
    redis.kill()
    gone = time.monotonic()
    until(lambda: not any(map(is_up, gateways)))
    time.sleep(max(0.0, gone + AWAY - time.monotonic()))
    redis.start()


def forgets(redis: OwnRedis, _gateways: list[GatewayProcess]) -> None:
    with Redis.from_url(redis.url) as client:
        client.flushall()


def evicts(redis: OwnRedis, _gateways: list[GatewayProcess]) -> None:
    """Its memory is full of what was asked for later than what it counts."""
    with Redis.from_url(redis.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", client.info("memory")["used_memory"] + (64 << 10))
        before = client.info("stats")["evicted_keys"]
        for number in range(200):
            # Where its own buffers have taken what was left, there is nothing more that it could evict.
            with contextlib.suppress(OutOfMemoryError):
                client.set(f"another-{number}", bytes(4096))
        assert client.info("stats")["evicted_keys"] > before, "the fault never struck"
        client.config_set("maxmemory", 0)


LOSSES = {"killed": killed, "forgets": forgets, "evicts": evicts}


def calls(numbers: Iterator[int], seconds: float) -> list[Call]:
    return [
        Call(next(numbers), script={"n": OUTPUT, "input_tokens": INPUT}, stream=False, most=OUTPUT)
        for _ in range(int(seconds * sizes().rate / REPLICAS))
    ]


async def test_a_redis_that_loses_what_it_counted_harms_no_call_and_no_budget(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str, tmp_path: Path, record_property: Record
) -> None:
    base, numbers = tmp_path_factory.getbasetemp(), itertools.count(FIRST_NUMBER)
    losses = [*LOSSES.items()] * sizes().redis_losses
    work = [calls(numbers, len(losses) * APART) for _ in range(REPLICAS)]
    # A little less than all calls cost. Whoever is refused by a budget does not come to Redis, so that is the last ones.
    cap = sum(map(len, work)) * (INPUT * PRICE_IN + OUTPUT * PRICE_OUT) // 1_000_000 * 9 // 10
    limits = {
        "limits": {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000},
        "budget": {"usd": f"{cap / 1_000_000_000:.9f}", "per": "total"},
    }
    async with stores("postgres", base if worker_id == "master" else base.parent, tmp_path) as opened:
        with OwnRedis(tmp_path) as redis:
            environ = {"TIDEGATE_REDIS_URL": redis.url, "TIDEGATE_REDIS_EVICTION": "warn"}
            with Replicas(tmp_path, msgspec.structs.replace(opened, environ=opened.environ | environ), REPLICAS, limits) as replicas:
                await asyncio.to_thread(replicas.warm)
                gateways = replicas.gateways
                running = asyncio.gather(
                    *(load(gateway.port, KEY, some, sizes().rate / REPLICAS) for gateway, some in zip(gateways, work, strict=True))
                )
                slowest = 0.0
                for _, lose in losses:
                    await asyncio.sleep(APART / 2)
                    await asyncio.to_thread(lose, redis, gateways)
                    back = time.monotonic()
                    await asyncio.to_thread(until, lambda: all(map(is_up, gateways)))
                    slowest = max(slowest, time.monotonic() - back)
                transcripts = [one for part in await running for one in part]
            spent = sum(costs(replicas.attempts(), PRICE_IN, PRICE_OUT))
    statuses = Counter(one.status for one in transcripts)
    record_property(
        "verdict",
        f"Redis {', '.join(LOSSES)}, each {sizes().redis_losses} times: {len(transcripts)} calls, {statuses[200]} answered and "
        f"{statuses[429]} refused by a budget of ${cap / 1e9:.6f}, of which ${spent / 1e9:.6f} were spent; counted by Redis again after "
        f"{slowest:.1f} s at most",
    )
    assert set(statuses) == {200, 429}, statuses
    assert spent <= cap, "overspent"
    assert slowest <= RECOVERED
