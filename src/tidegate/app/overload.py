"""The door of a gateway, and the watch that tells it how hard pressed the process is."""

import contextlib
from collections.abc import AsyncGenerator

from tidegate.adapters.load_watch import LoadWatch
from tidegate.ports import Clock
from tidegate.proxy.app import Live
from tidegate.proxy.door import Door


@contextlib.asynccontextmanager
async def watched_door(live: Live, clock: Clock) -> AsyncGenerator[Door]:
    """Watches while the context lasts."""
    door = Door(clock)
    watch = LoadWatch(door.look, lambda: live.health.ended, lambda: live.snapshot.overload.memory)
    try:
        yield door
    finally:
        watch.stop()
