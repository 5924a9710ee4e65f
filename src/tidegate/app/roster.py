"""Which workers there are, which are to be started and when, and what it means that one ended: the state of `workers`, which has processes.
Told the time, in seconds of a monotonic clock.
"""

from typing import Literal

import msgspec

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between the end of a worker and its next start: twice as many each time."""
SETTLED = 30.0
"""Seconds after which a worker has shown that it can work: its pauses begin anew."""

Fate = Literal["unknown", "again", "hopeless", "ended"]


class Worker(msgspec.Struct):
    """`due` is when it is to be started, None while it runs or is not wanted. `starts` counts."""

    number: int
    due: float | None = None
    pid: int | None = None
    began: float = 0.0
    starts: int = 0
    pause: float = FIRST_PAUSE


class Roster:
    """Worker 1 is started first and alone: what the first start makes, it makes. The others are wanted once it serves."""

    def __init__(self, count: int, now: float) -> None:
        self._workers = [Worker(number) for number in range(1, count + 1)]
        self._workers[0].due = now
        self.is_open = False
        self._stopping = False
        self.code = 0

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers if worker.pid is not None]

    @property
    def is_over(self) -> bool:
        return self._stopping and not self.pids

    def due(self, now: float) -> list[int]:
        """The numbers of those to be started now."""
        return [worker.number for worker in self._workers if worker.due is not None and worker.due <= now]

    def next(self) -> float | None:
        """When the next one is due."""
        return min((worker.due for worker in self._workers if worker.due is not None), default=None)

    def is_new(self, number: int) -> bool:
        """Whether it was never started."""
        return not self._workers[number - 1].starts

    def began(self, number: int, pid: int, now: float) -> None:
        worker = self._workers[number - 1]
        worker.pid, worker.began, worker.due = pid, now, None
        worker.starts += 1

    def first_serves(self, now: float) -> None:
        """Worker 1 takes calls."""
        if not self.is_open and not self._stopping:
            self.is_open = True
            for worker in self._workers[1:]:
                worker.due = now

    def ended(self, pid: int, code: int, now: float) -> Fate:
        """A process has ended, with an exit code or, negative, by a signal. `hopeless` is one whose first start failed for a reason that it
        told: all the others end too, as a gateway without workers does."""
        worker = next((worker for worker in self._workers if worker.pid == pid), None)
        if worker is None:
            return "unknown"
        worker.pid = None
        lived = now - worker.began
        if self._stopping:
            self.code = self.code or int(code != 0)
            return "ended"
        if code > 0 and worker.starts == 1 and lived < SETTLED:
            self.code = 1
            return "hopeless"
        if lived >= SETTLED:
            worker.pause = FIRST_PAUSE
        worker.due = now + worker.pause
        worker.pause = min(worker.pause * 2, LONGEST_PAUSE)
        return "again"

    def stop(self) -> None:
        """None is started any more."""
        self._stopping = True
        for worker in self._workers:
            worker.due = None
