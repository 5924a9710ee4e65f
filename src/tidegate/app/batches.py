"""The loop that runs batches, beside the calls of one gateway."""

import contextlib
from collections.abc import AsyncGenerator

from tidegate.app.beside import beside
from tidegate.proxy.app import App
from tidegate.proxy.background import Answerer
from tidegate.proxy.batch_call import LineCaller
from tidegate.proxy.batch_runner import BatchRunner
from tidegate.proxy.surfaces import SURFACES


@contextlib.asynccontextmanager
async def running_batches(app: App) -> AsyncGenerator[None]:
    """Until the context ends; what is under way then goes on with the next process."""
    surface, _ = SURFACES.match("POST", b"/v1/responses")
    runner = BatchRunner(app, LineCaller(app, SURFACES), Answerer(app, surface), app.onces.owner)
    app.late.batched = runner.poke
    async with beside(runner.run()):
        yield
