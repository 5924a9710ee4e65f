"""What a connection makes of the bytes that a client sends, and of those it does not send or read."""

import asyncio
import contextlib
import json
import socket

import pytest
from tests.support.living import living
from tests.support.waiting import soon
from tests.unit.adapters.serving import serving

from tidegate.adapters.server_hub import Hub, Times
from tidegate.adapters.server_protocol import Protocol
from tidegate.ports import BodyTooLong, BrokenBody, Client, SlowBody

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]
LIMIT = 1 << 20


async def connected(port: int) -> Pair:
    return await asyncio.open_connection("127.0.0.1", port)


async def nobody(client: Client) -> None:
    raise AssertionError("no request has arrived")


async def echo(client: Client) -> None:
    """Tells what it got."""
    try:
        body = await client.body(LIMIT)
    except (BodyTooLong, SlowBody, BrokenBody) as error:
        client.whole(400, [], type(error).__name__.encode())
        return
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in client.headers]
    told = [client.method, client.path.decode("latin-1"), client.query.decode(), headers, body.decode()]
    client.whole(200, [], json.dumps(told).encode())


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One whole answer off the wire."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    body = await asyncio.wait_for(reader.readexactly(int(headers.get("content-length", "0"))), 5)
    return int(first.split(" ")[1]), headers, body


def post(body: bytes, *lines: bytes) -> bytes:
    return b"POST /a?b=c HTTP/1.1\r\n" + b"".join(line + b"\r\n" for line in lines) + b"content-length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_a_request_in_pieces_of_any_size(size: int) -> None:
    request = post(b"hello", b"X-One: 1", b"x-two: 2", b"X-one: 3")
    async with serving(echo) as port:
        reader, writer = await connected(port)
        for at in range(0, len(request), size):
            writer.write(request[at : at + size])
            await asyncio.sleep(0)
        status, _, body = await answer_of(reader)
        writer.close()
    headers = [["x-one", "1"], ["x-two", "2"], ["x-one", "3"], ["content-length", "5"]]
    assert (status, json.loads(body)) == (200, ["POST", "/a", "b=c", headers, "hello"])


@pytest.mark.parametrize(
    ("target", "path"), [(b"http://host:1/x/y?q", "/x/y"), (b"/a%2Fb#part", "/a%2Fb"), (b"http://host", "/"), (b"//x", "//x")]
)
async def test_the_forms_of_a_target(target: bytes, path: str) -> None:
    async with serving(echo) as port:
        reader, writer = await connected(port)
        writer.write(b"GET " + target + b" HTTP/1.1\r\nhost: x\r\n\r\n")
        assert json.loads((await answer_of(reader))[2])[1] == path
        writer.close()


async def test_requests_that_are_sent_before_their_turn_are_answered_in_order() -> None:
    async with serving(echo) as port:
        reader, writer = await connected(port)
        writer.write(b"".join(post(b"%d" % number) for number in range(20)))
        got = [json.loads((await answer_of(reader))[2])[4] for _ in range(20)]
        assert got == [str(number) for number in range(20)]
        writer.close()


async def test_what_is_sent_early_is_bounded_and_read_later() -> None:
    go = asyncio.Event()

    async def handle(client: Client) -> None:
        await go.wait()
        await echo(client)

    async with serving(handle) as port:
        reader, writer = await connected(port)
        for number in range(600):
            writer.write(post(b"%d" % number, b"x-pad: " + b"y" * 1000))
        await asyncio.sleep(0.05)
        go.set()
        for number in range(600):
            assert json.loads((await answer_of(reader))[2])[4] == str(number)
        writer.close()


