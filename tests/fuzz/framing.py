"""What is fuzzed of `wire`, of the HTTP server's connection and of the spool: any split of the same bytes gives the same, only their own
errors are raised, and what comes out is what a slow reader of the same rules finds. Each takes bytes, and raises `AssertionError`."""

import asyncio
import contextlib
import json
import random
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from tidegate.adapters.server_hub import Hub, Times
from tidegate.adapters.server_protocol import Protocol
from tidegate.adapters.server_request import Request
from tidegate.adapters.spool import format as form
from tidegate.adapters.spool.files import Files
from tidegate.adapters.spool.reader import SegmentReader
from tidegate.wire.eventstream import EventStreamParser
from tidegate.wire.eventstream_invoke import InvokeParser
from tidegate.wire.frame import FrameError, Framer
from tidegate.wire.inflate import ENCODINGS, InflatedTooLong, InflateError, inflate
from tidegate.wire.json_array import JsonArrayParser
from tidegate.wire.multipart import FormError, FormReader, boundary_of
from tidegate.wire.splice import JsonError, read, scan, splice
from tidegate.wire.sse import SseParser

LIMIT = 1 << 20
BOUNDARY = b"b0"


def pieces(data: bytes) -> list[bytes]:
    """The bytes in pieces that depend on nothing but them."""
    drawn = random.Random(zlib.crc32(data))
    most, at, found = drawn.choice((1, 2, 7, 100)), 0, list[bytes]()
    while at < len(data):
        size = drawn.randint(1, most)
        found.append(data[at : at + size])
        at += size
    return found


Told = tuple[list[tuple[str, bytes]], bytes, bool]


def framed(framer: Framer, chunks: list[bytes]) -> Told:
    """(events with data, all raw bytes, whether it broke)."""
    frames, broke = [], False
    try:
        for chunk in chunks:
            frames += framer.feed(chunk)
        frames += framer.end()
    except FrameError:
        broke = True
    return [(frame.event, frame.data) for frame in frames if frame.data is not None], b"".join(frame.raw for frame in frames), broke


def in_any_pieces(make: Callable[[], Framer], data: bytes) -> Told:
    whole = framed(make(), [data])
    assert framed(make(), pieces(data)) == whole
    assert data.startswith(whole[1])
    assert whole[2] or whole[1] == data
    return whole


def sse(data: bytes) -> None:
    events, _, _ = in_any_pieces(lambda: SseParser(LIMIT), data)
    name, texts, expected = "", list[bytes](), list[tuple[str, bytes]]()
    for line in [*re.split(rb"\r\n|\n|\r", data.removeprefix(b"\xef\xbb\xbf")), b""]:
        field, _, value = line.partition(b":")
        if not line:
            expected += [(name, b"\n".join(texts))] if texts else []
            name, texts = "", []
        elif field == b"data":
            texts.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ").decode("utf-8", "replace")
    assert events == expected


def event_stream(data: bytes) -> None:
    events, raw, _ = in_any_pieces(lambda: EventStreamParser(LIMIT), data)
    at = 0
    for _ in range(raw.count(b"")):
        if at == len(raw):
            break
        total, size, crc = struct.unpack_from(">III", raw, at)
        assert zlib.crc32(raw[at : at + 8]) == crc
        assert zlib.crc32(raw[at : at + total - 4]) == struct.unpack_from(">I", raw, at + total - 4)[0]
        assert 16 + size <= total <= LIMIT
        at += total
    assert at == len(raw)
    assert len(events) <= len(raw) // 16


def invoke(data: bytes) -> None:
    in_any_pieces(lambda: InvokeParser(LIMIT), data)


def json_array(data: bytes) -> None:
    events, _, broke = in_any_pieces(lambda: JsonArrayParser(LIMIT), data)
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(data)
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            assert not broke
            assert [json.loads(text) for _, text in events] == value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise KeyError
    return found


def _no_constant(_text: str) -> None:
    raise ValueError


def top_level(data: bytes) -> None:
    """Differential with Python's own reader."""
    try:
        fields = scan(data)
    except JsonError:
        return
    value = json.loads(data, parse_constant=_no_constant, parse_float=str, parse_int=str)
    assert list(value) == list(fields.raw)
    for name, span in fields.spans.items():
        assert json.loads(fields.body[span.value : span.end], parse_float=str, parse_int=str) == value[name]
        assert fields.get(name) == data[span.value : span.end]
    names = list(value)[:1]
    changed = splice(fields, {"model": b'"m"', "new": b"1"}, drop=names)
    expected = {name: item for name, item in value.items() if name not in names} | {"model": "m", "new": "1"}
    assert json.loads(changed, parse_float=str, parse_int=str) == expected
    scan(changed)


def nested(data: bytes) -> None:
    try:
        scan(data)
        read(data)
    except JsonError:
        return
    # The checker lets a repeated name pass only beside a number that it writes in another way.
    if not re.search(rb"[0-9][.eE]", data):
        json.loads(data, object_pairs_hook=_pairs, parse_int=str)


