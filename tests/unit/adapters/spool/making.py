"""Events, sinks and files for the tests of the spool."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
from tests.unit.adapters.values import EVENT

from tidegate.adapters.spool.files import Files
from tidegate.adapters.spool.spool import Spool
from tidegate.ports import UsageEvent

SEGMENT = 64 << 10


def numbered(number: int, **changes: object) -> UsageEvent:
    return msgspec.structs.replace(EVENT, request_id=f"req_{number}", **changes)


def small(folder: Path, *, files: Files | None = None, **options: object) -> Spool:
    options = {"gather": 0.002, "roomy_bytes": 0, "segment_bytes": SEGMENT, "reserve_bytes": SEGMENT, **options}
    return Spool(folder, files=files or Roomy(), **options)  # pyright: ignore[reportArgumentType] # options by name


class Roomy(Files):
    """However full the disk of the tests is."""

    def room(self, folder: Path) -> tuple[int, int]:
        return 0, 1 << 40


class Rows:
    """A sink with the ledger's unique key. `came` is every event that was posted, in order, repeated ones too."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int, str], UsageEvent] = {}
        self.came: list[UsageEvent] = []
        self.batches: list[int] = []
        self.trouble: list[Exception] = []

    async def post(self, events: Sequence[UsageEvent]) -> int:
        await asyncio.sleep(0)
        if self.trouble:
            raise self.trouble.pop(0)
        before = len(self.rows)
        self.batches.append(len(events))
        self.came += events
        for event in events:
            self.rows.setdefault((event.request_id, event.attempt, event.entry), event)
        return len(self.rows) - before

    @property
    def ids(self) -> list[str]:
        return [event.request_id for event in self.came]


def ids(count: int, first: int = 0) -> list[str]:
    return [f"req_{number}" for number in range(first, first + count)]
