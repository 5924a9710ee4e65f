"""The loop that runs batches, beside the calls of one gateway."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from tidegate.app.beside import beside
from tidegate.app.limits import owner
from tidegate.app.usage import SPOOL
from tidegate.control.settings import Settings
from tidegate.proxy.app import App
from tidegate.proxy.background import Answerer
from tidegate.proxy.batch_call import LineCaller
from tidegate.proxy.batch_runner import BatchRunner
from tidegate.proxy.surfaces import SURFACES


@contextlib.asynccontextmanager
async def running_batches(app: App, settings: Settings) -> AsyncGenerator[None]:
    """Until the context ends; what is under way then goes on with the next process."""
    name = await asyncio.to_thread(owner, settings.own / SPOOL)
    surface, _ = SURFACES.match("POST", b"/v1/responses")
    runner = BatchRunner(app, LineCaller(app, SURFACES), Answerer(app, surface), name)
    app.late.batched = runner.poke
    async with beside(runner.run()):
        yield
