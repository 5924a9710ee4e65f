"""T-RD-1, T-RD-2, T-PG-1, T-PG-2: Redis or PostgreSQL slow, silent or gone. Calls go on, nobody is told a lie, nothing needs a restart."""

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import make_url
from tests.faults.rig.calls import FIRST_NUMBER, Call, Transcript, load, make
from tests.faults.rig.judging.heard import recovered
from tests.faults.rig.proxy import Fault, FaultProxy, Kind
from tests.faults.rig.replicas import replicated
from tests.faults.rig.sizes import sizes
from tests.faults.rig.starved import Starved
from tests.support.replicas import KEY, Stores, spent, stores
from tests.support.waiting import eventually, until

from tidegate.adapters.keystore import KeyStore

Record = Callable[[str, object], None]

pytestmark = pytest.mark.programme("T-RD-2")
WHOLE = 30.0
"""Seconds after which the ledger is to have all that was spooled while its database was away."""
LIMITS = {"limits": {"requests_per_minute": 1_000_000, "tokens_per_minute": 1_000_000_000}}


class Behind(msgspec.Struct):
    """Stores that gateways reach through a proxy; `stores.database` is the direct way."""

    stores: Stores
    redis: FaultProxy
    postgres: FaultProxy


@pytest.fixture
async def behind(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> AsyncGenerator[Behind]:
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    async with stores("postgres+redis", shared, tmp_path_factory.mktemp("stores")) as opened:
        with contextlib.ExitStack() as stack:
            redis_url, postgres_url = opened.environ["TIDEGATE_REDIS_URL"], make_url(opened.environ["TIDEGATE_DATABASE_URL"])
            assert postgres_url.port is not None
            redis = stack.enter_context(FaultProxy(redis_url.removeprefix("unix://")))
            postgres = stack.enter_context(FaultProxy(postgres_url.port))
            environ = {
                "TIDEGATE_REDIS_URL": f"redis://127.0.0.1:{redis.port}",
                "TIDEGATE_DATABASE_URL": postgres_url.set(host="127.0.0.1", port=postgres.port).render_as_string(hide_password=False),
            }
            yield Behind(msgspec.structs.replace(opened, environ=environ), redis, postgres)


def calls(numbers: Iterator[int], seconds: float) -> list[Call]:
    return [Call(next(numbers), script={"n": 3}, stream=False) for _ in range(int(seconds * sizes().rate))]


def median(transcripts: list[Transcript]) -> float:
    return statistics.median(one.seconds for one in transcripts)


def most(transcripts: list[Transcript]) -> float:
    return statistics.quantiles((one.seconds for one in transcripts), n=100)[-1]


@pytest.mark.parametrize("kind", ["latency", "stall", "refuse"])
async def test_a_redis_that_is_slow_silent_or_gone_holds_no_call_up(
    behind: Behind, tmp_path: Path, kind: Kind, record_property: Record
) -> None:
    numbers, size = itertools.count(FIRST_NUMBER), sizes()
    with replicated(tmp_path, behind.stores, 1, LIMITS) as replicas:
        await asyncio.to_thread(replicas.warm)
        gateway = replicas.gateways[0]

        def is_counted() -> bool:
            return b"\ntidegate_redis_up 1.0" in gateway.metrics()

        await asyncio.to_thread(until, is_counted)
        before = await load(gateway.port, KEY, calls(numbers, size.load / 2), size.rate)
        lines = len(gateway.log().splitlines())
        behind.redis.fault = Fault(kind, seconds=0.2)
        if kind == "refuse":
            behind.redis.cut()
        with Starved(gateway.pid) as starved:
            during = await load(gateway.port, KEY, calls(numbers, size.outage), size.rate)
        behind.redis.fault = None
        if kind == "stall":
            behind.redis.cut()
        lifted = time.monotonic()
        await asyncio.to_thread(until, is_counted, within=20)
        back = time.monotonic() - lifted
        after = await load(gateway.port, KEY, calls(numbers, size.load / 2), size.rate)
        assert behind.redis.hits[kind], "the fault never struck"
        slowest = max(during, key=lambda one: one.seconds)
        waits = starved.within(slowest.began, slowest.began + slowest.seconds)
        record_property(
            "verdict",
            f"Redis {kind} for {size.outage:.0f} s: {len(during)} calls, {sum(one.status != 200 for one in during)} failed, "
            f"median {median(before) * 1000:.1f} → {median(during) * 1000:.1f} → {median(after) * 1000:.1f} ms, "
            f"99 of 100 within {most(before) * 1000:.0f} → {most(during) * 1000:.0f} → {most(after) * 1000:.0f} ms, "
            f"slowest {slowest.seconds * 1000:.0f} ms (in which gateway and rig were ready to run but got no CPU for "
            f"{waits[0] * 1000:.0f} and {waits[1] * 1000:.0f} ms), counted by Redis again after {back:.1f} s, "
            f"{len(gateway.log().splitlines()) - lines} lines of log",
        )
        failed = [one.body[:300] for one in (*before, *during, *after) if one.status != 200]
        assert not failed, f"{failed[:3]}\n{gateway.log()[-6000:]}"
        assert not recovered(after, lifted)
        assert back <= 5
        # One wait for an answer of Redis is 50 ms; a call never waits for a second one.
        assert median(during) < median(before) + 0.25
        assert len(gateway.log().splitlines()) - lines <= 20 + size.outage


@pytest.mark.programme("T-PG-1")
@pytest.mark.parametrize("kind", ["refuse", "stall"])
async def test_while_postgres_is_away_known_keys_are_served_and_the_ledger_catches_up(
    behind: Behind, tmp_path: Path, kind: Kind, record_property: Record
) -> None:
    numbers, rate = itertools.count(FIRST_NUMBER), sizes().rate / 2
    seconds = sizes().silence if kind == "stall" else sizes().outage
    with replicated(tmp_path, behind.stores, 2, LIMITS) as replicas:
        await asyncio.to_thread(replicas.warm)
        first, second = replicas.gateways
        behind.postgres.fault = Fault(kind)
        if kind == "refuse":
            behind.postgres.cut()
        work = asyncio.gather(
            load(first.port, KEY, calls(numbers, seconds / 2), rate),
            load(second.port, KEY, calls(numbers, seconds / 2), rate),
        )
        unknown = KeyStore(tmp_path / "elsewhere").create("made by another gateway")[1]

        async def probe() -> int | None:
            return (await make(first.port, unknown, Call(next(numbers), script={"n": 1}, stream=False))).status

        # From the first moment on: what the database said last is no answer to a question that comes later.
        told = [await probe()]
        while not work.done():
            told.append(await probe())
            await asyncio.sleep(0.1)
        during = [one for part in await work for one in part]
        behind.postgres.fault = None
        back = time.monotonic()
        assert behind.postgres.hits[kind], "the fault never struck"

        async def rows() -> int:
            return (await spent(behind.stores.database))[0]

        await eventually(rows, len(replicas.attempts()), within=120)
        whole = time.monotonic() - back
        record_property(
            "verdict",
            f"PostgreSQL {kind} for {seconds:.0f} s: {len(during)} calls, {sum(one.status != 200 for one in during)} failed; an "
            f"unknown key was told {told.count(503)} times 503 and {told.count(401)} times 401; the ledger was whole "
            f"{whole:.1f} s after",
        )
        assert whole <= WHOLE
        assert {one.status for one in during} == {200}
        # Nobody can say whether the database knows it.
        assert set(told) == {503}
        await eventually(probe, 401, within=10)


@pytest.mark.programme("T-PG-2")
async def test_a_gateway_that_starts_before_its_database_needs_no_restart(behind: Behind, tmp_path: Path, record_property: Record) -> None:
    behind.postgres.fault = Fault("refuse")
    late = replicated(tmp_path, behind.stores, 1, LIMITS)
    starting = asyncio.create_task(asyncio.to_thread(late.__enter__))
    try:
        await eventually(_struck(behind.postgres), True)
        behind.postgres.fault = None
        back = time.monotonic()
        replicas = await starting
        took = time.monotonic() - back
        record_property("verdict", f"a start before the database: ready {took:.1f} s after it came")
        assert took < 10
        await asyncio.to_thread(replicas.warm)
    finally:
        await asyncio.to_thread(late.__exit__, None, None, None)


def _struck(proxy: FaultProxy) -> Callable[[], Awaitable[bool]]:
    async def found() -> bool:
        return proxy.hits["refuse"] >= 2

    return found
