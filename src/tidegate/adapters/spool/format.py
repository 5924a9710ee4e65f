"""The bytes of a segment file: a header, then records one after the other, then zeros. No files here, only bytes in and bytes out.

A segment's header is 64 bytes: magic, format version, its own size, the sequence number of its first record, when it was begun, CRC. A
record is a marker, a CRC over all that follows, the payload's length, its sequence number (one more than the record before, over all
segments), kind, version, and the payload. All integers are little-endian. The CRC is CRC-32 as in zlib and gzip:
docs/decisions/0009-spool.md says why.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import NamedTuple

import msgspec

FORMAT = 1
"""Of the file. A version that does not know it leaves the file alone."""
MAGIC = b"TGSPOOL\n"
MARKER = b"\xf1TGr"
_HEADER = struct.Struct("<8sHHIQQQ20x")
_CRC = struct.Struct("<I")
HEADER_SIZE = _HEADER.size + _CRC.size
_BODY = struct.Struct("<IQBBH")
_FRONT = struct.Struct("<4sI")
_FRONT_SIZE = _FRONT.size
_HEAD = struct.Struct("<4sIIQBBH")
"""The two together."""
RECORD_HEAD = _HEAD.size
_SIZE = attrgetter("size")
MAX_PAYLOAD = 1 << 20
"""Bytes. Rows are cut to fit (rows.py); what claims to be longer is no record."""

EVENT = 1
"""A row of the ledger."""
BEGIN = 2
"""A row that holds if its attempt is never settled."""
CLOSE = 3
"""The process ended in order, and no attempt was open."""


class Header(NamedTuple):
    version: int
    first: int
    """Sequence number of the first record."""
    synced: int
    """Sequence number up to which everything was on the disk when the segment was begun: what is torn up to there was not torn by a
    crash."""
    created: int
    """Microseconds since the epoch."""


class Record(msgspec.Struct, frozen=True, gc=False):
    seq: int
    kind: int
    version: int
    payload: bytes
    size: int
    """Bytes of the whole record in the file."""


def pack_header(first: int, synced: int, created: int) -> bytes:
    front = _HEADER.pack(MAGIC, FORMAT, HEADER_SIZE, 0, first, synced, created)
    return front + _CRC.pack(zlib.crc32(front))


def read_header(data: bytes) -> Header | None:
    """None where the bytes are no header."""
    if len(data) < HEADER_SIZE:
        return None
    magic, version, _size, _flags, first, synced, created = _HEADER.unpack_from(data)
    if magic != MAGIC or _CRC.unpack_from(data, _HEADER.size)[0] != zlib.crc32(data[: _HEADER.size]):
        return None
    return Header(version, first, synced, created)


def pack_record(seq: int, kind: int, version: int, payload: bytes) -> bytes:
    checked = _BODY.pack(len(payload), seq, kind, version, 0) + payload
    return _FRONT.pack(MARKER, zlib.crc32(checked)) + checked


def payload_size(data: bytes, offset: int) -> int | None:
    """The length that a record's head claims; None where there is no such head, or no possible length."""
    if not data.startswith(MARKER, offset) or len(data) - offset < RECORD_HEAD:
        return None
    size = _BODY.unpack_from(data, offset + _FRONT.size)[0]
    return size if size <= MAX_PAYLOAD else None


def read_record(data: bytes, offset: int) -> Record | None:
    """The whole and unharmed record at `offset`, else None."""
    start = offset + RECORD_HEAD
    if len(data) < start:
        return None
    marker, crc, size, seq, kind, version, _flags = _HEAD.unpack_from(data, offset)
    end = start + size
    if marker != MARKER or size > MAX_PAYLOAD or end > len(data) or crc != zlib.crc32(data[offset + _FRONT_SIZE : end]):
        return None
    return Record(seq, kind, version, data[start:end], RECORD_HEAD + size)


def read_records(data: bytes, offset: int, seq: int, most: int) -> list[Record]:
    """The whole and unharmed records that stand at `offset` one behind the other and are numbered from `seq` on, at most so many."""
    found: list[Record] = []
    while len(found) < most and (record := read_record(data, offset)) is not None and record.seq == seq:
        found.append(record)
        offset += record.size
        seq += 1
    return found


def size_of(records: Iterable[Record]) -> int:
    """Bytes of them all in the file."""
    return sum(map(_SIZE, records))


def salvage(data: bytes, offset: int) -> Iterator[Record]:
    """Every unharmed record from `offset` on, also behind bytes that are none. Bytes that were made to look like heads of long records are
    given up on before they cost much."""
    budget = 8 * len(data) + MAX_PAYLOAD
    while budget > 0 and (offset := data.find(MARKER, offset)) >= 0:
        record = read_record(data, offset)
        if record is None:
            budget -= payload_size(data, offset) or 0
            offset += 1
        else:
            offset += record.size
            yield record
