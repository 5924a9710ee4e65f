"""Providers are asked for their models beside the gateway, and what they say goes live and into a file."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator

from tidegate.adapters.lists_file import ListsFile
from tidegate.app.beside import beside
from tidegate.app.started import Started
from tidegate.control.watch import Watcher
from tidegate.logs import Log
from tidegate.ports import AccessTokens, Clock, Upstream
from tidegate.proxy.app import Live
from tidegate.proxy.model_lists import Asking, ModelLists

_LOOK = 1.0
"""Seconds between two looks at what is due."""

_LOG = Log("tidegate")


@contextlib.asynccontextmanager
async def reading_lists(
    started: Started, live: Live, upstream: Upstream, watcher: Watcher, clock: Clock, access: AccessTokens, serving: asyncio.Event
) -> AsyncGenerator[None]:
    """While the context lasts, from when `serving` is set."""
    if not started.settings.model_lists:
        yield
        return
    file = ListsFile(started.settings.home, started.loaded.snapshot.pepper)
    lists = ModelLists(Asking(upstream, access, clock.now), started.catalogue.shapes, random.SystemRandom().random, started.loader.lists)

    async def run() -> None:
        failing: dict[str, str] = {}
        await serving.wait()
        while True:
            if await lists.step(live.snapshot):
                await watcher.take_lists(dict(lists.lists))
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(file.save, dict(lists.lists))
            if lists.failing.keys() - failing.keys():
                _LOG.info("some lists of models cannot be read, or not in whole; the last ones stay", providers=lists.failing)
            failing = dict(lists.failing)
            await asyncio.sleep(_LOOK)

    async with beside(run()):
        yield
