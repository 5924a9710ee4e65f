"""The calls of this process that are made once for their key, and their answers, bounded. What is done with them is in `once`."""

import asyncio

import msgspec

from tidegate.proxy.transcript import Transcript

MOST_SIZE = 64 << 20
MOST_CALLS = 10_000
"""Bytes of answers in memory, and their number."""
MOST_ALONE = 64
"""Calls that may go on without any client."""


class Entry(msgspec.Struct, eq=False):
    """One call and its answer. `is_once`: it is kept after it has ended."""

    name: bytes
    print: bytes
    transcript: Transcript
    until: float
    is_once: bool
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    size: int = 0
    is_free: bool = False
    """It has ended without anything that may not be done again."""
    is_elsewhere: bool = False
    """Another gateway had begun to make it."""


class Onces:
    """What runs and what was answered, in this process. Bounded: the oldest answers are forgotten first. `owner` is the name that this
    process and those after it have."""

    def __init__(self, owner: str = "") -> None:
        self.owner = owner
        self._entries: dict[bytes, Entry] = {}
        self._size = 0
        self.alone = 0

    def find(self, name: bytes, now: float) -> Entry | None:
        entry = self._entries.get(name)
        if entry is not None and entry.task is None and entry.until <= now:
            self.forget(entry)
            return None
        return entry

    def add(self, entry: Entry) -> None:
        self._entries[entry.name] = entry

    def keep(self, entry: Entry, size: int) -> None:
        """An answer of that size is there now."""
        if self._entries.get(entry.name) is not entry:
            return
        entry.size = size
        self._size += size
        while self._size > MOST_SIZE or len(self._entries) > MOST_CALLS:
            oldest = next((found for found in self._entries.values() if found.task is None), None)
            if oldest is None:
                return
            self.forget(oldest)

    async def aclose(self) -> None:
        """Ends the calls that run, whose clients are gone by now."""
        tasks = [entry.task for entry in self._entries.values() if entry.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def forget(self, entry: Entry) -> None:
        """Another one that has taken its place stays."""
        if self._entries.get(entry.name) is entry:
            del self._entries[entry.name]
            self._size -= entry.size
