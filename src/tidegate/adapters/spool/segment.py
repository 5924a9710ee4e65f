"""One preallocated file of the spool while it is written. Who writes which, and what follows from a failure, is in writer.py.

A segment is made with all its bytes taken from the disk and read as zeros, begun once the sequence number of its first record is known, and
appended to until a record has no room. Not safe for more than one thread at a time, but for `sync`.
"""

import contextlib
import re
from pathlib import Path

from tidegate.adapters.spool import format as form
from tidegate.adapters.spool.files import Files

NAME = re.compile(r"(\d{8,})\.(seg|damaged)")
DAMAGED = ".damaged"
"""The name that an operator gives to a segment whose harm is known and accepted."""
RESERVE = "reserve"


def segment_path(folder: Path, index: int) -> Path:
    return folder / f"{index:08d}.seg"


def segment_paths(folder: Path, files: Files) -> list[tuple[int, Path]]:
    """(index, path) of every segment, in their order."""
    found = [(int(match[1]), folder / name) for name in files.names(folder) if (match := NAME.fullmatch(name))]
    return sorted(found)


class Segment:
    def __init__(self, files: Files, path: Path, fd: int, index: int, size: int) -> None:
        self.files = files
        self.path = path
        self.fd = fd
        self.index = index
        self.size = size
        self.end = 0
        """Where the next record goes; 0 before it is begun."""
        self.first = 0
        self.named = False
        """Whether the disk has the file's name."""
        self.acked = False
        """Whether a sync of it ever came back well."""

    @classmethod
    def make(cls, files: Files, path: Path, index: int, size: int) -> "Segment":
        """Raises OSError, and leaves no file then."""
        fd = files.open(path)
        try:
            files.allocate(fd, size)
        except OSError:
            with contextlib.suppress(OSError):
                files.close(fd)
            with contextlib.suppress(OSError):
                files.remove(path)
            raise
        return cls(files, path, fd, index, size)

    def begin(self, first: int, synced: int, created: int) -> None:
        self.files.write(self.fd, form.pack_header(first, synced, created), 0)
        self.first = first
        self.end = form.HEADER_SIZE

    def has_room(self, size: int) -> bool:
        return self.end + size <= self.size

    def append(self, record: bytes) -> None:
        """Raises OSError; the record is not there then, or in part."""
        self.files.write(self.fd, record, self.end)
        self.end += len(record)

    def sync(self) -> None:
        """Raises OSError: what was written since the last good one may be lost, and another try proves nothing."""
        if not self.named:
            self.files.sync_folder(self.path.parent)
            self.named = True
        self.files.sync(self.fd)

    def close(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                self.files.close(fd)

    def seal(self) -> None:
        """Gives back what was not used, and closes."""
        with contextlib.suppress(OSError):
            self.files.truncate(self.fd, self.end)
        self.close()
        if self.end <= form.HEADER_SIZE:
            self.remove()

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            self.files.remove(self.path)