async def test_a_chunked_body() -> None:
    async with serving(echo) as port:
        reader, writer = await connected(port)
        writer.write(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await asyncio.sleep(0)
        writer.write(b"2\r\nde\r\n0\r\nx-trailer: 1\r\n\r\n")
        _, _, body = await answer_of(reader)
        assert json.loads(body)[3:] == [[["transfer-encoding", "chunked"]], "abcde"]
        writer.close()


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_above_the_limit_is_not_read_to_its_end(chunked: bool) -> None:
    async with serving(echo) as port:
        reader, writer = await connected(port)
        length = b"transfer-encoding: chunked" if chunked else b"content-length: 4000000"
        writer.write(b"POST / HTTP/1.1\r\nconnection: close\r\n" + length + b"\r\n\r\n")
        for _ in range(40):
            writer.write((b"186a0\r\n" if chunked else b"") + b"y" * 100_000 + (b"\r\n" if chunked else b""))
            await writer.drain()
        status, _, body = await answer_of(reader)
        assert (status, body) == (400, b"BodyTooLong")
        writer.close()


async def test_who_is_refused_while_sending_gets_the_answer_before_the_end() -> None:
    async def refuse(client: Client) -> None:
        client.whole(413, [], b"no")

    async with serving(refuse) as port:
        reader, writer = await connected(port)
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4000000\r\n\r\n")
        for _ in range(40):
            writer.write(b"y" * 100_000)
            await writer.drain()
        got = await asyncio.wait_for(reader.read(), 5)
        assert got.startswith(b"HTTP/1.1 413 ")
        assert got.endswith(b"no")
        writer.close()


async def test_the_rest_of_a_refused_body_does_not_disturb_the_next_request() -> None:
    async def refuse(client: Client) -> None:
        if client.method == "POST":
            client.whole(401, [], b"no")
        else:
            await echo(client)

    async with serving(refuse) as port:
        reader, writer = await connected(port)
        writer.write(post(b"x" * 50_000)[:-40_000])
        assert (await answer_of(reader))[0] == 401
        writer.write(b"x" * 40_000 + b"GET / HTTP/1.1\r\n\r\n")
        assert (await answer_of(reader))[0] == 200
        writer.close()


async def test_who_sends_a_refused_body_for_ever_is_let_go() -> None:
    async def refuse(client: Client) -> None:
        client.whole(401, [], b"no")

    async with serving(refuse, Times(linger=0.05)) as port:
        reader, writer = await connected(port)
        writer.write(b"POST / HTTP/1.1\r\ncontent-length: 1000\r\n\r\n")
        assert (await answer_of(reader))[0] == 401
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_body_waits_in_the_socket_until_the_call_asks_for_it() -> None:
    go = asyncio.Event()

    async def late(client: Client) -> None:
        await go.wait()
        client.whole(200, [], b"%d" % len(await client.body(1 << 30)))

    async with serving(late) as port:
        reader, writer = await connected(port)
        size = 64 << 20
        writer.write(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % size)
        writer.write(b"y" * size)
        await asyncio.sleep(0.1)
        assert writer.transport.get_write_buffer_size() > size // 2
        go.set()
        assert (await answer_of(reader))[2] == b"%d" % size
        writer.close()


async def test_a_client_that_waits_for_leave_to_send_its_body() -> None:
    async with serving(echo) as port:
        reader, writer = await connected(port)
        writer.write(b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hi")
        assert json.loads((await answer_of(reader))[2])[4] == "hi"
        writer.close()


async def test_an_offer_of_http2_is_ignored_and_the_body_is_read() -> None:
    """As Java's HttpClient sends it, twice on one connection."""
    said = b'{"text": "\r\nupgrade: 1"}'
    head = b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nHost: x\r\nHTTP2-Settings: AAEAAEAA\r\nUpgrade: h2c\r\n"
    async with serving(echo) as port:
        reader, writer = await connected(port)
        for _ in range(2):
            writer.write(head + b"content-length: %d\r\n\r\n" % len(said) + said)
            assert json.loads((await answer_of(reader))[2])[4] == said.decode()
        writer.close()


async def test_offers_that_are_sent_before_their_turn_are_ignored_too() -> None:
    """Whether all of it comes at once, as here behind a length and behind chunks, or byte by byte."""
    head = b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    asked = head + b"content-length: 2\r\n\r\nhi" + head + b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    async with serving(echo) as port:
        for pieces in ([asked * 2], [asked[at : at + 1] for at in range(len(asked))] * 2):
            reader, writer = await connected(port)
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0)
            for _ in range(4):
                assert json.loads((await answer_of(reader))[2])[4] == "hi"
            writer.close()


async def test_the_head_of_an_answer_alone() -> None:
    async with serving(echo) as port:
        reader, writer = await connected(port)
        writer.write(b"HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert b"content-length: 25" in head
        assert json.loads((await answer_of(reader))[2])[0] == "GET"
        writer.close()


async def streams(client: Client) -> None:
    client.begin(200, [(b"x-a", b"b")])
    for piece in (b"one", b"two"):
        client.piece(piece)
    client.end()


async def test_a_stream_is_chunked_and_its_head_leaves_with_its_first_piece() -> None:
    async with serving(streams) as port:
        reader, writer = await connected(port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        got = await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 5)
        assert got == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-a: b\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        writer.close()


async def test_a_stream_for_a_client_of_http_1_0_ends_with_its_connection() -> None:
    async with serving(streams) as port:
        reader, writer = await connected(port)
        writer.write(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
        got = await asyncio.wait_for(reader.read(), 5)
        assert got == b"HTTP/1.1 200 OK\r\nx-a: b\r\nconnection: close\r\n\r\nonetwo"
        writer.close()


async def test_a_stream_waits_for_a_client_that_does_not_read() -> None:
    sent, drained = asyncio.Event(), asyncio.Event()

    async def handle(client: Client) -> None:
        client.begin(200, [])
        for _ in range(100_000):
            if not client.piece(b"x" * 10_000):
                break
            await asyncio.sleep(0)
        sent.set()
        await client.drained()
        drained.set()
        client.end()

    async with serving(handle) as port:
        # Nobody reads: the reader's own buffer and those of the system fill up.
        reader, writer = await connected(port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await asyncio.wait_for(sent.wait(), 5)
        await asyncio.sleep(0)
        assert not drained.is_set()
        reading = asyncio.create_task(_swallow(reader))
        await asyncio.wait_for(drained.wait(), 5)
        writer.close()
        await reading


async def _swallow(reader: asyncio.StreamReader) -> int:
    size = 0
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            size += len(data)
    return size


async def test_who_reads_nothing_any_more_is_cut() -> None:
    cancelled = asyncio.Event()

    async def handle(client: Client) -> None:
        client.begin(200, [])
        try:
            while True:
                if not client.piece(b"x" * 10_000):
                    await client.drained()
        finally:
            cancelled.set()

    async with serving(handle, Times(stall=0.05)) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            await asyncio.wait_for(cancelled.wait(), 5)


@pytest.mark.parametrize("fields", [b"", b"connection: close\r\n"], ids=["kept", "closed"])
@pytest.mark.parametrize("size", [1 << 25, 1 << 14])
async def test_a_client_that_leaves_an_answer_unread_is_let_go(fields: bytes, size: int) -> None:
    answered, before = asyncio.Event(), living(Protocol)

    async def handle(client: Client) -> None:
        client.whole(200, [], b"x" * size)
        answered.set()

    async with serving(handle, Times(stall=0.05, keep_alive=0.05)) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\n" + fields + b"\r\n")
            await asyncio.wait_for(answered.wait(), 5)
            await soon(lambda: living(Protocol) <= before)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc",
        b"GET / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    ],
)
async def test_bytes_that_are_no_http_are_told_so(sent: bytes) -> None:
    async with serving(nobody) as port:
        reader, writer = await connected(port)
        writer.write(sent)
        status, headers, body = await answer_of(reader)
        assert (status, headers["content-type"], headers["connection"]) == (400, "application/json", "close")
        assert "no HTTP/1.1 request" in json.loads(body)["error"]["message"]
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_client_that_sends_what_is_no_request_while_its_call_runs_is_not_reset() -> None:
    may_answer = asyncio.Event()

    async def held(client: Client) -> None:
        await may_answer.wait()
        client.whole(200, [], b"ok")

    async with serving(held) as port:
        reader, writer = await connected(port)
        writer.write(post(b"") + b"no http\r\n\r\n")
        await writer.drain()
        may_answer.set()
        assert (await answer_of(reader))[0] == 200
        assert await reader.read() == b""
        for _ in range(3):  # on a connection that is closed the second of these is an error
            writer.write(b"more")
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.close()


async def test_a_body_that_is_no_http_is_told_to_its_call() -> None:
    async with serving(echo) as port:
        reader, writer = await connected(port)
        writer.write(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")
        await asyncio.sleep(0.01)
        writer.write(b"zz\r\n")
        status, headers, body = await answer_of(reader)
        assert (status, body, headers["connection"]) == (400, b"BrokenBody", "close")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nx: ", b"GET / HTTP/1.1\r\n"])
async def test_a_head_without_end_is_refused(begin: bytes) -> None:
    piece = b"y" * 1000 if not begin.endswith(b"\r\n") else b"x-more: " + b"y" * 990 + b"\r\n"
    async with serving(nobody) as port:
        reader, writer = await connected(port)
        writer.write(begin)
        with contextlib.suppress(ConnectionError):
            for _ in range(2000):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        got = b""
        with contextlib.suppress(ConnectionError):
            got = await asyncio.wait_for(reader.read(), 5)
        assert not got or got.startswith(b"HTTP/1.1 400 ")
        assert writer.transport.is_closing() or reader.at_eof()
        writer.close()


@pytest.mark.parametrize(("size", "status"), [(15_000, 200), (17_000, 400), (200_000, 400)])
async def test_a_head_that_comes_at_once_is_bounded_too(size: int, status: int) -> None:
    async with serving(echo) as port:
        reader, writer = await connected(port)
        writer.write(b"GET / HTTP/1.1\r\nx: " + b"y" * (size // 2) + b"\r\nz: " + b"y" * (size // 2) + b"\r\n\r\n")
        assert (await answer_of(reader))[0] == status
        writer.close()


@pytest.mark.parametrize("piece", [b"x-more: 1\r\n", b"x: " + b"y" * 1000, b"z"])
async def test_trailers_without_end_are_refused(piece: bytes) -> None:
    """They are no part of the body, whose limit does not count them."""
    async with serving(echo) as port:
        reader, writer = await connected(port)
        writer.write(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(60_000 // len(piece) if piece != b"z" else 20):
                writer.write(piece if piece != b"z" else piece * 1000)
                await writer.drain()
                await asyncio.sleep(0)
        status, headers, body = await answer_of(reader)
        assert (status, body, headers["connection"]) == (400, b"BrokenBody", "close")
        writer.close()


async def trickle(writer: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("head", [b"GET /" + b"y" * 1000, b"GET / HTTP/1.1\r\nx: " + b"y" * 1000])
async def test_a_head_that_drips_has_a_deadline_that_no_byte_puts_off(head: bytes) -> None:
    async with serving(nobody, Times(head=0.1)) as port:
        reader, writer = await connected(port)
        dripping = asyncio.create_task(trickle(writer, head))
        status, headers, body = await answer_of(reader)
        assert (status, headers["connection"]) == (408, "close")
        assert "in time" in json.loads(body)["error"]["message"]
        dripping.cancel()
        writer.close()


async def test_a_body_that_drips_has_a_deadline_and_its_call_answers() -> None:
    async with serving(echo, Times(body=0.1, body_mib=0)) as port:
        reader, writer = await connected(port)
        writer.write(b"POST / HTTP/1.1\r\ncontent-length: 1000\r\n\r\n")
        dripping = asyncio.create_task(trickle(writer, b"y" * 1000))
        status, headers, body = await answer_of(reader)
        assert (status, body, headers["connection"]) == (400, b"SlowBody", "close")
        dripping.cancel()
        writer.close()


async def test_a_large_body_has_more_time() -> None:
    async with serving(echo, Times(body=0.05, body_mib=1000)) as port:
        reader, writer = await connected(port)
        writer.write(b"POST / HTTP/1.1\r\ncontent-length: 1000\r\n\r\n")
        await trickle(writer, b"y" * 20)
        writer.write(b"y" * 980)
        assert (await answer_of(reader))[0] == 200
        writer.close()


@pytest.mark.parametrize("first", [b"", post(b"x")])
async def test_an_idle_connection_is_closed(first: bytes) -> None:
    async with serving(echo, Times(keep_alive=0.1)) as port:
        reader, writer = await connected(port)
        writer.write(first)
        if first:
            await answer_of(reader)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_client_that_leaves_before_its_call_has_begun_leaves_nothing_behind() -> None:
    hub = Hub(nobody, Times())
    for _ in range(2):
        connection = Protocol(hub)
        connection.connection_made(Nowhere())
        connection.data_received(b"GET / HTTP/1.1\r\n\r\n")
        connection.connection_lost(None)
    await asyncio.sleep(0)
    hub.retire()
    await asyncio.wait_for(hub.quiet, 1)
    hub.cut()


class Nowhere(asyncio.Transport):
    """A transport whose client is not there any more."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return True


async def counted(client: Client) -> None:
    """Takes the body as it comes."""
    size, most = 0, 0
    try:
        async for piece in client.pieces(LIMIT):
            size, most = size + len(piece), max(most, len(piece))
    except (BodyTooLong, SlowBody, BrokenBody) as error:
        client.whole(400, [], type(error).__name__.encode())
        return
    client.whole(200, [], json.dumps([size, most]).encode())


@pytest.mark.parametrize("size", [0, 1, 70_000, LIMIT])
async def test_a_body_as_it_comes(size: int) -> None:
    async with serving(counted) as port:
        reader, writer = await connected(port)
        for _ in range(2):
            writer.write(post(b"x" * size))
            await writer.drain()
            status, _, body = await answer_of(reader)
            got, most = json.loads(body)
            assert (status, got) == (200, size)
            assert most <= 512 << 10  # what one read of the socket may bring beyond the buffer
        writer.close()


async def test_a_chunked_body_as_it_comes_and_one_that_is_too_long() -> None:
    head = b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
    async with serving(counted) as port:
        reader, writer = await connected(port)
        writer.write(head + b"3\r\nabc\r\n0\r\n\r\n")
        assert json.loads((await answer_of(reader))[2])[0] == 3
        writer.write(head + b"%x\r\n" % (LIMIT + 1) + b"x" * (LIMIT + 1) + b"\r\n0\r\n\r\n")
        await writer.drain()
        assert (await answer_of(reader))[2] == b"BodyTooLong"
        writer.close()
        reader, writer = await connected(port)
        writer.write(b"POST /a HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (LIMIT + 1))
        assert (await answer_of(reader))[2] == b"BodyTooLong"
        writer.close()
