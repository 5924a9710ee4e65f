"""How long a process was ready to run and got no CPU, by the kernel's own account: what of a slow call is the machine's."""

import bisect
import os
import threading
import time
from pathlib import Path
from typing import Self

PAUSE = 0.05
"""Seconds between two looks."""


class Starved:
    """`with Starved(pid) as starved:`, then `starved.within(began, ended)`: of the main threads of that process and of this one."""

    def __init__(self, pid: int) -> None:
        self._pids = (pid, os.getpid())
        self._looks: list[tuple[float, float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="starved", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(10)

    def within(self, began: float, ended: float) -> tuple[float, float]:
        """Seconds that (the process, this one) waited, by `time.monotonic`; a look earlier and a look later than asked."""
        looks = self._looks
        first = max(0, bisect.bisect_left(looks, (began,)) - 1)
        last = min(len(looks) - 1, bisect.bisect_right(looks, (ended,)))
        return looks[last][1] - looks[first][1], looks[last][2] - looks[first][2]

    def _run(self) -> None:
        while not self._ended.wait(PAUSE):
            other, own = (waited(pid) for pid in self._pids)
            self._looks.append((time.monotonic(), other, own))


def waited(pid: int) -> float:
    """Seconds on the run queue since the start of its main thread (Documentation/scheduler/sched-stats.rst)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
