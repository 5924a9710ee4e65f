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
    steps = _of_zstd(data) if encoding == b"zstd" else _of_zlib(data, encoding)
    try:
        for piece in steps:
            size += len(piece)
            if size > most:
                raise InflatedTooLong(most)
            pieces.append(piece)
    except (zlib.error, zstd.ZstdError):
        raise InflateError("the body is not of its encoding") from None
    return b"".join(pieces)


def _of_zlib(data: bytes, encoding: bytes) -> Generator[bytes]:
    window = _FORMATS[encoding]
    if encoding == b"deflate" and not _is_zlib(data):
        window = -15  # what some clients call deflate has no head
    machine = zlib.decompressobj(window)
    rest = data
    while not machine.eof:
        piece = machine.decompress(rest, STEP)
        rest = machine.unconsumed_tail
        if not piece and not rest and not machine.eof:
            raise InflateError("the compressed body ends too early")
        yield piece
    if machine.unused_data or rest:
        raise InflateError("something follows the compressed body")


def _of_zstd(data: bytes) -> Generator[bytes]:
    machine = zstd.ZstdDecompressor(options=_ZSTD_WINDOW)
    rest = data
    while not machine.eof:
        if not rest and machine.needs_input:
            raise InflateError("the compressed body ends too early")
        yield machine.decompress(rest, STEP)
        rest = b""
    if machine.unused_data:
        raise InflateError("something follows the compressed body")


def _is_zlib(data: bytes) -> bool:
    return len(data) >= 2 and data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
