"""Measures how late the event loop is and how much memory the process has, many times a second, and tells whoever wants to know.

A timer that asks for `TICK` seconds and is woken later shows how long what runs on the loop takes. Must be made inside the running loop.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

TICK = 0.05
_SELDOM = 5
"""Ticks between two looks at what changes slowly."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STATM = Path("/proc/self/statm")
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_NO_LIMIT = 1 << 60
"""What an old container without a limit says is about this large."""


class LoadWatch:
    """Calls `tell(lag, memory, done)` until it is stopped: seconds, the share of the memory, and what `done` says. `most` is the memory
    that there is, in bytes, where somebody says so."""

    def __init__(self, tell: Callable[[float, float, int], None], done: Callable[[], int], most: Callable[[], int | None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._tell = tell
        self._count = done
        self._most = most
        self._here = memory_here()
        self._memory = 0.0
        self._done = 0
        self._ticks = 0
        self._timer = self._armed()

    def stop(self) -> None:
        self._timer.cancel()

    def _armed(self) -> asyncio.TimerHandle:
        self._due = self._loop.time() + TICK
        return self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        lag = max(0.0, self._loop.time() - self._due)
        if self._ticks % _SELDOM == 0:
            self._memory = memory_used() / (self._most() or self._here)
            self._done = self._count()
        self._ticks += 1
        self._tell(lag, self._memory, self._done)
        self._timer = self._armed()


def memory_used() -> int:
    """Bytes of memory that the process has; 0 where the system does not tell."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


def memory_here() -> int:
    """Bytes that the container may have, else those of the machine."""
    for path in _LIMITS:
        try:
            limit = int(path.read_bytes())
        except (OSError, ValueError):  # `max`, where there is none
            continue
        if limit < _NO_LIMIT:
            return limit
    return os.sysconf("SC_PHYS_PAGES") * _PAGE
