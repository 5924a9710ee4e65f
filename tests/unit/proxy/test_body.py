from typing import Any

import pytest

from tidegate.ir.errors import GatewayError
from tidegate.proxy.body import ClientGone, received, scanned


def receiving(*pieces: bytes, gone: bool = False) -> Any:
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if gone:
        messages.append({"type": "http.disconnect"})
    else:
        messages[-1]["more_body"] = False
    line = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(line)

    return receive


async def test_pieces_are_put_together() -> None:
    assert await received(receiving(b"abc"), {}, 10) == b"abc"
    assert await received(receiving(b"abc", b"", b"def"), {b"content-length": b"6"}, 6) == b"abcdef"
    assert await received(receiving(b""), {}, 10) == b""


async def test_a_client_that_leaves() -> None:
    for pieces in ((), (b"abc",)):
        with pytest.raises(ClientGone):
            await received(receiving(*pieces, gone=True), {}, 10)


@pytest.mark.parametrize("pieces", [(b"x" * 11,), (b"x" * 6, b"x" * 5)])
async def test_the_cap_holds_also_where_no_length_is_told(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(GatewayError, match="body_limit") as raised:
        await received(receiving(*pieces), {}, 10)
    assert raised.value.error.http_status == 413


async def test_a_told_length_over_the_cap_is_refused_without_reading() -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("it was read")

    with pytest.raises(GatewayError):
        await received(receive, {b"content-length": b"11"}, 10)


async def test_compressed_bodies_are_refused() -> None:
    with pytest.raises(GatewayError) as raised:
        await received(receiving(b"x"), {b"content-encoding": b"GZIP"}, 10)
    assert raised.value.error.http_status == 415
    assert await received(receiving(b"x"), {b"content-encoding": b"identity"}, 10) == b"x"


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
