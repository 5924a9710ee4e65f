"""What is known of the database's keys, kept in a file for a start while the database is away: digests and rules, no tokens.

The file is written whole and put in place at once, with mode 0600. A MAC under the pepper says that it is ours and unharmed; one that is
not, or is too old, is no file.
"""

import asyncio
import hmac
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tidegate.policy.directory import Delta, Directory, Listed, Owner

NAME = "keys.snapshot"
"""Under `TIDEGATE_HOME`."""
MOST_AGE = 86_400.0
"""Seconds that what was kept counts."""
_VERSION = 1
_SLICE = 500
_PURPOSE = b"tidegate keys snapshot"


class _Head(msgspec.Struct, frozen=True, array_like=True):
    version: int
    at: float
    generation: int
    off: list[Owner]


_ENCODE = msgspec.msgpack.Encoder().encode
_HEAD = msgspec.msgpack.Decoder(_Head)
_KEYS = msgspec.msgpack.Decoder(list[Listed])


class KeysFile:
    """One writer. `pepper` makes the MAC's key."""

    def __init__(self, home: Path, pepper: bytes) -> None:
        self._path = home / NAME
        self._secret = hmac.digest(pepper, _PURPOSE, "sha256")

    async def save(self, directory: Directory) -> None:
        """Encoded in slices, so that others may run, and written by a thread. Raises `OSError`."""
        generation, keys, off = directory.everything()
        parts = [_framed(_ENCODE(_Head(_VERSION, time.time(), generation, list(off))))]
        for some in _sliced([listed for _, listed in keys]):
            parts.append(_framed(_ENCODE(some)))
            await asyncio.sleep(0)
        await asyncio.to_thread(self._write, b"".join(parts))

    def load(self) -> Delta | None:
        """What was kept; None where there is nothing that counts."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return None
        mac, body = data[:32], data[32:]
        if not hmac.compare_digest(mac, hmac.digest(self._secret, body, "sha256")):
            return None
        frames = _frames(body)
        try:
            head = _HEAD.decode(next(frames))
            if head.version != _VERSION or not 0 <= time.time() - head.at < MOST_AGE:
                return None
            keys = {listed.key.id: listed for frame in frames for listed in _KEYS.decode(frame)}
        except (msgspec.DecodeError, StopIteration):
            return None
        return Delta(generation=head.generation, keys=keys, off=frozenset(head.off), whole=True)

    def _write(self, body: bytes) -> None:
        temporary = self._path.with_name(f".{NAME}.{os.getpid()}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(hmac.digest(self._secret, body, "sha256") + body)
            file.flush()
            os.fsync(fd)
        temporary.replace(self._path)


def _sliced(found: list[Listed]) -> Iterable[list[Listed]]:
    return (found[start : start + _SLICE] for start in range(0, len(found), _SLICE))


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + data


def _frames(body: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(body):
        size = int.from_bytes(body[start : start + 4], "little")
        yield body[start + 4 : start + 4 + size]
        start += 4 + size
