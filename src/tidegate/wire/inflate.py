"""Bodies that come compressed, in steps and under a cap: how large they become, nobody knows before."""

import sys
import zlib
from collections.abc import Generator
from typing import Final

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STEP: Final = 64 << 10
"""Bytes that are made at once."""
MOST_TIMES: Final = 100
"""How many times its size a body may become, past the first step."""
_FORMATS: Final = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
"""As zlib knows them: a window of 32 KiB with gzip's, or zlib's own, head."""
ENCODINGS: Final = frozenset((*_FORMATS, b"zstd"))
_ZSTD_WINDOW: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: 23}
"""8 MiB, which all that send zstd over HTTP keep to (RFC 9659): a frame may ask for 2 GiB."""


class InflateError(ValueError):
    """These bytes are not of their encoding, or end too early, or something follows their end."""


class InflatedTooLong(ValueError):
    """They become more than they may. `limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


def inflate(data: bytes, encoding: bytes, limit: int) -> bytes:
    """`data` as it was before it was compressed, with at most `limit` bytes. Raises `InflateError`, and `InflatedTooLong` as soon as there
    are more, or more than `MOST_TIMES` as many as were sent."""
    most = min(limit, max(STEP, MOST_TIMES * len(data)))
    pieces: list[bytes] = []
    size = 0
    inflater = Inflater(encoding)
    for piece in inflater.feed(data):
        size += len(piece)
        if size > most:
            raise InflatedTooLong(most)
        pieces.append(piece)
    inflater.end()
    return b"".join(pieces)


class Inflater:
    """A body that comes piece by piece. `encoding` is one of `ENCODINGS`."""

    __slots__ = ("_encoding", "_head", "_machine")

    def __init__(self, encoding: bytes) -> None:
        self._encoding = encoding
        self._head = b""
        self._machine: _Zlib | _Zstd | None = None

    def feed(self, data: bytes) -> Generator[bytes]:
        """What has become of the body with `data`, in steps of at most `STEP` bytes. Raises `InflateError`."""
        data, self._head = self._head + data, b""
        if self._machine is None:
            if self._encoding == b"deflate" and len(data) < 2:
                self._head = data
                return
            self._machine = _Zstd() if self._encoding == b"zstd" else _Zlib(_window(self._encoding, data))
        try:
            yield from self._machine.feed(data)
        except (zlib.error, zstd.ZstdError):
            raise InflateError("the body is not of its encoding") from None

    def end(self) -> None:
        """Nothing more comes. Raises `InflateError` where something is missing."""
        if self._machine is None or not self._machine.eof:
            raise InflateError("the compressed body ends too early")


def _window(encoding: bytes, data: bytes) -> int:
    if encoding == b"deflate" and not (data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0):
        return -15  # what some clients call deflate has no head
    return _FORMATS[encoding]


class _Zlib:
    __slots__ = ("_machine",)

    def __init__(self, window: int) -> None:
        self._machine = zlib.decompressobj(window)

    @property
    def eof(self) -> bool:
        return self._machine.eof

    def feed(self, data: bytes) -> Generator[bytes]:
        machine, rest = self._machine, data
        while not machine.eof:
            piece = machine.decompress(rest, STEP)
            rest = machine.unconsumed_tail
            if piece:
                yield piece
            if not rest and len(piece) < STEP:
                break
        if machine.eof and (machine.unused_data or rest):
            raise InflateError("something follows the compressed body")


class _Zstd:
    __slots__ = ("_machine",)

    def __init__(self) -> None:
        self._machine = zstd.ZstdDecompressor(options=_ZSTD_WINDOW)

    @property
    def eof(self) -> bool:
        return self._machine.eof

    def feed(self, data: bytes) -> Generator[bytes]:
        machine, rest = self._machine, data
        while not machine.eof:
            piece = machine.decompress(rest, STEP)
            rest = b""
            if piece:
                yield piece
            if machine.needs_input:
                break
        if machine.eof and (machine.unused_data or rest):
            raise InflateError("something follows the compressed body")
