"""AWS event streams, incrementally: frames with typed headers, guarded by two CRCs.

A frame is its length, the length of its headers, the CRC of these two, the headers, the payload, and the CRC of everything before it
(https://smithy.io/2.0/aws/amazon-eventstream.html). The event of a `Frame` is its `:event-type`; that of an exception is `EXCEPTION` and
its `:exception-type`, with the payload as its data; that of an error without a model, which is told by headers alone, is `EXCEPTION` and
its code.
"""

import struct
import zlib

import msgspec

from tidegate.wire.frame import Frame, FrameError, FrameTooLong

EXCEPTION = "exception:"
"""Before the type of an exception, so that it is never taken for an event."""
LIMIT = 16 << 20
"""Bytes of one frame."""

Header = bool | int | str | bytes
"""Timestamps are milliseconds since 1970, UUIDs their 16 bytes."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LEAST = 16
_SHORT = struct.Struct(">H")
_INTEGERS = {2: struct.Struct(">b"), 3: struct.Struct(">h"), 4: struct.Struct(">i"), 5: struct.Struct(">q"), 8: struct.Struct(">q")}
_MANY = 64
_STRING = 7


class EventStreamParser:
    """A `Framer`. Frames that are whole before a broken one are given out; what is broken is raised by the call after that."""

    __slots__ = ("_broken", "_limit", "_names", "_need", "_pieces", "_size")

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._need = _PRELUDE.size
        self._broken: FrameError | None = None
        # The same few headers come with every frame of a stream.
        self._names: dict[bytes, tuple[str, bytes | None]] = {}

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that are complete with this chunk. Raises `FrameError` for what is no event stream, and `FrameTooLong`."""
        if self._broken is not None:
            raise self._broken
        self._pieces.append(chunk)
        self._size += len(chunk)
        if self._size < self._need:
            return []
        buffer = b"".join(self._pieces) if len(self._pieces) > 1 else chunk
        frames: list[Frame] = []
        at, end = 0, len(buffer)
        need = _PRELUDE.size
        try:
            while end - at >= _PRELUDE.size:
                need = self._length(buffer, at)
                if end - at < need:
                    break
                frames.append(self._frame(buffer[at : at + need]))
                at += need
                need = _PRELUDE.size
        except FrameError as broken:
            self._broken = broken
            if not frames:
                raise
        rest = buffer[at:] if at else buffer
        self._pieces, self._size, self._need = [rest], len(rest), need
        return frames

    def end(self) -> list[Frame]:
        """Nothing is left of a whole stream. Raises `FrameError` where it ends within a frame."""
        if self._broken is not None:
            raise self._broken
        if self._size:
            raise FrameError("the stream ends within a frame")
        return []

    def _length(self, buffer: bytes, at: int) -> int:
        total, headers, crc = _PRELUDE.unpack_from(buffer, at)
        if zlib.crc32(buffer[at : at + 8]) != crc:
            raise FrameError("the checksum of a frame's prelude is wrong")
        if total > self._limit:
            raise FrameTooLong(f"one frame is longer than {self._limit} bytes")
        if total < _LEAST or headers > total - _LEAST:
            raise FrameError("the lengths in a frame's prelude are impossible")
        return total

    def _frame(self, raw: bytes) -> Frame:
        if zlib.crc32(memoryview(raw)[:-4]) != _CRC.unpack_from(raw, len(raw) - 4)[0]:
            raise FrameError("the checksum of a frame is wrong")
        start = _PRELUDE.size + int.from_bytes(raw[4:8])
        known = raw[_PRELUDE.size : start]
        found = self._names.get(known)
        if found is None:
            found = _named(decode_headers(known))
            if len(self._names) < _MANY:
                self._names[known] = found
        event, told = found
        payload = told if told is not None else raw[start:-4]
        return Frame(event, payload or None, raw)


def _named(headers: dict[str, Header]) -> tuple[str, bytes | None]:
    """The event that headers name, and the data where they tell that too."""
    match headers.get(":message-type", "event"):
        case "exception":
            return f"{EXCEPTION}{headers.get(':exception-type', '')}", None
        case "error":
            told = {"message": str(headers.get(":error-message", ""))}
            return f"{EXCEPTION}{headers.get(':error-code', '')}", msgspec.json.encode(told)
        case _:
            return str(headers.get(":event-type", "")), None


def decode_headers(raw: bytes) -> dict[str, Header]:
    """The headers of a frame by name. Raises `FrameError`."""
    headers: dict[str, Header] = {}
    at = 0
    try:
        while at < len(raw):
            name_end = at + 1 + raw[at]
            name = raw[at + 1 : name_end].decode()
            headers[name], at = _value(raw, name_end)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise FrameError("the headers of a frame cannot be read") from None
    return headers


def _value(raw: bytes, at: int) -> tuple[Header, int]:
    kind = raw[at]
    at += 1
    if kind in (0, 1):
        return kind == 0, at
    integer = _INTEGERS.get(kind)
    if integer is not None:
        return integer.unpack_from(raw, at)[0], at + integer.size
    if kind in (6, _STRING):
        length = _SHORT.unpack_from(raw, at)[0]
        at += _SHORT.size
    elif kind == 9:
        length = 16
    else:
        raise FrameError(f"a frame has a header of the unknown type {kind}")
    value = raw[at : at + length]
    if len(value) != length:
        raise FrameError("the headers of a frame cannot be read")
    return value.decode() if kind == _STRING else value, at + length


def frame(data: bytes, event: str) -> bytes:
    """One frame on the wire, with JSON in it: an exception where `event` begins with `EXCEPTION`."""
    if event.startswith(EXCEPTION):
        headers = {":exception-type": event.removeprefix(EXCEPTION), ":content-type": "application/json", ":message-type": "exception"}
    else:
        headers = {":event-type": event, ":content-type": "application/json", ":message-type": "event"}
    return encode(headers, data)


def encode(headers: dict[str, str], payload: bytes) -> bytes:
    """A frame with any headers that are strings."""
    coded = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    prelude = struct.pack(">II", _LEAST + len(coded) + len(payload), len(coded))
    message = b"".join((prelude, _CRC.pack(zlib.crc32(prelude)), coded, payload))
    return message + _CRC.pack(zlib.crc32(message))


def _header(name: bytes, value: bytes) -> bytes:
    return b"".join((bytes((len(name),)), name, bytes((_STRING,)), _SHORT.pack(len(value)), value))
