"""A body that is sent as it comes, against a socket."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from tests.unit.adapters.test_http import config, serving

from tidegate.policy.snapshot import Timeouts
from tidegate.ports import UpstreamFailure

MANY = (b"x" * 50_000,) * 100


class Pieces:
    """The port `Upload`. `taken` counts what was asked for."""

    def __init__(self, *pieces: bytes | Exception, length: int | None = None) -> None:
        self.length = length
        self.taken = 0
        self._pieces = pieces

    async def pieces(self) -> AsyncGenerator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            self.taken += 1
            yield piece


async def nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


async def test_a_body_of_known_length_goes_out_whole_and_the_connection_is_kept() -> None:
    async with serving(nothing) as (server, upstream):
        answer = await upstream.open(config(), server.url, {"x": "100%"}, Pieces(*MANY, length=5_000_000), stream=False)
        assert (answer.status, await answer.read(1)) == (200, b"")
        answer.close()
        answer = await upstream.open(config(), server.url, {}, b"", stream=False)
        assert answer.status == 200
        assert server.connections == 1
    assert b"content-length: 5000000" in server.heads[0]
    assert b"x: 100%" in server.heads[0]


async def test_a_body_of_unknown_length_is_chunked() -> None:
    got: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"0\r\n\r\n"))
        await nothing(reader, writer)

    async with serving(take) as (server, upstream):
        answer = await upstream.open(config(), server.url, {"x": "100%"}, Pieces(b"abc", b"de"), stream=False)
        assert answer.status == 200
    assert got == [b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"]
    assert b"transfer-encoding: chunked" in server.heads[0]
    assert b"x: 100%" in server.heads[0]
    assert b"content-length" not in server.heads[0]


async def test_an_early_answer_ends_the_upload_and_its_connection() -> None:
    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")

    async with serving(refuse) as (server, upstream):
        body = Pieces(*MANY)
        answer = await upstream.open(config(), server.url, {}, body, stream=False)
        assert (answer.status, await answer.read(10)) == (413, b"no")
        answer.close()
        assert body.taken < len(MANY)
        await asyncio.wait_for(server.closed.wait(), 5)


async def test_a_provider_that_takes_nothing_is_silent() -> None:
    async def deaf(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(deaf) as (server, upstream):
        body = Pieces(*MANY * 10, length=50_000_000)
        patient = config(timeouts=Timeouts(connect=5, answer=0.2, idle=5))
        with pytest.raises(UpstreamFailure) as failed:
            # The first length is what this server reads by.
            await upstream.open(patient, server.url, {"content-length": "0"}, body, stream=False)
        assert failed.value.timeout


@pytest.mark.parametrize("body", [Pieces(b"abc", ValueError("the client left"), length=9), Pieces(b"abc", length=9)])
async def test_a_body_that_ends_early_ends_the_connection(body: Pieces) -> None:
    async with serving(nothing) as (server, upstream):
        with pytest.raises((ValueError, UpstreamFailure)):
            await upstream.open(config(), server.url, {}, body, stream=False)
        await asyncio.wait_for(server.closed.wait(), 5)
