"""Usage of people who were erased: events that come to the ledger later, and lines of the file for people, name a pseudonym in their place.
Numbers stay as they are."""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from tidegate.adapters.spool.sinks import Sink
from tidegate.policy.erased import END_USER, USER, Erased
from tidegate.ports import UsageEvent
from tidegate.records import DEFAULT_ORG

_MICROS = 1_000_000
_GONE = ("request_body", "response_body")


class ErasedSink:
    """Before another sink, which writes the lines of `file` too."""

    def __init__(self, sink: Sink, file: Path) -> None:
        self._sink = sink
        self._file = file
        self._erased = Erased(b"", {})
        self._turn = asyncio.Lock()

    def know(self, erased: Erased) -> None:
        """From now on these are erased."""
        self._erased = erased

    async def post(self, events: Sequence[UsageEvent]) -> int:
        """As `Sink.post`."""
        async with self._turn:
            erased = self._erased
            return await self._sink.post([_without(event, erased) for event in events] if erased else events)

    async def forget(self, erased: Erased) -> int:
        """These are erased, also in the file; how many of its lines changed. Raises `OSError`."""
        async with self._turn:
            self._erased = erased
            return await asyncio.to_thread(_rewrite, self._file, erased)


def _without(event: UsageEvent, erased: Erased) -> UsageEvent:
    changed = _changes(erased, event.org, event.user, event.end_user, event.at)
    return msgspec.structs.replace(event, **changed) if changed else event


def _changes(erased: Erased, org: str, user: str, end_user: str, at: float) -> dict[str, Any]:
    micros = int(at * _MICROS)
    changed: dict[str, Any] = {}
    if stand := erased.pseudonym(org, USER, user, micros):
        changed |= {"user": stand, "key": stand, "key_name": ""}
    if stand := erased.pseudonym(org, END_USER, end_user, micros):
        changed["end_user"] = stand
    return changed | dict.fromkeys(_GONE) if changed else changed


def _rewrite(path: Path, erased: Erased) -> int:
    """A new file in place of the old one. A line that is no usage stays."""
    if not erased or not path.exists():
        return 0
    count = 0
    beside = path.with_name(path.name + ".new")
    try:
        with path.open("rb") as lines, os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for line in lines:
                told = _line_without(line, erased)
                count += told is not None
                file.write(line if told is None else told)
            file.flush()
            os.fsync(file.fileno())
        if count:
            beside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    return count


def _line_without(line: bytes, erased: Erased) -> bytes | None:
    """None where nothing is changed."""
    try:
        row: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
        org, user, end_user = (str(row.get(name) or "") for name in ("org", "user", "end_user"))
        changed = _changes(erased, org or DEFAULT_ORG, user, end_user, float(row["at"]))
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        return None
    return msgspec.json.encode(row | changed) + b"\n" if changed else None
