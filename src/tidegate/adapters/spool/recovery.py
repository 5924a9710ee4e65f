"""What a process finds in the spool's folder: where to write on, what was torn, and which attempts never ended.

`find_end` runs before anything is written and is the only thing that changes a segment after the fact: it cuts the torn end of the last
one, once every legible record behind the tear, and the bytes that are none, are in the quarantine.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from tidegate.adapters.spool import format as form
from tidegate.adapters.spool.files import Files
from tidegate.adapters.spool.format import Record
from tidegate.adapters.spool.quarantine import Quarantine
from tidegate.adapters.spool.reader import Damage, Reader, SegmentReader
from tidegate.adapters.spool.segment import DAMAGED, segment_paths

BATCH = 500
_DOUBLED = 3
"""Segments at the end that may repeat each other, because some of them failed shortly before the process ended."""
_MAX_KEPT = 1 << 20
"""Bytes kept of what is no record."""


class End(NamedTuple):
    seq: int
    """The last record; 0 where there is none."""
    segment: int
    """The last one's index."""
    is_clean: bool
    """No attempt was open when the last process ended."""
    torn: int
    """Bytes cut off."""
    behind: int
    """Unharmed records that were cut off with them; they are in the quarantine."""


class Key(msgspec.Struct):
    """What names an attempt, out of a row."""

    request_id: str
    attempt: int


_KEY = msgspec.json.Decoder(Key)


def attempt_key(payload: bytes) -> tuple[str, int] | None:
    try:
        key = _KEY.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return key.request_id, key.attempt


def find_end(folder: Path, files: Files, quarantine: Quarantine) -> End:
    """Cuts the torn end. Raises `Damage` where the last segment is of a newer version, and OSError."""
    paths = segment_paths(folder, files)
    index = paths[-1][0] if paths else 0
    seq, torn, behind, is_clean, looked = 0, 0, 0, True, 0
    while paths and looked < _DOUBLED:
        path = paths.pop()[1]
        if path.suffix == DAMAGED:
            seq = max([seq, *(record.seq for record in form.salvage(path.read_bytes(), 0))])
            looked += 1
            continue
        reader = SegmentReader(files, path)
        try:
            if reader.header is not None and reader.first is None:
                raise Damage(path.name, 0, f"written by a newer version (format {reader.header.version})")
            last = _last(reader)
            if looked == 0:
                cut, behind = _cut(files, reader, quarantine)
                torn += cut
                # One that was not begun is not the last one; one whose header is torn is.
                looked += reader.first is not None or cut > 0
                is_clean = cut == 0 and (last is None or last.kind == form.CLOSE)
            else:
                looked += 1
            if reader.first is not None:
                seq = max(seq, reader.next_seq - 1)
        finally:
            reader.close()
    return End(seq, index, is_clean, torn, behind)


def _last(reader: SegmentReader) -> Record | None:
    last: Record | None = None
    while (record := reader.record()) is not None:
        last = record
    return last


def _cut(files: Files, reader: SegmentReader, quarantine: Quarantine) -> tuple[int, int]:
    """Truncates the segment behind its last good record; (bytes that were not zero, records among them)."""
    if reader.first is None:
        reader.position = 0
    rest = reader.rest()
    torn = rest.rstrip(b"\0")
    records: list[tuple[str, Record]] = []
    if torn:
        records = [("behind a torn record", record) for record in form.salvage(torn, 0)]
        quarantine.keep(records)
        quarantine.keep_bytes("torn", reader.path.name, reader.position, torn[:_MAX_KEPT])
    if reader.position <= form.HEADER_SIZE:
        files.remove(reader.path)
    elif rest:
        fd = files.open(reader.path)
        try:
            files.truncate(fd, reader.position)
            files.sync(fd)
        finally:
            files.close(fd)
    return len(torn), len(records)


def open_attempts(folder: Path, files: Files, drained: int, upto: int) -> Iterator[bytes]:
    """The payloads of the attempts up to the record `upto` that were begun and never settled. Raises `Damage`: who cannot read all cannot
    know; up to `drained` nothing can be missing. Empty strings come in between, so that the caller can let others run."""
    found: dict[tuple[str, int] | None, bytes] = {}
    reader = Reader(folder, files, 0, sure=False, drained=drained)
    try:
        while reader.seq < upto:
            for record in reader.read(BATCH, upto):
                if record.kind == form.BEGIN:
                    found[attempt_key(record.payload)] = record.payload
                elif record.kind == form.EVENT and found:
                    found.pop(attempt_key(record.payload), None)
            yield b""
    finally:
        reader.close()
    found.pop(None, None)
    yield from found.values()
