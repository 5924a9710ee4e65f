"""What a process finds in the spool's folder: where to write on, what was torn, and which attempts never ended.

`find_end` runs before anything is written. The end is torn at the first record that is not whole and was not known to be on the disk (the
last segment's header says up to which number all were): what lies behind is cut off, once every legible record of it, and the bytes that
are none, are in the quarantine. This is the only thing that ever changes what was written. Harm before that is left for the reader to find.
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
from tidegate.adapters.spool.segment import segment_paths

BATCH = 500
_MAX_KEPT = 1 << 20
"""Bytes kept of what is no record, of each segment."""


class End(NamedTuple):
    seq: int
    """The last record; 0 where there is none."""
    segment: int
    """The last one's index."""
    is_clean: bool
    """No attempt was open when the last process ended."""
    torn: int
    """Bytes cut off that were not zero."""
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
    """Cuts the torn end, and brings what is left to the disk. Raises `Damage` where a segment is of a newer version, and OSError."""
    listed = segment_paths(folder, files)
    segments: list[SegmentReader] = []
    torn = behind = 0
    try:
        synced = _open_end(files, [path for _index, path in listed], segments)
        following, last, good = _walk(segments, synced)
        for place, segment in enumerate(segments):
            if place < good:
                _sync(files, segment.path)
            else:
                lost, legible = _cut(files, segment, quarantine, following, whole=place > good)
                torn, behind = torn + lost, behind + legible
    finally:
        for segment in segments:
            segment.close()
    is_clean = torn == 0 and (last is None or last.kind == form.CLOSE)
    return End(following - 1, listed[-1][0] if listed else 0, is_clean, torn, behind)


def _open_end(files: Files, paths: list[Path], segments: list[SegmentReader]) -> int:
    """Opens the segments that can hold what was not on the disk yet: from the last one back to the first that was begun before. The number
    up to which all was on the disk."""
    synced: int | None = None
    for path in reversed(paths):
        segment = SegmentReader(files, path)
        segments.insert(0, segment)
        if segment.header is None:
            continue
        if segment.first is None:
            raise Damage(path.name, 0, f"written by a newer version (format {segment.header.version})")
        synced = segment.header.synced if synced is None else synced
        if segment.first <= synced:
            break
    return synced or 0


def _walk(segments: list[SegmentReader], synced: int) -> tuple[int, Record | None, int]:
    """Reads to the end, or to the first gap that a crash explains: (number of the next record, the last one, the place of its segment)."""
    following, last, good = 0, None, -1
    lenient = True
    for place, segment in enumerate(segments):
        if segment.is_damaged:
            following = max([following, *(record.seq + 1 for record in form.salvage(segment.whole(), 0))])
            good, lenient = place, True
        elif segment.first is not None:
            if segment.first > following > synced and not lenient:
                break
            while found := segment.records(BATCH):
                last = found[-1]
            following = max(following, segment.next_seq)
            good, lenient = place, False
    return max(following, 1), last, good


def _cut(files: Files, segment: SegmentReader, quarantine: Quarantine, following: int, *, whole: bool) -> tuple[int, int]:
    """Truncates the segment behind its last good record, or removes it; (bytes that were not zero, records among them that were not
    read)."""
    if segment.is_damaged and not whole:
        return 0, 0
    if whole:
        segment.position = 0
    rest = segment.rest()
    torn = rest.rstrip(b"\0")
    if whole and segment.first is not None and len(torn) <= form.HEADER_SIZE:
        torn = b""
    records = [record for record in form.salvage(torn, 0) if record.seq >= following]
    if torn:
        quarantine.keep([("behind a torn record", record) for record in records])
        quarantine.keep_bytes("torn", segment.path.name, segment.position, torn[:_MAX_KEPT])
    if segment.position <= form.HEADER_SIZE:
        files.remove(segment.path)
        files.sync_folder(segment.path.parent)
    else:
        _sync(files, segment.path, segment.position if rest else None)
    return len(torn), len(records)


def _sync(files: Files, path: Path, size: int | None = None) -> None:
    fd = files.open(path)
    try:
        if size is not None:
            files.truncate(fd, size)
        files.sync(fd)
    finally:
        files.close(fd)


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
