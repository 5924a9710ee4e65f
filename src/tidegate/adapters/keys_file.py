"""What is known of the database's keys, kept in a file for a start while the database is away: digests and rules, no tokens."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from tidegate.adapters.mac_file import MacFile, is_fresh
from tidegate.policy.directory import Delta, Directory, Listed, Owner

NAME = "keys.snapshot"
"""Under `TIDEGATE_HOME`."""
_VERSION = 1
_SLICE = 500


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
        self._file = MacFile(home / NAME, pepper, b"tidegate keys snapshot")

    async def save(self, directory: Directory) -> None:
        """Encoded in slices, so that others may run, and written by a thread. Raises `OSError`."""
        generation, keys, off = directory.everything()
        parts = [_framed(_ENCODE(_Head(_VERSION, time.time(), generation, list(off))))]
        for some in _sliced([listed for _, listed in keys]):
            parts.append(_framed(_ENCODE(some)))
            await asyncio.sleep(0)
        await asyncio.to_thread(self._file.write, b"".join(parts))

    def load(self) -> Delta | None:
        """What was kept; None where there is nothing that counts."""
        body = self._file.read()
        if body is None:
            return None
        frames = _frames(body)
        try:
            head = _HEAD.decode(next(frames))
            if head.version != _VERSION or not is_fresh(head.at):
                return None
            keys = {listed.key.id: listed for frame in frames for listed in _KEYS.decode(frame)}
        except (msgspec.DecodeError, StopIteration):
            return None
        return Delta(generation=head.generation, keys=keys, off=frozenset(head.off), whole=True)


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
