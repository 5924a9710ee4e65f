"""The adapter against a socket that does what the test says, byte by byte."""

import asyncio
import gzip
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from tests.support.living import collecting_nothing, living
from tests.support.waiting import soon
from tests.unit.adapters.values import pieces_of

from tidegate.adapters import http, http_connection
from tidegate.adapters.http import HttpUpstream
from tidegate.adapters.http_connection import Connection
from tidegate.adapters.http_dial import Dialer
from tidegate.policy.snapshot import Timeouts, Upstream
from tidegate.ports import Unsent, UpstreamFailure
from tidegate.providers.spec import ProviderSpec

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SPEC = ProviderSpec(name="p", title="P", dialect="openai_chat", base_url="", auth="none")
QUICK = Timeouts(connect=5, answer=0.05, idle=0.05)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Server:
    """Counts connections, keeps the head of every request."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.heads: list[bytes] = []
        self.connections = 0
        self.closed = asyncio.Event()
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
                await reader.readexactly(int(length.partition(b":")[2]))
                await self._serve(reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.closed.set()
            writer.close()


@asynccontextmanager
async def serving(serve: Serve) -> AsyncGenerator[tuple[Server, HttpUpstream]]:
    server = Server(serve)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1/x"
    upstream = HttpUpstream()
    try:
        yield server, upstream
    finally:
        await upstream.aclose()
        listener.close()


def config(**changes: object) -> Upstream:
    return msgspec.structs.replace(Upstream(name="p", spec=SPEC, base_url="", auth="none"), **changes)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def hello(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-Odd: Yes\r\n\r\nhello")


async def test_a_whole_answer_and_the_connection_is_used_again() -> None:
    async with serving(hello) as (server, upstream):
        for _ in range(3):
            answer = await upstream.open(config(), server.url, {"authorization": "Bearer s", "user-agent": "t"}, b"body", stream=False)
            assert (answer.status, answer.headers["x-odd"]) == (201, "Yes")
            assert await answer.read(100) == b"hello"
            answer.close()
        assert server.connections == 1


async def test_nothing_is_sent_that_was_not_given() -> None:
    async with serving(hello) as (server, upstream):
        await (await upstream.open(config(), server.url + "?a=%2F&b", {"x-one": "1"}, b"body", stream=False)).read(100)
    lines = server.heads[0].decode().split("\r\n")
    assert lines[0] == "POST /v1/x?a=%2F&b HTTP/1.1"
    assert {line.partition(":")[0].lower() for line in lines[1:] if line} == {"host", "x-one", "content-length"}


async def test_redirects_are_answers_and_cookies_are_forgotten() -> None:
    async def redirect(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /other\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")

    async with serving(redirect) as (server, upstream):
        for _ in range(2):
            answer = await upstream.open(config(), server.url, {}, b"", stream=False)
            assert answer.status == 307
            await answer.read(10)
        assert len(server.heads) == 2
        assert b"cookie" not in server.heads[1].lower()


async def test_what_comes_compressed_though_it_was_not_asked_for_is_inflated() -> None:
    async def compressed(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = gzip.compress(b"hello")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async with serving(compressed) as (server, upstream):
        for _ in range(2):
            answer = await upstream.open(config(), server.url, {}, b"", stream=False)
            assert await answer.read(100) == b"hello"
            answer.close()
    assert server.connections == 1


async def test_an_answer_longer_than_the_limit() -> None:
    async def long(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"".join(chunk(b"x" * 1000) for _ in range(50)))
        await reader.read(1)

    async with serving(long) as (server, upstream):
        answer = await upstream.open(config(), server.url, {}, b"", stream=False)
        with pytest.raises(UpstreamFailure, match="longer than 10000 bytes"):
            await answer.read(10_000)
        answer.close()
        await asyncio.wait_for(server.closed.wait(), 5)


async def test_nobody_listens() -> None:
    async with serving(hello) as (server, upstream):
        pass
    upstream = HttpUpstream()
    with pytest.raises(UpstreamFailure) as failure:
        await upstream.open(config(), server.url, {}, b"", stream=True)
    await upstream.aclose()
    assert (failure.value.phase, failure.value.timeout) == ("connect", False)


async def test_who_is_cancelled_before_it_is_connected_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forever(*_: object) -> None:
        await asyncio.Event().wait()

    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(silent) as (server, upstream):
        sent = asyncio.ensure_future(upstream.open(config(), server.url, {}, b"x", stream=False))
        await soon(lambda: server.heads)
        sent.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await sent
        assert not isinstance(caught.value, Unsent)
        monkeypatch.setattr(Dialer, "dial", forever)

        async def opened() -> None:
            with pytest.raises(Unsent):
                await upstream.open(config(), server.url, {}, b"x", stream=False)

        calling = asyncio.create_task(opened())
        await asyncio.sleep(0)
        calling.cancel()
        await calling


async def test_a_name_that_does_not_exist() -> None:
    upstream = HttpUpstream()
    with pytest.raises(UpstreamFailure) as failure:
        await upstream.open(config(), "http://nobody.invalid/v1", {}, b"", stream=True)
    await upstream.aclose()
    assert failure.value.phase == "connect"


async def test_a_ca_file_that_is_gone(tmp_path: Path) -> None:
    upstream = HttpUpstream()
    with pytest.raises(UpstreamFailure, match="does not exist"):
        await upstream.open(config(ca_file=str(tmp_path / "none.pem")), "https://127.0.0.1:1/", {}, b"", stream=True)
    await upstream.aclose()


@pytest.mark.parametrize("stream", [True, False])
async def test_silence_before_the_head(stream: bool) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with serving(silent) as (server, upstream):
        with pytest.raises(UpstreamFailure, match=r"0\.05 s") as failure:
            await asyncio.wait_for(upstream.open(config(timeouts=QUICK), server.url, {}, b"", stream=stream), 5)
        assert (failure.value.phase, failure.value.timeout) == ("headers", True)
        await asyncio.wait_for(server.closed.wait(), 5)


async def test_silence_within_a_stream() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunk(b"one"))
        await reader.read(1)

    async with serving(silent) as (server, upstream):
        timeouts = Timeouts(connect=5, answer=30, idle=0.05)
        answer = await upstream.open(config(timeouts=timeouts), server.url, {}, b"", stream=True)
        pieces: list[bytes] = []
        with pytest.raises(UpstreamFailure, match=r"nothing came for 0\.05 s") as failure:
            async for piece in pieces_of(answer):
                pieces.append(piece)
        answer.close()
        assert (pieces, failure.value.phase, failure.value.timeout) == ([b"one"], "body", True)


async def test_a_stream_that_goes_on_and_on_ends_when_its_time_is_over() -> None:
    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while not writer.is_closing():
            writer.write(chunk(b"more"))
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving(endless) as (server, upstream):
        answer = await upstream.open(config(), server.url, {}, b"", stream=True, within=0.1)
        with pytest.raises(UpstreamFailure, match=r"it has taken 0\.1 s") as failure:
            async for _ in pieces_of(answer):
                pass
        answer.close()
        assert (failure.value.phase, failure.value.timeout) == ("body", True)


async def test_time_is_over_also_before_the_head() -> None:
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with serving(silent) as (server, upstream):
        with pytest.raises(UpstreamFailure, match=r"it has taken 0\.05 s") as failure:
            await upstream.open(config(), server.url, {}, b"", stream=True, within=0.05)
        assert (failure.value.phase, failure.value.timeout) == ("headers", True)


@pytest.mark.parametrize("ping", [b": still here\n\n", b'event: ping\ndata: {"type": "ping"}\n\n'])
async def test_pings_do_not_put_off_silence_once_content_has_come(ping: bytes) -> None:
    async def pinging(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunk(b"data: content\n\n"))
        while not writer.is_closing():
            writer.write(chunk(ping))
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving(pinging) as (server, upstream):
        timeouts = Timeouts(connect=5, answer=30, idle=0.1)
        answer = await upstream.open(config(timeouts=timeouts), server.url, {}, b"", stream=True)
        for _ in range(20):  # twice as long as it may be silent
            assert await answer.piece()
        answer.flows()
        with pytest.raises(UpstreamFailure, match=r"nothing came for 0\.1 s"):
            async for _ in pieces_of(answer):
                pass
        answer.close()


async def test_a_provider_that_takes_nothing_of_the_request_has_done_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "WRITE_STALL", 0.05)
    monkeypatch.setattr(http, "_SWEEP", 0.02)
    released = asyncio.Event()

    async def deaf(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    listener = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
    upstream = HttpUpstream()
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1/x"
    with pytest.raises(UpstreamFailure, match=r"it took nothing of the request for 0\.05 s") as failure:
        await upstream.open(config(), url, {}, bytes(16 << 20), stream=False)
    assert (failure.value.phase, failure.value.timeout) == ("send", True)
    released.set()
    await upstream.aclose()
    listener.close()


async def test_the_head_of_a_stream_may_take_longer_than_its_pieces() -> None:
    async def late(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(HEAD + chunk(b"one") + chunk(b""))

    async with serving(late) as (server, upstream):
        timeouts = Timeouts(connect=5, answer=30, idle=0.05)
        for _ in range(2):
            answer = await upstream.open(config(timeouts=timeouts), server.url, {}, b"", stream=True)
            assert [piece async for piece in pieces_of(answer)] == [b"one"]
            answer.close()
        assert server.connections == 1


async def test_a_closed_connection_is_free_without_the_collector() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")

    async with serving(answer) as (server, upstream):
        with collecting_nothing():
            given = await upstream.open(config(), server.url, {}, b"", stream=False)
            assert living(Connection) == 1
            assert await given.read(10) == b"ok"
            given.close()
            await soon(lambda: living(Connection) == 0)


async def test_a_stream_that_is_cut() -> None:
    async def cut(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunk(b"one"))
        await writer.drain()
        writer.close()

    async with serving(cut) as (server, upstream):
        answer = await upstream.open(config(), server.url, {}, b"", stream=True)
        with pytest.raises(UpstreamFailure) as failure:
            async for _ in pieces_of(answer):
                pass
        answer.close()
        assert (failure.value.phase, failure.value.timeout) == ("body", False)


async def test_bytes_that_are_no_http() -> None:
    async def garbage(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    async with serving(garbage) as (server, upstream):
        with pytest.raises(UpstreamFailure) as failure:
            await upstream.open(config(), server.url, {}, b"", stream=False)
        assert failure.value.phase == "headers"


async def test_closing_a_stream_that_is_not_read_closes_its_connection() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + chunk(b"one"))
        await reader.read(1)

    async with serving(endless) as (server, upstream):
        answer = await upstream.open(config(), server.url, {}, b"", stream=True)
        answer.close()
        await asyncio.wait_for(server.closed.wait(), 5)


def dying_second() -> Serve:
    """Answers, dies at the next request of the connection, and answers again."""
    answers = iter([True, False, True])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if next(answers):
            await hello(reader, writer)
        else:
            writer.transport.abort()

    return serve


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    async with serving(dying_second()) as (server, upstream):
        for _ in range(2):
            answer = await upstream.open(config(), server.url, {}, b"", stream=False)
            assert await answer.read(100) == b"hello"
            answer.close()
        assert (len(server.heads), server.connections) == (3, 2)


async def test_what_may_not_be_sent_twice_fails_with_its_kept_connection() -> None:
    async with serving(dying_second()) as (server, upstream):
        answer = await upstream.open(config(), server.url, {}, b"", stream=False)
        await answer.read(100)
        answer.close()
        with pytest.raises(UpstreamFailure) as failure:
            await upstream.open(config(), server.url, {}, b"", stream=False, may_repeat=lambda: False)
        assert (failure.value.phase, len(server.heads)) == ("headers", 2)


async def test_a_kept_connection_that_dies_late_may_have_cost_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_STALE", -1.0)
    async with serving(dying_second()) as (server, upstream):
        answer = await upstream.open(config(), server.url, {}, b"", stream=False)
        await answer.read(100)
        answer.close()
        with pytest.raises(UpstreamFailure):
            await upstream.open(config(), server.url, {}, b"", stream=False)
        assert len(server.heads) == 2


@pytest.mark.parametrize("drop", [b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\n"])
async def test_a_head_that_drips_is_silence(drop: bytes) -> None:
    async def drips(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(drop)
        while not writer.is_closing():
            writer.write(b"y")
            await writer.drain()
            await asyncio.sleep(0.005)

    async with serving(drips) as (server, upstream):
        with pytest.raises(UpstreamFailure, match="no answer within") as failed:
            await asyncio.wait_for(upstream.open(config(timeouts=QUICK), server.url, {}, b"", stream=False), 5)
        assert failed.value.timeout


async def test_one_endless_header_line_is_cut() -> None:
    async def floods(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx: ")
        for _ in range(10_000):
            writer.write(b"y" * 10_000)
            await writer.drain()

    async with serving(floods) as (server, upstream):
        with pytest.raises(UpstreamFailure, match="headers are longer"):
            await asyncio.wait_for(upstream.open(config(), server.url, {}, b"", stream=False), 5)
