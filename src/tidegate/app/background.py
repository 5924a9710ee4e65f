"""What a gateway does once it serves: it loads what needs the database, which takes longer than calls should wait for at a start."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncGenerator, Callable
from importlib import import_module

from tidegate.adapters.kept_behind import WriteBehind
from tidegate.adapters.leases import LeasedCounters
from tidegate.adapters.spool.spool import Spool
from tidegate.app.noticed import Noticed
from tidegate.app.started import Started
from tidegate.control.watch import Watcher
from tidegate.logs import Log
from tidegate.proxy.app import Late, Live

LONGEST_END = 10.0
"""Seconds that may pass at the end, until what is left in the spool is left for the next start."""

_LOG = Log("tidegate")


def told(reason: str) -> None:
    """What can never work is in the log, where nobody ends the process for it."""
    _LOG.error("the gateway goes on without its database", reason=reason)


@contextlib.asynccontextmanager
async def in_background(
    started: Started,
    spool: Spool,
    counters: LeasedCounters,
    admin: socket.socket | None,
    serving: asyncio.Event,
    failed: Callable[[str], None],
    *,
    live: Live,
    late: Late,
    conversations: WriteBehind,
    noticed: Noticed,
    watcher: Watcher,
) -> AsyncGenerator[None]:
    """Runs while the context lasts, from when `serving` is set; the control API listens on `admin`. `failed` is told what can never
    work."""
    closing = asyncio.Event()

    async def run() -> None:
        await serving.wait()
        storage = await asyncio.to_thread(import_module, "tidegate.app.storage")
        # What was loaded stays for ever, and is most of what there is: the collector would hold calls up for milliseconds to look at it.
        gc.freeze()
        pepper = started.loaded.snapshot.pepper
        needs = storage.Needs(
            started.settings, spool, counters, pepper, admin, closing, live, late, noticed, started.directory, conversations, watcher
        )
        await storage.stored(needs)

    def ended(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            failed(str(error))

    task = asyncio.create_task(run())
    task.add_done_callback(ended)
    try:
        yield
    finally:
        closing.set()
        serving.set()
        await asyncio.wait((task,), timeout=LONGEST_END)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
