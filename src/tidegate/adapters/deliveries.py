"""Messages that wait in the outbox are sent, by whoever knows their topic, until they are taken. Several processes share the work: each
message is held by one at a time, and may still arrive twice where one dies.
"""

import asyncio
import random
from collections.abc import Mapping

from tidegate.adapters.sql.outbox import Outbox
from tidegate.logs import Log
from tidegate.ports import Clock, StorageUnavailable
from tidegate.ports.delivery import Handler, NotDelivered
from tidegate.records import Message, Tenant

BATCH = 20
IDLE = 5.0
"""Seconds between two looks where nothing waits."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 3600.0
MOST_TRIES = 60
"""About two days."""
_MICROS = 1_000_000
_LOG = Log("tidegate.outbox")


class Deliveries:
    """`handlers` by topic; messages of other topics are left alone. `poke` says that one waits."""

    def __init__(self, outbox: Outbox, handlers: Mapping[str, Handler], clock: Clock) -> None:
        self._outbox = outbox
        self._handlers = handlers
        self._clock = clock
        self._waits = asyncio.Event()

    def poke(self) -> None:
        self._waits.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            self._waits.clear()
            sent = 0
            try:
                sent = await self.once()
            except StorageUnavailable:
                pass
            except Exception as error:  # a loop that ends would send nothing any more
                _LOG.error("the outbox cannot be read; it is tried again", error=type(error).__name__)
            if not sent:
                try:
                    async with asyncio.timeout(IDLE):
                        await self._waits.wait()
                except TimeoutError:
                    continue

    async def once(self) -> int:
        """Tries what is due; how many messages that were."""
        taken = await self._outbox.take(self._now(), BATCH, self._handlers.keys())
        for tenant, message in taken:
            try:
                await self._handlers[message.topic](tenant, message)
            except NotDelivered as failure:
                await self._failed(tenant, message, failure)
            except StorageUnavailable:
                raise
            except Exception as error:  # one message must not hold up the others
                await self._failed(tenant, message, NotDelivered(f"{type(error).__name__} while it was sent", again=True))
            else:
                await self._outbox.done(tenant, message.id, self._now())
        return len(taken)

    async def _failed(self, tenant: Tenant, message: Message, failure: NotDelivered) -> None:
        if failure.not_before > self._now():
            await self._outbox.later(tenant, message.id, failure.not_before, str(failure), tries=0)
            return
        if not failure.again or message.tries >= MOST_TRIES:
            _LOG.error("a message is given up", topic=message.topic, id=message.id, org=tenant.org_id, reason=str(failure))
            await self._outbox.done(tenant, message.id, self._now(), str(failure))
            return
        wait = min(FIRST_WAIT * 2 ** min(message.tries - 1, 20), LONGEST_WAIT) * (0.5 + random.SystemRandom().random() / 2)
        await self._outbox.later(tenant, message.id, self._now() + int(wait * _MICROS), str(failure), tries=message.tries)

    def _now(self) -> int:
        return int(self._clock.now() * _MICROS)
