"""Budgets that pass a threshold: in the log at once, and told to `webhooks` through the outbox. What a process that died has not told,
others find in the database."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence

from tidegate.adapters.alerts_webhook import TOPIC, WebhookSender, messages
from tidegate.adapters.deliveries import Deliveries
from tidegate.adapters.egress import EgressClient
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.limits_passed import Thresholds
from tidegate.adapters.sql.outbox import Outbox
from tidegate.adapters.system import SystemClock
from tidegate.app.beside import beside
from tidegate.app.noticed import Noticed
from tidegate.logs import Log
from tidegate.policy.limits.rules import Limit
from tidegate.policy.snapshot import Webhook
from tidegate.ports import Clock
from tidegate.ports.delivery import Handler
from tidegate.ports.limits import PassedThreshold
from tidegate.proxy.app import Live

EVERY = 300.0
"""Seconds between two looks at all windows."""
_LOG = Log("tidegate.limits")


def webhook_handlers(live: Live) -> dict[str, Handler]:
    """Who sends alerts, by topic."""
    client = EgressClient(lambda: live.snapshot.egress)
    return {TOPIC: WebhookSender(client, lambda: live.snapshot.webhooks, SystemClock()).send}


@contextlib.asynccontextmanager
async def alerting(database: Database, live: Live, noticed: Noticed, deliveries: Deliveries) -> AsyncGenerator[None]:
    """What is noticed while the context lasts, and what was missed before, is told."""
    made = Alerting(database, lambda: live.snapshot.webhooks, lambda: _limits(live), noticed, deliveries, SystemClock())
    async with beside(made.run()):
        yield


class Alerting:
    """`webhooks` and `limits` are those of now."""

    def __init__(
        self,
        database: Database,
        webhooks: Callable[[], Sequence[Webhook]],
        limits: Callable[[], Iterable[Limit]],
        noticed: Noticed,
        deliveries: Deliveries,
        clock: Clock,
    ) -> None:
        self._thresholds = Thresholds(database)
        self._outbox = Outbox(database)
        self._webhooks = webhooks
        self._limits = limits
        self._noticed = noticed
        self._deliveries = deliveries
        self._clock = clock

    async def run(self) -> None:
        """For ever."""
        looked = float("-inf")
        while True:
            try:
                now = self._clock.monotonic()
                if now - looked >= EVERY:
                    await self.look()
                    looked = now
                await self.told(self._noticed.passed)
            except Exception as error:  # a loop that ends would tell nobody any more; a look finds what was not stored
                looked = float("-inf")
                _LOG.warning("alerts could not be stored; it is tried again", error=type(error).__name__)
                await asyncio.sleep(1)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._noticed.wait()

    async def told(self, passed: deque[PassedThreshold]) -> None:
        """Stores those that are new."""
        while passed:
            await self._store(passed.popleft())

    async def look(self) -> None:
        """What stands above a threshold is stored, unless it was before."""
        if not self._webhooks():
            return
        limits = {limit.id: limit for limit in self._limits() if limit.alerts}
        async for passed in self._thresholds.passed(limits, int(self._clock.now() * 1_000_000)):
            await self._store(passed)

    async def _store(self, passed: PassedThreshold) -> None:
        for tenant, message in messages(passed, self._webhooks(), int(self._clock.now() * 1_000_000)):
            if await self._outbox.add(tenant, message):
                self._deliveries.poke()


def _limits(live: Live) -> Iterator[Limit]:
    snapshot = live.snapshot
    yield from snapshot.limits
    yield from live.rows.limits
    for key in (*snapshot.keys_by_id.values(), *snapshot.keys_by_digest.values()):
        yield from key.limits
    for route in (*snapshot.routes.values(), *snapshot.prefix_routes):
        yield from route.limits
