"""The `Scratch` port: files without a name under `TIDEGATE_HOME`, so that nothing is left of them whatever happens. Little bodies stay in
memory. Not in `/tmp`, which is memory on many systems."""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import IO

from tidegate.ports.scratch import ScratchFile

IN_MEMORY = 256 << 10
"""Bytes that are held before a file is made."""


class FileScratch:
    """Implements `ports.scratch.Scratch`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> ScratchFile:
        return _File(self._folder)


class _File:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0

    async def write(self, data: bytes) -> None:
        self._held += data
        self.size += len(data)
        if len(self._held) > IN_MEMORY:
            held, self._held = self._held, bytearray()
            await asyncio.to_thread(self._flush, held)

    def _flush(self, held: bytearray) -> None:
        if self._file is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - it lives as long as this object, and `close` ends it
        os.pwrite(self._file.fileno(), held, self.size - len(held))

    async def read(self, at: int, size: int) -> bytes:
        flushed = self.size - len(self._held)
        if at >= flushed or self._file is None:
            return bytes(self._held[at - flushed : at - flushed + size])
        return await asyncio.to_thread(os.pread, self._file.fileno(), min(size, flushed - at), at)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._held.clear()
