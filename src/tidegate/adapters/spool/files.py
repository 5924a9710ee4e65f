"""The calls that the spool makes to the operating system, in one place, so that a test can make any of them fail or watch their order.

Each method is one call (POSIX only); every failure is an `OSError`. Nothing is decided here.
"""

import errno
import fcntl
import os
from pathlib import Path

ZEROS = bytes(1 << 20)


class Files:
    def open(self, path: Path) -> int:
        """A descriptor for reading and writing; the file is made, with mode 0600, where it is not there."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def open_reading(self, path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def open_appending(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self, fd: int) -> None:
        os.close(fd)

    def allocate(self, fd: int, size: int) -> None:
        """Takes `size` bytes of the disk now, read as zeros, so that later writes need no room."""
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, size)
            return
        for start in range(0, size, len(ZEROS)):
            self.write(fd, ZEROS[: size - start], start)

    def write(self, fd: int, data: bytes, offset: int) -> None:
        """All of `data` at `offset`."""
        done = os.pwrite(fd, data, offset)
        while done < len(data):
            more = os.pwrite(fd, data[done:], offset + done)
            if more == 0:
                raise OSError(errno.EIO, "the file takes no more bytes")
            done += more

    def append(self, fd: int, data: bytes) -> None:
        while data:
            data = data[os.write(fd, data) :]

    def read(self, fd: int, size: int, offset: int) -> bytes:
        """At most `size` bytes; fewer only at the end of the file."""
        parts: list[bytes] = []
        while size > 0:
            part = os.pread(fd, size, offset)
            if not part:
                break
            parts.append(part)
            size -= len(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def sync(self, fd: int) -> None:
        """Waits until what was written is on the disk."""
        (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(fd)

    def sync_folder(self, folder: Path) -> None:
        """Waits until names that were made, changed or removed are on the disk."""
        fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def rename(self, old: Path, new: Path) -> None:
        old.rename(new)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def names(self, folder: Path) -> list[str]:
        return os.listdir(folder)  # noqa: PTH208 - names only, and half the time of pathlib

    def lock(self, fd: int) -> None:
        """Takes the file for this process. Raises `BlockingIOError` where another has it."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def room(self, folder: Path) -> tuple[int, int]:
        """(bytes in use, bytes that this process could still take) of the folder's file system."""
        found = os.statvfs(folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize, found.f_bavail * found.f_frsize
