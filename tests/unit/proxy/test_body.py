import gzip
import random

import pytest
from tests.support.client import MemoryClient

from tidegate.ir.errors import GatewayError
from tidegate.ports import BodyTooLong, BrokenBody, SlowBody
from tidegate.proxy.body import received, scanned


def posting(body: bytes | Exception, **headers: str) -> MemoryClient:
    return MemoryClient("POST", "/", headers, body)


async def test_a_body_within_the_cap() -> None:
    assert await received(posting(b"abc"), {}, 3) == b"abc"
    assert await received(posting(b""), {}, 0) == b""


@pytest.mark.parametrize(
    ("raised", "status", "words"),
    [(BodyTooLong(), 413, "body_limit"), (SlowBody(), 408, "in time"), (BrokenBody(), 400, "chunks")],
)
async def test_what_can_go_wrong_with_a_body(raised: Exception, status: int, words: str) -> None:
    with pytest.raises(GatewayError, match=words) as refused:
        await received(posting(raised), {}, 10)
    assert refused.value.error.http_status == status


@pytest.mark.parametrize("size", [50, 100_000])
async def test_compressed_bodies_are_inflated_under_the_same_limit(size: int) -> None:
    body = random.Random(1).randbytes(size)
    assert await received(posting(gzip.compress(body)), {b"content-encoding": b"GZIP"}, 2 * size) == body


async def test_a_bomb_is_too_large() -> None:
    with pytest.raises(GatewayError, match="100 times as large") as raised:
        await received(posting(gzip.compress(bytes(20 << 20))), {b"content-encoding": b"gzip"}, 32 << 20)
    assert raised.value.error.http_status == 413


async def test_what_is_not_of_its_encoding_is_no_body() -> None:
    with pytest.raises(GatewayError, match="not of its encoding") as raised:
        await received(posting(b"{}"), {b"content-encoding": b"gzip"}, 10)
    assert raised.value.error.http_status == 400


async def test_other_encodings_are_refused() -> None:
    with pytest.raises(GatewayError) as raised:
        await received(posting(b"x"), {b"content-encoding": b"br"}, 10)
    assert raised.value.error.http_status == 415
    assert await received(posting(b"x"), {b"content-encoding": b"identity"}, 10) == b"x"


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b"{", "invalid_json", "byte 1"),
        (b'{"a": "\xff"}', "invalid_json", "byte 7"),
        (b'{"a":1,"a":2}', "duplicate_field", "'a'"),
        (b"[1]", "invalid_json", "object"),
    ],
)
def test_what_cannot_be_scanned_says_where(body: bytes, code: str, words: str) -> None:
    with pytest.raises(GatewayError) as raised:
        scanned(body)
    error = raised.value.error
    assert (error.http_status, error.code) == (400, code)
    assert words in error.message
    assert error.message.count("byte") <= 1
