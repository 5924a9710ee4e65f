"""The stores that the machine of `test_limits_machine` runs on, each as one process would use it. Examples share the servers; each has
a database and subjects of its own."""

import asyncio
import contextlib
import itertools
from collections.abc import Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from redis import Redis
from tests.support import databases, servers
from tests.support.usage import usage_event

from tidegate.adapters.counters_memory import MemoryCounters
from tidegate.adapters.leases import LeasedCounters
from tidegate.adapters.redis_rates import RedisRates
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.limits_post import Spent
from tidegate.adapters.sql.limits_windows import SqlWindows
from tidegate.policy.limits.rules import Actual, Charge, Claim, Limit, Past, charge
from tidegate.ports import Clock
from tidegate.ports.limits import Counters

T = TypeVar("T")


class Stores(msgspec.Struct):
    """Where they are; made once for a run."""

    postgres: dict[str, str]
    redis: dict[str, str]
    folder: Path
    count: Iterator[int]


_STORES: list[Stores] = []


@contextlib.contextmanager
def stores(shared: Path, own: Path) -> Iterator[None]:
    """`shared` is a folder of all workers of the run, `own` one of this worker."""
    with (
        servers.shared(shared, "postgres", databases.postgres_with_template) as postgres,
        servers.shared(shared, "redis", servers.redis) as redis,
    ):
        _STORES.append(Stores(postgres, redis, own, itertools.count()))
        yield
        _STORES.pop()


def made(kind: str, clock: Clock, lease: float) -> "InMemory | Shared":
    return InMemory(clock, lease) if kind == "memory" else Shared(_STORES[-1], kind, clock, lease)


class InMemory:
    """One process that forgets: its past is seeded."""

    name = ""
    corrects_rates = True

    def __init__(self, clock: Clock, lease: float) -> None:
        self._clock = clock
        self._lease = lease
        self.restart((), ())

    def charge(self, limit: Limit) -> Charge:
        return charge(limit, "s")

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Counters in memory never wait."""
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("the counters waited")

    def ended(self, attempt: Claim, at: float, actual: Actual) -> None:
        """There is no ledger."""

    def restart(self, past: Iterable[Past], _unposted: Iterable[tuple[Claim, float, Actual]]) -> None:
        self.alerts: list[tuple[int, int]] = []
        memory = MemoryCounters(self._clock, lease=self._lease, on_alert=lambda alert: self.alerts.append((alert.window, alert.percent)))
        memory.seed(past)
        self.counters: Counters = memory

    def close(self) -> None:
        """Nothing is open."""


class Shared:
    """One process on a database, with or without Redis. Its ledger is the past."""

    def __init__(self, stores: Stores, kind: str, clock: Clock, lease: float) -> None:
        self.name = f"{kind.replace('+', '-')}{next(stores.count)}-"
        self.alerts: list[tuple[int, int]] = []
        self._stores = stores
        self._kind = kind
        self._clock = clock
        self._lease = lease
        self._loop = asyncio.new_event_loop()
        self._closing = contextlib.AsyncExitStack()
        self.corrects_rates = "redis" not in kind
        self._loop.run_until_complete(self._open())

    async def _open(self) -> None:
        if self._kind.startswith("postgres"):
            url = await self._closing.enter_async_context(databases.postgres_url(self._stores.postgres))
        else:
            url = await self._closing.enter_async_context(databases.sqlite_url(self._stores.folder))
        self._database = databases.opened(url)
        self._closing.push_async_callback(self._database.aclose)
        self._ledger = LedgerStore(self._database, windows=Spent(self._database, self.name))
        self._start()

    def _start(self) -> None:
        windows = SqlWindows(self._database, self.name, self._clock)
        self._rates = None
        if not self.corrects_rates:
            self._rates = RedisRates(self._stores.redis["url"], self._clock, timeout=5, lease=10**7, own_time=True)
        self._leased = LeasedCounters(self._clock, rates=self._rates, lease=self._lease)
        self._leased.start(windows)
        self.counters: Counters = self._leased

    def charge(self, limit: Limit) -> Charge:
        return charge(limit, self.name, org=self.name)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        async def whole() -> T:
            answer = await coroutine
            await self._leased.quiet()
            return answer

        return self._loop.run_until_complete(whole())

    def ended(self, attempt: Claim, at: float, actual: Actual) -> None:
        self.run(self._post(attempt, at, actual, "settled"))

    async def _post(self, attempt: Claim, at: float, actual: Actual, entry: str) -> None:
        names = dict.fromkeys(("org", "key", "team", "target"), self.name)
        event = usage_event(
            request_id=attempt.request_id,
            attempt=attempt.attempt,
            at=at,
            usage={"input": actual.tokens},
            cost_nano=actual.nano,
            entry=entry,
            **names,
        )
        await self._ledger.post([event])

    def restart(self, _past: Iterable[Past], unposted: Iterable[tuple[Claim, float, Actual]]) -> None:
        """It is killed, and so is Redis; the spool of before is drained first."""

        async def again() -> None:
            await self._leased.abandon()
            for attempt, at, actual in unposted:
                await self._post(attempt, at, actual, "unknown")
            if self._rates is not None:
                with Redis.from_url(self._stores.redis["url"]) as redis:
                    redis.flushall()
            self._start()

        self._loop.run_until_complete(again())

    def close(self) -> None:
        async def end() -> None:
            await self._leased.aclose()
            await self._closing.aclose()

        self._loop.run_until_complete(end())
        self._loop.close()
