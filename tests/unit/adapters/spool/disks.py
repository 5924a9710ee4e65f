"""Disks that fail, and a disk that forgets what was not synced: files for the tests of the spool."""

import errno
from pathlib import Path
from random import Random

from tests.unit.adapters.spool.making import Roomy

PAGE = 512


class Failing(Roomy):
    """Each call named in `plan` fails as often as it says (-1: always); `calls` counts the calls of each kind. A file whose sync failed may
    never be synced again."""

    def __init__(self) -> None:
        self.plan: dict[str, list[int]] = {}
        self.calls: dict[str, int] = {}
        self.failed_fds: set[int] = set()
        self.error = errno.EIO

    def fail(self, call: str, after: int = 0, times: int = 1) -> None:
        self.plan[call] = [after, times]

    def heal(self) -> None:
        self.plan.clear()

    def _pass(self, call: str) -> None:
        self.calls[call] = self.calls.get(call, 0) + 1
        planned = self.plan.get(call)
        if planned is None:
            return
        if planned[0] > 0:
            planned[0] -= 1
        elif planned[1] != 0:
            planned[1] -= 1
            raise OSError(self.error, f"injected into {call}")

    def open(self, path: Path) -> int:
        self._pass("open")
        fd = super().open(path)
        self.failed_fds.discard(fd)
        return fd

    def open_reading(self, path: Path) -> int:
        self._pass("open_reading")
        return super().open_reading(path)

    def allocate(self, fd: int, size: int) -> None:
        self._pass("allocate")
        super().allocate(fd, size)

    def write(self, fd: int, data: bytes, offset: int) -> None:
        try:
            self._pass("write")
        except OSError:
            super().write(fd, data[: len(data) // 2], offset)
            raise
        super().write(fd, data, offset)

    def append(self, fd: int, data: bytes) -> None:
        self._pass("append")
        super().append(fd, data)

    def read(self, fd: int, size: int, offset: int) -> bytes:
        self._pass("read")
        return super().read(fd, size, offset)

    def size(self, fd: int) -> int:
        self._pass("size")
        return super().size(fd)

    def sync(self, fd: int) -> None:
        assert fd not in self.failed_fds, "a file was synced again after its sync had failed"
        try:
            self._pass("sync")
        except OSError:
            self.failed_fds.add(fd)
            raise

    def sync_folder(self, folder: Path) -> None:
        self._pass("sync_folder")

    def truncate(self, fd: int, size: int) -> None:
        self._pass("truncate")
        super().truncate(fd, size)

    def rename(self, old: Path, new: Path) -> None:
        self._pass("rename")
        super().rename(old, new)

    def remove(self, path: Path) -> None:
        self._pass("remove")
        super().remove(path)

    def names(self, folder: Path) -> list[str]:
        self._pass("names")
        return super().names(folder)

    def room(self, folder: Path) -> tuple[int, int]:
        self._pass("room")
        return super().room(folder)


class Forgetful(Failing):
    """After `lose_power` every sector that was not synced is either there or not, as chance has it. A sync that fails loses."""

    def __init__(self) -> None:
        super().__init__()
        self._paths: dict[int, Path] = {}
        self._before: dict[Path, dict[int, bytes]] = {}
        """What the disk has of sectors that were written since the last sync."""
        self._lost: dict[Path, dict[int, bytes]] = {}
        self.is_off = False

    def open(self, path: Path) -> int:
        fd = super().open(path)
        self._paths[fd] = path
        return fd

    def open_appending(self, path: Path) -> int:
        fd = super().open_appending(path)
        self.failed_fds.discard(fd)
        self._paths[fd] = path
        return fd

    def write(self, fd: int, data: bytes, offset: int) -> None:
        if self.is_off:
            raise OSError(errno.EIO, "no power")
        before = self._before.setdefault(self._paths[fd], {})
        for sector in range(offset // PAGE, (offset + len(data) - 1) // PAGE + 1):
            if sector not in before:
                before[sector] = super().read(fd, PAGE, sector * PAGE)
        super().write(fd, data, offset)

    def sync(self, fd: int) -> None:
        if self.is_off:
            raise OSError(errno.EIO, "no power")
        path = self._paths[fd]
        writing = dict(self._before.get(path, {}))
        try:
            super().sync(fd)
        except OSError:
            # The kernel takes the pages for written: no later sync of any file brings them to the disk.
            lost = self._lost.setdefault(path, {})
            for sector, data in writing.items():
                lost.setdefault(sector, data)
            raise
        before = self._before.get(path, {})
        for sector in writing:
            before.pop(sector, None)

    def lose_power(self, chance: Random) -> None:
        self.is_off = True
        for gone in (self._before, self._lost):
            for path, sectors in gone.items():
                if not path.exists():
                    continue
                with path.open("r+b") as file:
                    for sector, data in sectors.items():
                        if gone is self._lost or chance.random() < 0.5:
                            file.seek(sector * PAGE)
                            file.write(data)