def form_of(chunks: list[bytes]) -> list[tuple[Any, ...]] | str:
    reader = FormReader(BOUNDARY)
    try:
        for chunk in chunks:
            reader.feed(chunk)
        return [(part.name, part.filename, part.content_type, part.start, part.end, part.value) for part in reader.end()]
    except FormError as error:
        return str(error)


def multipart(data: bytes) -> None:
    found = form_of([data])
    in_pieces = form_of(pieces(data))
    if isinstance(found, str):
        assert isinstance(in_pieces, str)
        return
    assert in_pieces == found
    assert data.startswith(b"--" + BOUNDARY)
    values = [part.partition(b"\r\n\r\n")[2] for part in (b"\r\n" + data).split(b"\r\n--" + BOUNDARY)[1 : len(found) + 1]]
    assert [data[part[3] : part[4]] for part in found] == values
    assert all(part[1] is not None or part[5] == data[part[3] : part[4]] for part in found)


def boundary(data: bytes) -> None:
    with contextlib.suppress(FormError):
        assert 1 <= len(boundary_of(data.decode("latin-1"))) <= 70


def compressed(data: bytes) -> None:
    for encoding in ENCODINGS:
        with contextlib.suppress(InflateError, InflatedTooLong):
            assert len(inflate(data, encoding, LIMIT)) <= LIMIT


class _Loop:
    """As much of a loop as a connection needs that waits for nothing."""

    def time(self) -> float:
        return 0.0


class _Transport:
    """What is written to it is kept; `is_over` once it is closed, in whatever way."""

    def __init__(self) -> None:
        self.is_over = False
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.is_over = True

    abort = write_eof = close

    def is_closing(self) -> bool:
        return self.is_over

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int) -> None:
        """Nothing waits here."""

    def pause_reading(self) -> None:
        """All comes at once here."""

    resume_reading = pause_reading


class _Hub:
    """Answers each request once it is whole, and keeps what it said."""

    def __init__(self) -> None:
        self.loop = _Loop()
        self.times = Times()
        self.connections: set[Any] = set()
        self.is_closing = False
        self.running: list[Request] = []

    def call(self, request: Request, _connection: Any) -> None:
        self.running.append(request)

    def watch(self, _due: float) -> None:
        """No time passes."""

    def answer(self) -> list[tuple[Any, ...]]:
        """What was asked since the last time."""
        found: list[tuple[Any, ...]] = []
        while self.running and self.running[0].is_whole:
            request = self.running.pop(0)
            body = b""
            try:
                request.body(LIMIT).send(None)
            except StopIteration as given:
                body = given.value
            found.append((request.method, request.path, request.query, request.headers, body))
            request.whole(200, [], b"")
        if self.running and self.running[0].is_broken:
            self.running.pop(0).whole(400, [], b"")  # as a call does whose body breaks off
        return found


def served(chunks: list[bytes]) -> tuple[list[tuple[Any, ...]], bool]:
    hub, transport = _Hub(), _Transport()
    protocol = Protocol(cast("Hub", hub))
    protocol.connection_made(cast("asyncio.Transport", transport))
    found: list[tuple[Any, ...]] = []
    for chunk in chunks:
        if transport.is_over:
            break
        protocol.data_received(chunk)
        found += hub.answer()
    return found, transport.is_over


def head(data: bytes) -> None:
    """Of requests: the connection of clients. Long ones are cut by what has come, so only short ones are the same in any pieces; where the
    connection ends, what was sent early and not begun ends with it."""
    found, is_over = served([data])
    if len(data) < 8 << 10:
        in_pieces, ends = served(pieces(data))
        assert ends == is_over
        assert in_pieces[: len(found)] == found
        assert is_over or in_pieces == found


class _Memory(Files):
    """A file that is not on a disk."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open_reading(self, path: Path) -> int:
        return 0

    def close(self, fd: int) -> None:
        """Nothing was opened."""

    def read(self, fd: int, size: int, offset: int) -> bytes:
        return self._data[offset : offset + size]

    def size(self, fd: int) -> int:
        return len(self._data)


def segment(data: bytes) -> None:
    """Of the spool: its header is put before what came where it has none, so that records are reached."""
    if form.read_header(data) is None:
        data = form.pack_header(1, 0, 0) + data
    reader = SegmentReader(_Memory(data), Path("1.seg"))
    at, seq = form.HEADER_SIZE, reader.first
    while found := reader.records(1):
        (record,) = found
        size, number, kind, version = struct.unpack_from("<IQBB", data, at + 8)
        assert (data[at : at + 4], number) == (form.MARKER, seq)
        assert zlib.crc32(data[at + 8 : at + 24 + size]) == struct.unpack_from("<I", data, at + 4)[0]
        assert record == form.Record(number, kind, version, data[at + 24 : at + 24 + size], 24 + size)
        at, seq = at + 24 + size, number + 1
    assert len(list(form.salvage(data, 0))) <= len(data)
