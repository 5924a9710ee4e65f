"""Where usage events go."""

import contextlib
from collections.abc import AsyncGenerator

from tidegate.adapters.events_file import FileEvents
from tidegate.control.settings import Settings
from tidegate.ports import Events

USAGE_FILE = "usage.jsonl"
"""Under `TIDEGATE_HOME`: one JSON line for each attempt."""


@contextlib.asynccontextmanager
async def usage_events(settings: Settings) -> AsyncGenerator[Events]:
    """What is still queued is written when the context ends."""
    events = FileEvents(settings.home / USAGE_FILE)
    try:
        yield events
    finally:
        await events.aclose()
