"""What becomes too old is deleted while the gateway runs. Loaded by `storage`."""

import contextlib
from collections.abc import AsyncGenerator, Callable

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.retention import Retention
from tidegate.adapters.system import SystemClock
from tidegate.app.beside import beside


@contextlib.asynccontextmanager
async def forgetting(database: Database, days: Callable[[], int]) -> AsyncGenerator[None]:
    """The loop ends with the context; `days` is how long usage is kept at present."""
    async with beside(Retention(database, SystemClock()).run(days)):
        yield
