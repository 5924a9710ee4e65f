"""The `Events` port as an append-only file of JSON lines, for one process.

`emit` only appends to a queue; a writer thread takes what has gathered and writes it in one piece. The queue is bounded: when the disk does
not take what comes, the oldest events are dropped and counted, and the log says so.
"""

import os
import threading
from collections import deque
from pathlib import Path

import msgspec
import structlog

from tidegate.ports import UsageEvent

GATHER = 0.05
"""Seconds that events gather before they are written together."""
FULL = 100_000
"""Events that may wait."""
BATCH = 1 << 20
"""Bytes that are encoded before they are written."""

_LOG = structlog.get_logger("tidegate.events")


class FileEvents:
    """Appends to `path`, made with mode 0600. `dropped` counts events that the disk did not take in time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._encode = msgspec.json.Encoder().encode_into
        self._waiting: deque[UsageEvent] = deque(maxlen=FULL)
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._failing = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="usage-events", daemon=True)
        self._thread.start()

    def emit(self, event: UsageEvent) -> None:
        """Takes the event without waiting for storage."""
        if len(self._waiting) >= FULL:
            self.dropped += 1
        self._waiting.append(event)
        if not self._wake.is_set():
            self._wake.set()

    async def aclose(self) -> None:
        """Writes what is still queued, and closes the file."""
        self.close()

    def close(self) -> None:
        """As `aclose`, without a loop."""
        self._closing.set()
        self._wake.set()
        self._thread.join()
        os.close(self._file)

    def _run(self) -> None:
        lines = bytearray()
        while True:
            self._wake.wait()
            self._closing.wait(GATHER)
            closing = self._closing.is_set()
            self._wake.clear()
            self._gather(lines)
            if not self._write(lines):
                if closing:
                    return
                self._wake.set()  # try again after the next gathering
            elif self._waiting:
                self._wake.set()
            elif closing:
                return

    def _gather(self, lines: bytearray) -> None:
        while self._waiting and len(lines) < BATCH:
            event = self._waiting.popleft()
            start = len(lines)
            try:
                self._encode(event, lines, -1)
            except (ValueError, TypeError) as error:
                # One event that cannot be written must not end the thread that writes all the others.
                del lines[start:]
                self.dropped += 1
                _LOG.error("a usage event cannot be encoded", request_id=event.request_id, error=str(error))
                continue
            lines += b"\n"

    def _write(self, lines: bytearray) -> bool:
        """Writes as much as the disk takes; what it took is cut off."""
        try:
            while lines:
                del lines[: os.write(self._file, lines)]
        except OSError as error:
            if not self._failing:
                _LOG.error("usage events cannot be written; they wait in memory", error=str(error), bound=FULL)
            self._failing = True
            return False
        if self._failing:
            _LOG.warning("usage events are written again", dropped=self.dropped)
        self._failing = False
        return True
