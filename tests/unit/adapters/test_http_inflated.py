"""Compressed answers in memory: cut anywhere, read in each of the three ways, cut off, and bombs."""

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable, Mapping

import pytest
from tests.unit.adapters.values import pieces_of

from tidegate.adapters.http_inflated import inflated
from tidegate.ports import UpstreamFailure
from tidegate.wire.inflate import STEP, zstd

PLAIN = b"".join(b'data: {"n":%d}\n\n' % n for n in range(30_000))
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "X-GZIP ": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
}


class Answer:
    """Gives pieces, `size` bytes each."""

    def __init__(self, body: bytes, encoding: str, size: int) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {
            "content-type": "text/event-stream",
            "content-length": str(len(body)),
            "content-encoding": encoding,
        }
        self._pieces = [body[at : at + size] for at in range(0, len(body), size)]
        self.calls: list[str] = []

    async def read(self, limit: int) -> bytes:
        return b"".join(self._pieces)[:limit]

    async def piece(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def pump(self, give: Callable[[bytes], bool]) -> bool:
        while self._pieces:
            if not give(self._pieces.pop(0)):
                return False
        return True

    def flows(self) -> None:
        self.calls.append("flows")

    def close(self) -> None:
        self.calls.append("close")


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
@pytest.mark.parametrize("encoding", COMPRESS)
async def test_an_answer_is_what_it_was_however_it_is_read(encoding: str, size: int) -> None:
    body = COMPRESS[encoding](PLAIN)
    assert await inflated(Answer(body, encoding, size)).read(len(PLAIN)) == PLAIN
    pieces = [piece async for piece in pieces_of(inflated(Answer(body, encoding, size)))]
    assert b"".join(pieces) == PLAIN
    assert max(map(len, pieces)) <= STEP
    got: list[bytes] = []

    def give(data: bytes) -> bool:
        got.append(data)
        return len(got) % 3 != 0

    answer = inflated(Answer(body, encoding, size))
    while not await answer.pump(give):
        pass
    assert b"".join(got) == PLAIN


@pytest.mark.parametrize("body", [gzip.compress(PLAIN)[:-9], gzip.compress(PLAIN) + b"x", b"{}"])
async def test_a_broken_body_fails_in_each_way(body: bytes) -> None:
    with pytest.raises(UpstreamFailure):
        await inflated(Answer(body, "gzip", 1000)).read(1 << 20)
    with pytest.raises(UpstreamFailure):
        await inflated(Answer(body, "gzip", 1000)).pump(lambda _data: True)


async def test_limits() -> None:
    with pytest.raises(UpstreamFailure, match="longer than 100 bytes"):
        await inflated(Answer(gzip.compress(PLAIN), "gzip", 1000)).read(100)
    with pytest.raises(UpstreamFailure, match="1000 times"):
        await inflated(Answer(zlib.compress(bytes(20 << 20)), "deflate", 1000)).pump(lambda _data: True)
    assert await inflated(Answer(b"", "gzip", 1)).read(1) == b""


async def test_no_more_is_made_than_is_taken() -> None:
    noise = random.Random(1).randbytes(40 << 10)
    body = zstd.compress(noise + bytes(32 << 20))
    stopped, read = inflated(Answer(body, "zstd", 1 << 20)), inflated(Answer(body, "zstd", 1 << 20))
    tracemalloc.start()
    try:
        assert not await stopped.pump(lambda _data: False)
        with pytest.raises(UpstreamFailure, match="longer than"):
            await read.read(1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


async def test_other_encodings_stay_as_they_are() -> None:
    for encoding in ("br", "identity", "gzip, gzip", ""):
        answer = Answer(b"abc", encoding, 2)
        assert inflated(answer) is answer


async def test_what_stands_beside_the_body() -> None:
    inner = Answer(gzip.compress(b"a"), "gzip", 1)
    answer = inflated(inner)
    assert (answer.status, dict(answer.headers)) == (200, {"content-type": "text/event-stream"})
    answer.flows()
    answer.close()
    assert inner.calls == ["flows", "close"]
