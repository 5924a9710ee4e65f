"""Messages for the world outside are sent while the gateway runs. Loaded by `storage`."""

import contextlib
from collections.abc import AsyncGenerator, Mapping

from tidegate.adapters.deliveries import Deliveries
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.outbox import Outbox
from tidegate.adapters.system import SystemClock
from tidegate.app.beside import beside
from tidegate.ports.delivery import Handler


@contextlib.asynccontextmanager
async def delivering(database: Database, handlers: Mapping[str, Handler]) -> AsyncGenerator[Deliveries]:
    """While the context lasts."""
    deliveries = Deliveries(Outbox(database), handlers, SystemClock())
    async with beside(deliveries.run()):
        yield deliveries
