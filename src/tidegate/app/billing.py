"""The payment provider, where one is configured: what it is told while the gateway runs. Loaded by `storage`."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping

from tidegate.adapters.billing_outbox import BillingMessages
from tidegate.adapters.billing_stripe import StripeSink
from tidegate.adapters.http import HttpUpstream
from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.metering import Metering
from tidegate.adapters.sql.outbox import Outbox
from tidegate.adapters.sql.unlinked import Unlinked
from tidegate.adapters.system import SystemClock
from tidegate.app.beside import beside
from tidegate.logs import Log
from tidegate.policy.snapshot import BillingSettings
from tidegate.ports import Ledger
from tidegate.ports.delivery import Handler

EVERY = 300.0
"""Seconds between two looks at what was used."""
_LOG = Log("tidegate.billing")


@contextlib.asynccontextmanager
async def billing(database: Database, ledger: Ledger, settings: BillingSettings | None) -> AsyncGenerator[Mapping[str, Handler]]:
    """Gives who sends the messages of billing. Settings are those of the start: another key takes effect with the next one."""
    if settings is None:
        yield {}
        return
    clock = SystemClock()
    upstream = HttpUpstream()
    sink = StripeSink(upstream, api_key=settings.api_key.reveal(), meter=settings.meter, base_url=settings.base_url)
    outbox = Outbox(database)
    try:
        async with beside(_metered(Metering(database, ledger), Unlinked(database, outbox), clock)):
            yield BillingMessages(SqlControlStore(Changes(database, clock)), sink, clock).handlers()
    finally:
        await upstream.aclose()


async def _metered(metering: Metering, unlinked: Unlinked, clock: SystemClock) -> None:
    while True:
        try:
            now = int(clock.now() * 1_000_000)
            await unlinked.once(now)
            await metering.once(now)
        except Exception as error:  # tried again; a loop that ends would bill nobody any more
            _LOG.warning("usage could not be metered; it is tried again", error=type(error).__name__)
        await asyncio.sleep(EVERY)
