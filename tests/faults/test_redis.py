"""T-RD-1: a Redis of the drill's own is killed and comes back empty, forgets everything, or throws out what it counts. No call fails but
those that a budget refuses, and the budget is never passed; of a limit by the minute each gateway admits its share at most while Redis is
gone, and nobody more than one window anew afterwards. That it is slow or silent is in test_stores.py."""

import asyncio
import contextlib
import itertools
import subprocess
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Self

import msgspec
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotThere
from redis.exceptions import OutOfMemoryError
from sqlalchemy import func, select
from tests.faults.rig.calls import FIRST_NUMBER, Call, load, make
from tests.faults.rig.judging.books import capped, row_costs, sent_costs
from tests.faults.rig.ledger import rows_of
from tests.faults.rig.replicas import replicated
from tests.faults.rig.sizes import sizes
from tests.support import servers
from tests.support.gateway import GatewayProcess, free_port
from tests.support.replicas import KEY, costs, stores
from tests.support.waiting import eventually, until

from tidegate.adapters.leases import HEARTBEAT
from tidegate.adapters.leases_desk import LEASE
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.schema import limit_owner
from tidegate.records import EVERYONE

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
METERED, A_MINUTE, OTHER_INPUT = "the-key-whose-tokens-are-counted", 1200, 40
"""A key beside that of the calls, its tokens per minute, and the input of its calls, by which they are told apart."""


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


async def ask(gateway: GatewayProcess, numbers: Iterator[int]) -> int:
    """Tokens of a call with the metered key; 0 where it is refused."""
    call = Call(next(numbers), script={"n": 20, "input_tokens": OTHER_INPUT}, stream=False, most=20)
    return OTHER_INPUT + 20 if (await make(gateway.port, METERED, call)).status == 200 else 0


async def admitted(gateway: GatewayProcess, numbers: Iterator[int]) -> int:
    """Tokens that a gateway admits of the limit by the minute, until it refuses."""
    count = 0
    while count <= 2 * A_MINUTE and (tokens := await ask(gateway, numbers)):
        count += tokens
    return count


@contextlib.asynccontextmanager
async def forgets(redis: OwnRedis, _gateways: list[GatewayProcess], _numbers: Iterator[int]) -> AsyncGenerator[None]:
    with Redis.from_url(redis.url) as client:
        await asyncio.to_thread(client.flushall)
    yield


@contextlib.asynccontextmanager
async def evicts(redis: OwnRedis, _gateways: list[GatewayProcess], _numbers: Iterator[int]) -> AsyncGenerator[None]:
    """Its memory is full of what was asked for later than what it counts."""
    await asyncio.to_thread(evicted, redis)
    yield


@contextlib.asynccontextmanager
async def killed(redis: OwnRedis, gateways: list[GatewayProcess], numbers: Iterator[int]) -> AsyncGenerator[None]:
    """All of them have noticed before it is back."""
    redis.kill()
    gone = time.monotonic()
    yield
    for gateway in gateways:
        while await asyncio.to_thread(is_up, gateway):
            await ask(gateway, numbers)
    await asyncio.sleep(max(0.0, gone + AWAY - time.monotonic()))  # the fault itself
    await asyncio.to_thread(redis.start)


def evicted(redis: OwnRedis) -> None:
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


async def looked(database: Database) -> float:
    """When the gateway that has not looked for the longest time did so, by the clock of the wall."""
    async with database.read(EVERYONE) as connection:
        found = (await connection.execute(select(func.min(limit_owner.c.alive_until)))).scalar_one()
    return int(found) / 1_000_000 - LEASE


async def test_a_redis_that_loses_what_it_counted_harms_no_call_and_no_budget(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str, tmp_path: Path, record_property: Record
) -> None:
    base, numbers = tmp_path_factory.getbasetemp(), itertools.count(FIRST_NUMBER)
    losses = [*reversed(LOSSES.values())] * sizes().redis_losses
    work = [calls(numbers, len(losses) * APART) for _ in range(REPLICAS)]
    seconds = max(len(losses) * APART, HEARTBEAT + 2 * APART)
    # A little less than all calls cost. Whoever is refused by a budget does not come to Redis, so that is the last ones.
    cap = sum(map(len, work)) * (INPUT * PRICE_IN + OUTPUT * PRICE_OUT) // 1_000_000 * 9 // 10
    limits = {
        "limits": {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000},
        "budget": {"usd": f"{cap / 1_000_000_000:.9f}", "per": "total"},
    }
    metered = {"name": "metered", "value": "env:METERED_KEY", "limits": {"tokens_per_minute": A_MINUTE}}
    async with stores("postgres", base if worker_id == "master" else base.parent, tmp_path) as opened:
        with OwnRedis(tmp_path) as redis:
            environ = {"TIDEGATE_REDIS_URL": redis.url, "TIDEGATE_REDIS_EVICTION": "warn", "METERED_KEY": METERED}
            behind = msgspec.structs.replace(opened, environ=opened.environ | environ)
            with replicated(tmp_path, behind, REPLICAS, limits, more_keys=[metered]) as replicas:
                await asyncio.to_thread(replicas.warm)
                gateways, warm = replicas.gateways, time.time()

                async def know_each_other() -> bool:
                    """Each has looked how many they are since all were there."""
                    return await looked(opened.database) > warm

                running = asyncio.gather(
                    *(load(gateway.port, KEY, some, len(some) / seconds) for gateway, some in zip(gateways, work, strict=True))
                )
                slowest, alone, anew = 0.0, list[int](), list[int]()
                for lose in losses:
                    await asyncio.sleep(APART / 2)  # calls between two losses
                    if lose is killed:
                        await eventually(know_each_other, True)
                    for gateway in gateways:
                        await admitted(gateway, numbers)
                    async with lose(redis, gateways, numbers):
                        by_itself = [await admitted(gateway, numbers) for gateway in gateways] if lose is killed else []
                    back = time.monotonic()
                    await asyncio.to_thread(until, lambda: all(map(is_up, gateways)))
                    slowest = max(slowest, time.monotonic() - back)
                    alone += by_itself
                    anew.append(sum([await admitted(gateway, numbers) for gateway in gateways]))
                transcripts = [one for part in await running for one in part]
            attempts = [one for one in replicas.attempts() if one["input_tokens"] != OTHER_INPUT]
            rows = [row for row in await rows_of(opened.database) if row["key_name"] == "shared"]
    spent, statuses = sum(costs(attempts, PRICE_IN, PRICE_OUT)), Counter(one.status for one in transcripts)
    record_property(
        "verdict",
        f"Redis {', '.join(LOSSES)}, each {sizes().redis_losses} times: {len(transcripts)} calls, {statuses[200]} answered and "
        f"{statuses[429]} refused by a budget of ${cap / 1e9:.6f}, of which ${spent / 1e9:.6f} were spent; counted by Redis again after "
        f"{slowest:.1f} s at most; of {A_MINUTE} tokens per minute one of {REPLICAS} gateways admitted {max(alone)} by itself at most "
        f"while it was gone, and both {max(anew)} anew at most once it had forgotten",
    )
    assert set(statuses) == {200, 429}, statuses
    assert not capped(sent_costs(attempts, PRICE_IN, PRICE_OUT), cap)
    assert len(rows) == len(attempts)
    assert not capped(row_costs(rows), cap)
    assert slowest <= RECOVERED
    # Its share of the window for each, and where Redis has forgotten one window and no more.
    assert max(alone) <= A_MINUTE // REPLICAS
    assert max(anew) <= A_MINUTE
    assert min(max(alone), max(anew)) > 0, "nobody was admitted: it proves nothing"
