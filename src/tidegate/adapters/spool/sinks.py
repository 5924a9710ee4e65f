"""Where drained events go: the protocol, and the file of JSON lines that people tail. The ledger in a database is `ports.Ledger`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from tidegate.adapters.spool.files import Files
from tidegate.logs import Log
from tidegate.ports import PoisonEvents, UsageEvent

_LOG = Log("tidegate.spool")


class Sink(Protocol):
    async def post(self, events: Sequence[UsageEvent]) -> int:
        """As `ports.Ledger.post`: the number of new ones. Raises `PoisonEvents` once all others are stored, and anything else where nothing
        was. The same events may come again."""
        ...


class FileSink:
    """Appends a line for each event to `path`. Events that come again are written again: it does not read what it wrote."""

    def __init__(self, path: Path, files: Files | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._files = files or Files()
        self._encode = msgspec.json.Encoder().encode_lines

    async def post(self, events: Sequence[UsageEvent]) -> int:
        """Raises OSError."""
        await asyncio.to_thread(self._append, self._encode(events))
        return len(events)

    def _append(self, lines: bytes) -> None:
        fd = self._files.open_appending(self._path)
        try:
            self._files.append(fd, lines)
        finally:
            self._files.close(fd)


class Tee:
    """The ledger, and a copy of what it took for people. The copy is made after, may be repeated after a crash, and holds nothing up."""

    def __init__(self, ledger: Sink, copy: Sink) -> None:
        self._ledger = ledger
        self._copy = copy
        self._failing = False

    async def post(self, events: Sequence[UsageEvent]) -> int:
        """The ledger's answer."""
        try:
            new = await self._ledger.post(events)
        except PoisonEvents as poison:
            bad = {index for index, _why in poison.rows}
            await self._copied([event for index, event in enumerate(events) if index not in bad])
            raise
        await self._copied(events)
        return new

    async def _copied(self, events: Sequence[UsageEvent]) -> None:
        try:
            await self._copy.post(events)
        except OSError as error:
            if not self._failing:
                _LOG.error("the copy of the usage cannot be written; the ledger has it", error=str(error))
            self._failing = True
        else:
            self._failing = False
