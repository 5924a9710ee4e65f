"""How far the ledger has taken the spool: one sequence number, kept so that it can be moved on when the disk is full.

The file has two slots which are written in turn, in place; the one with the higher number and an unharmed CRC counts.
"""

import struct
import zlib
from pathlib import Path

from tidegate.adapters.spool.files import Files

NAME = "drained"
_SLOT = struct.Struct("<8sQQ")
_CRC = struct.Struct("<I")
_MAGIC = b"TGDRAIN1"
SLOT_SIZE = 512
"""One sector: a torn write harms one slot only."""


class Offset:
    """`seq` is the last record that the ledger has; 0 before the first. `known` says whether the file told it."""

    def __init__(self, folder: Path, files: Files) -> None:
        self._files = files
        self._path = folder / NAME
        fd = files.open(self._path)
        try:
            if files.size(fd) < 2 * SLOT_SIZE:
                files.allocate(fd, 2 * SLOT_SIZE)
            data = files.read(fd, 2 * SLOT_SIZE, 0)
        finally:
            files.close(fd)
        self._turn, self.seq = max(_slot(data, 0), _slot(data, SLOT_SIZE))
        self.known = self._turn > 0

    def advance(self, seq: int) -> None:
        """Returns once the disk has it. Raises OSError; the old number stays then."""
        front = _SLOT.pack(_MAGIC, self._turn + 1, seq)
        fd = self._files.open(self._path)
        try:
            self._files.write(fd, front + _CRC.pack(zlib.crc32(front)), (self._turn + 1) % 2 * SLOT_SIZE)
            self._files.sync(fd)
        finally:
            self._files.close(fd)
        self._turn += 1
        self.seq = seq


def _slot(data: bytes, start: int) -> tuple[int, int]:
    front, end = data[start : start + _SLOT.size], start + _SLOT.size
    if len(data) < end + _CRC.size or _CRC.unpack_from(data, end)[0] != zlib.crc32(front):
        return (0, 0)
    magic, turn, seq = _SLOT.unpack(front)
    return (turn, seq) if magic == _MAGIC else (0, 0)
