"""Where usage events go: into the spool before an answer's last bytes leave, and from there to the ledger and to the file for people."""

import contextlib
from collections.abc import AsyncGenerator

from tidegate.adapters.spool.drainer import Drainer
from tidegate.adapters.spool.sinks import Sink
from tidegate.adapters.spool.spool import Spool
from tidegate.control.settings import Settings

SPOOL = "spool"
USAGE_FILE = "usage.jsonl"
"""Both under `Settings.own`: the spool's folder, and one JSON line for each attempt that the ledger has."""


@contextlib.asynccontextmanager
async def usage_spool(settings: Settings) -> AsyncGenerator[Spool]:
    """What was emitted is on the disk when the context ends. Raises `SpoolError` and `OSError`."""
    spool = Spool(settings.own / SPOOL, durability=settings.durability)
    try:
        yield spool
    finally:
        await spool.aclose()


@contextlib.asynccontextmanager
async def draining(spool: Spool, sink: Sink) -> AsyncGenerator[None]:
    """Posts while the context lasts, and what is left when it ends, if the ledger takes it."""
    drainer = Drainer(spool, sink)
    drainer.start()
    try:
        yield
    finally:
        await drainer.aclose()
