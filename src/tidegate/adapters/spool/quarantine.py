"""Records that no ledger has, set aside so that they neither get lost nor stop the others: lines of `quarantine.jsonl`.

A line has the time, the reason, and the record: its sequence number, kind, version and payload (as text, or base64 where it is none).
"""

import base64
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tidegate.adapters.spool.files import Files
from tidegate.adapters.spool.format import Record

NAME = "quarantine.jsonl"


class Quarantine:
    """`count` is what this process has set aside."""

    def __init__(self, folder: Path, files: Files, now: Callable[[], float] = time.time) -> None:
        self.path = folder / NAME
        self._files = files
        self._now = now
        self.count = 0

    def keep(self, entries: Sequence[tuple[str, Record]]) -> None:
        """(reason, record) each. Returns once the disk has them. Raises OSError; some may be there twice after another try."""
        self._append([{"reason": reason, **_told(record)} for reason, record in entries])

    def keep_bytes(self, reason: str, segment: str, offset: int, data: bytes) -> None:
        """What lay in a segment and is no record."""
        self._append([{"reason": reason, "segment": segment, "offset": offset, "bytes": base64.b64encode(data).decode()}])

    def _append(self, entries: list[dict[str, Any]]) -> None:
        if not entries:
            return
        at = round(self._now(), 3)
        fd = self._files.open_appending(self.path)
        try:
            self._files.append(fd, b"".join(msgspec.json.encode({"at": at, **entry}) + b"\n" for entry in entries))
            self._files.sync(fd)
        finally:
            self._files.close(fd)
        self.count += len(entries)


def _told(record: Record) -> dict[str, Any]:
    told: dict[str, Any] = {"seq": record.seq, "kind": record.kind, "version": record.version}
    try:
        return {**told, "payload": record.payload.decode()}
    except UnicodeDecodeError:
        return {**told, "payload_base64": base64.b64encode(record.payload).decode()}
