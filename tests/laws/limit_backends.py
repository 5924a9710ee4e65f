"""The stores that the machine of `test_limits_machine` runs on, each as one process would use it. Examples share the servers; each has
a database and subjects of its own."""

import asyncio
import contextlib
import itertools
import uuid
from collections.abc import Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

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


class Ground:
    """One database, perhaps with Redis, and one loop, for all examples of a machine."""

    def __init__(self, kind: str, facts: dict[str, dict[str, str]], folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.redis = facts["redis"]["url"] if "redis" in kind else None
        self.kind = kind
        self.count = itertools.count()
        self._closing = contextlib.AsyncExitStack()
        self.loop.run_until_complete(self._open(facts["postgres"], folder))

    async def _open(self, postgres: dict[str, str], folder: Path) -> None:
        made = databases.postgres_url(postgres) if self.kind.startswith("postgres") else databases.sqlite_url(folder)
        self.database = databases.opened(await self._closing.enter_async_context(made))
        self._closing.push_async_callback(self.database.aclose)

    def close(self) -> None:
        self.loop.run_until_complete(self._closing.aclose())
        self.loop.close()


_GROUNDS: dict[str, Ground] = {}


@contextlib.contextmanager
def grounds(kinds: Iterable[str], shared: Path, own: Path) -> Iterator[None]:
    """`shared` is a folder of all workers of the run, `own` one of this worker."""
    with (
        servers.shared(shared, "postgres", databases.postgres_with_template) as postgres,
        servers.shared(shared, "redis", servers.redis) as redis,
    ):
        for kind in kinds:
            _GROUNDS[kind] = Ground(kind, {"postgres": postgres, "redis": redis}, own)
        try:
            yield
        finally:
            for kind in kinds:
                _GROUNDS.pop(kind).close()


def made(kind: str, clock: Clock, lease: float) -> "InMemory | Shared":
    return InMemory(clock, lease) if kind == "memory" else Shared(_GROUNDS[kind], clock, lease)


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

    def now(self, call: Callable[[], None]) -> None:
        call()

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
    """One process on a database, with or without Redis, with subjects of its own. Its ledger is the past."""

    def __init__(self, ground: Ground, clock: Clock, lease: float) -> None:
        self.name = f"{ground.kind.replace('+', '-')}{next(ground.count)}-{uuid.uuid4().hex[:8]}-"
        self.alerts: list[tuple[int, int]] = []
        self._ground = ground
        self._clock = clock
        self._lease = lease
        self.corrects_rates = ground.redis is None
        self._ledger = LedgerStore(ground.database, windows=Spent(ground.database, self.name))
        ground.loop.run_until_complete(self._start())

    async def _start(self) -> None:
        windows = SqlWindows(self._ground.database, self.name, self._clock)
        self._rates = None
        if self._ground.redis is not None:
            # Time is the machine's, also in Redis, where nothing expires by itself then.
            self._rates = RedisRates(self._ground.redis, self._clock, timeout=5, lease=10**7, own_time=True)
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

        return self._ground.loop.run_until_complete(whole())

    def now(self, call: Callable[[], None]) -> None:
        """Calls what does not wait, in the loop."""

        async def inside() -> None:
            call()

        self.run(inside())

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
            self._forget_rates()
            await self._start()

        self._ground.loop.run_until_complete(again())

    def _forget_rates(self) -> None:
        """Redis is shared with other tests: only what is this example's goes."""
        if self._ground.redis is not None:
            with Redis.from_url(self._ground.redis) as redis:
                for key in redis.scan_iter(f"{{{self.name}}}:*", count=1000):
                    redis.delete(key)

    def close(self) -> None:
        async def end() -> None:
            await self._leased.aclose()
            await self._ledger.aclose()

        self._ground.loop.run_until_complete(end())
        self._forget_rates()
