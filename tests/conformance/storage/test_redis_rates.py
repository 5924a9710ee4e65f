"""Rates that Redis counts for all processes, and what happens when it forgets, evicts or goes away. A real Redis."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis import Redis
from tests.faults.rig.proxy import Fault, FaultProxy
from tests.support import servers
from tests.support.clock import FixedClock
from tests.support.waiting import soon

from tidegate.adapters.breaker import FAILURES
from tidegate.adapters.leases import LeasedCounters
from tidegate.adapters.redis_rates import RedisRates
from tidegate.adapters.system import SystemClock
from tidegate.policy.limits.rules import Actual, Charge, Limit, Refusal, Reservation, charge, claim

RPM = charge(Limit(id="rpm", kind="key", what="requests", per="minute", amount=6), "s", org="a")
TPM = charge(Limit(id="tpm", kind="key", what="tokens", per="minute", amount=1000), "s", org="a")
RUN = charge(Limit(id="run", kind="key", what="concurrent", per="moment", amount=2), "s", org="a")
PATIENT = 5.0
"""Seconds: on a machine that is busy with other tests Redis is not slow, but late."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    """A Redis of this worker alone: it is emptied."""
    with servers.shared(tmp_path_factory.mktemp(f"redis-{worker_id}"), "redis", servers.redis) as facts:
        yield facts["url"]


@pytest.fixture
def url(server: str) -> str:
    with Redis.from_url(server) as redis:
        redis.flushall()
        redis.config_set("maxmemory-policy", "noeviction")
    return server


@asynccontextmanager
async def process(url: str, patience: float = PATIENT) -> AsyncGenerator[LeasedCounters]:
    clock = FixedClock()
    made = LeasedCounters(clock, rates=RedisRates(url, clock, timeout=patience))
    yield made
    await made.aclose()


async def reserve(counters: LeasedCounters, name: str, *charges: Charge, tokens: int = 0) -> Reservation | Refusal:
    return await counters.reserve(claim(name, 1, charges, tokens=tokens))


async def test_two_processes_share_what_there_is(url: str) -> None:
    async with process(url) as one, process(url) as other:
        answers = [await reserve(each, f"{n}{place}", RPM) for n in range(4) for place, each in enumerate((one, other))]
        assert sum(isinstance(answer, Reservation) for answer in answers) == 6
        refused = answers[-1]
        assert isinstance(refused, Refusal)
        assert refused.charge is RPM
        assert refused.wait is not None
        assert 0 < refused.wait <= 10
        assert [standing.used for standing in await other.quota([RPM])] == [6]


async def test_headers_tell_what_is_left_for_all(url: str) -> None:
    async with process(url) as one, process(url) as other:
        await reserve(one, "r1", RPM, TPM, tokens=300)
        answer = await reserve(other, "r2", RPM, TPM, tokens=100)
        assert isinstance(answer, Reservation)
        assert answer.requests is not None
        assert answer.tokens is not None
        assert (answer.requests.left, answer.tokens.left) == (4, 600)


async def test_what_was_not_used_goes_back_and_what_was_more_is_a_debt(url: str) -> None:
    async with process(url) as one, process(url) as other:
        await reserve(one, "r1", TPM, tokens=900)
        assert isinstance(await reserve(other, "r2", TPM, tokens=200), Refusal)
        one.settle("r1", 1, Actual(100, 0))
        await one.quiet()
        assert isinstance(await reserve(other, "r3", TPM, tokens=800), Reservation)
        other.settle("r3", 1, Actual(1500, 0))
        await other.quiet()
        assert [standing.used for standing in await one.quota([TPM])] == [1600]
        assert isinstance(await reserve(one, "r4", TPM, tokens=1), Refusal)


async def test_calls_that_run_are_counted_over_processes_and_freed(url: str) -> None:
    async with process(url) as one, process(url) as other:
        await reserve(one, "r1", RUN)
        await reserve(other, "r2", RUN)
        assert isinstance(await reserve(one, "r3", RUN), Refusal)
        other.void("r2", 1)
        await other.quiet()
        assert isinstance(await reserve(one, "r4", RUN), Reservation)


async def test_a_call_that_runs_is_counted_for_as_long_as_it_runs(url: str) -> None:
    """Also of a process that has no database: its counters were never started."""
    clock = FixedClock()
    one = LeasedCounters(clock, rates=RedisRates(url, clock, timeout=PATIENT, lease=0.6))
    with Redis.from_url(url, decode_responses=True) as redis:
        await reserve(one, "r1", RUN)
        (key,) = redis.scan_iter()

        def ends() -> list[float]:
            found: Any = redis.zrange(key, 0, -1, withscores=True)
            return [until for _, until in found]

        (before,) = ends()
        await soon(lambda: ends() > [before])
    one.settle("r1", 1, Actual(0, 0))
    await one.aclose()


async def test_of_all_levels_none_is_taken_when_one_refuses(url: str) -> None:
    async with process(url) as one:
        small = charge(Limit(id="small", kind="team", what="tokens", per="minute", amount=5), "t", org="a")
        assert isinstance(await reserve(one, "r1", RPM, TPM, RUN, small, tokens=10), Reservation), "alone it goes"
        assert isinstance(await reserve(one, "r2", RPM, TPM, RUN, small, tokens=10), Refusal)
        assert [(s.used, s.reserved) for s in await one.quota([RPM, TPM, RUN])] == [(1, 0), (0, 10), (0, 1)]


async def test_a_redis_that_is_away_leaves_each_process_its_share() -> None:
    async with process("unix:///nowhere/redis.sock", 0.05) as one:
        answers = [await reserve(one, f"r{n}", RPM) for n in range(8)]
        assert [isinstance(answer, Reservation) for answer in answers] == [True] * 6 + [False] * 2


async def test_one_that_hangs_holds_nobody_up(url: str) -> None:
    async with process(url, 0.05) as one:
        hangs = asyncio.create_task(asyncio.to_thread(_sleep, url))
        while not hangs.done():
            assert isinstance(await reserve(one, f"r{id(object())}", TPM), Reservation)
            await asyncio.sleep(0.01)
        await hangs


async def test_one_that_answers_again_counts_again_also_where_no_call_is_counted_while_it_runs(url: str) -> None:
    """Without limits of concurrent calls nothing but a look of its own can find out."""
    with FaultProxy(url.removeprefix("unix://")) as proxy:
        proxy.fault = Fault("refuse")
        counters = LeasedCounters(SystemClock(), rates=RedisRates(f"redis://127.0.0.1:{proxy.port}", SystemClock(), timeout=PATIENT))
        for n in range(FAILURES):
            assert isinstance(await reserve(counters, f"r{n}", TPM), Reservation)
        assert counters.redis_up is False
        proxy.fault = None
        await soon(lambda: counters.redis_up, within=5)
        await counters.aclose()


async def test_one_that_evicts_is_told(url: str) -> None:
    rates = RedisRates(url, FixedClock(), timeout=PATIENT)
    assert await rates.check() is None
    with Redis.from_url(url) as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
    assert "allkeys-lru" in (await rates.check() or "")
    await rates.aclose()


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme"):
        RedisRates("http://localhost", FixedClock())


def _sleep(url: str) -> None:
    with Redis.from_url(url) as redis:
        redis.execute_command("CLIENT", "PAUSE", 300, "ALL")
