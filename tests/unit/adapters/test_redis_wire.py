"""One connection for all calls: answers in their order, however they are cut; what is late, lost or refused is told to whoever waits."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from tidegate.adapters.redis_wire import OVERDUE, Wire, WireError, encoded, parsed, place_of


def test_addresses() -> None:
    place = place_of("redis://u:p%40@h:1/3")
    assert (place.host, place.port, place.db, place.username, place.password, place.context) == ("h", 1, 3, "u", "p@", None)
    assert place_of("unix:///a/b?db=2").path == "/a/b"
    assert place_of("rediss://h").context is not None
    assert (place_of("redis://").host, place_of("redis://").port) == ("localhost", 6379)


@pytest.mark.parametrize(
    "url", ["http://h", "rediss://h?ssl_ca_certs=/nothing.pem", "redis://h?ssl_cert_reqs=none", "redis://h?health_check_interval=3"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"scheme|is not known here|cannot be used"):
        place_of(url)


ANSWERS: list[tuple[bytes, Any]] = [
    (b":-12\r\n", -12),
    (b"+OK\r\n", "OK"),
    (b"$5\r\na\r\nbc\r\n", "a\r\nbc"),
    (b"$-1\r\n", ""),
    (b"*3\r\n:1\r\n:2\r\n:-3\r\n", [1, 2, -3]),
    (b"*2\r\n$1\r\nx\r\n*1\r\n:1\r\n", ["x", [1]]),
    (b"*0\r\n", []),
]


@pytest.mark.parametrize(("data", "answer"), ANSWERS)
def test_an_answer_is_read_whole_or_not_at_all(data: bytes, answer: Any) -> None:
    assert parsed(data + b":9\r\n", 0) == (answer, len(data))
    assert all(parsed(data[:cut], 0) is None for cut in range(len(data)))


def test_commands_are_as_redis_reads_them() -> None:
    assert encoded("SET", "ä", 12) == b"*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xa4\r\n$2\r\n12\r\n"


class Server:
    """Answers each command by `answer`, in pieces of `cut` bytes; what it gives None for is never answered."""

    def __init__(self, answer: Callable[[bytes], bytes | None], cut: int) -> None:
        self.answer = answer
        self.cut = cut
        self.seen: list[bytes] = []
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []
        self.hung = asyncio.Event()
        self.ended: set[asyncio.Task[None]] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.ended.add(task)
        self.writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while line := await reader.readline():
                arguments: list[bytes] = []
                for _ in range(int(line[1:])):
                    length = int((await reader.readline())[1:])
                    arguments.append((await reader.readexactly(length + 2))[:-2])
                command = b" ".join(arguments)
                self.seen.append(command)
                answer = self.answer(command)
                if answer is None:
                    self.hung.set()
                for place in range(0, len(answer or b""), self.cut):
                    writer.write((answer or b"")[place : place + self.cut])
                    await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(answer: Callable[[bytes], bytes | None], path: str = "", cut: int = 3) -> AsyncGenerator[tuple[Server, Wire]]:
    made = Server(answer, cut)
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    wire = Wire(f"redis://{path or 'localhost'}".replace("localhost", f"127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    try:
        yield made, wire
    finally:
        await wire.aclose()
        server.close()
        await asyncio.gather(*made.ended)
        await server.wait_closed()


def echo(command: bytes) -> bytes | None:
    return b"$%d\r\n%b\r\n" % (len(command), command)


async def test_many_at_once_share_one_connection_and_get_their_own_answers() -> None:
    async with serving(echo) as (server, wire):
        asks = [wire.send([encoded("A", n), encoded("B", n)], 5) for n in range(50)]
        assert await asyncio.gather(*asks) == [[f"A {n}", f"B {n}"] for n in range(50)]
        assert server.connections == 1


async def test_who_we_are_is_said_first() -> None:
    async with serving(echo, "me:pass@localhost/7") as (server, wire):
        await wire.send([encoded("PING")], 5)
        assert server.seen == [b"AUTH me pass", b"SELECT 7", b"PING"]


async def test_who_is_not_let_in_is_told_so() -> None:
    async with serving(lambda _: b"-WRONGPASS no\r\n", "me:pass@localhost") as (server, wire):
        with pytest.raises(ConnectionError, match="WRONGPASS"):
            await wire.send([encoded("PING")], 5)
        assert b"PING" not in server.seen


async def test_one_that_is_refused_does_not_harm_the_others() -> None:
    def answer(command: bytes) -> bytes:
        return b"-NOSCRIPT none\r\n" if command == b"B" else b":1\r\n"

    async with serving(answer) as (_, wire):
        first, second, third = await wire.send([encoded(name) for name in "ABC"], 5)
        assert (first, third) == (1, 1)
        assert isinstance(second, WireError)
        assert second.is_unknown_script


async def test_a_late_answer_goes_to_nobody_else() -> None:
    held = asyncio.Event()
    answers: list[bytes] = []

    def answer(command: bytes) -> bytes | None:
        if held.is_set():
            return b"".join([*answers, echo(command) or b""])
        answers.append(echo(command) or b"")
        return None

    async with serving(answer) as (server, wire):
        with pytest.raises(TimeoutError):
            await wire.send([encoded("LATE")], 0.03)
        held.set()
        assert await wire.send([encoded("NEXT")], 5) == ["NEXT"]
        assert server.connections == 1


async def test_one_that_hangs_is_given_up_and_a_new_connection_made() -> None:
    hangs = [True]
    async with serving(lambda command: None if hangs[0] else echo(command)) as (server, wire):
        begun = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*(wire.send([encoded("X")], 0.03) for _ in range(3)), return_exceptions=True)
        assert [type(found) for found in answers] == [TimeoutError] * 3
        with pytest.raises(ConnectionError):
            await wire.send([encoded("Y")], 60)
        assert asyncio.get_running_loop().time() - begun < OVERDUE * 4
        hangs[0] = False
        assert await wire.send([encoded("Z")], 5) == ["Z"]
        assert server.connections == 2


async def test_a_lost_connection_fails_what_waits_and_is_made_again() -> None:
    async with serving(lambda command: None if command == b"HANG" else echo(command)) as (server, wire):
        assert await wire.send([encoded("A")], 5) == ["A"]
        waits = asyncio.create_task(wire.send([encoded("HANG")], 60))
        await server.hung.wait()
        server.writers[0].transport.abort()
        with pytest.raises(ConnectionError):
            await waits
        assert await wire.send([encoded("B")], 5) == ["B"]


async def test_what_is_no_redis_is_told() -> None:
    async with serving(lambda _: b"HTTP/1.1 400 Bad\r\n\r\n") as (_, wire):
        with pytest.raises(ConnectionError):
            await wire.send([encoded("PING")], 60)


async def test_who_gives_up_leaves_the_others_their_answers() -> None:
    async with serving(echo) as (_, wire):
        await wire.send([encoded("WARM")], 5)
        gone = asyncio.create_task(wire.send([encoded("A")], 5))
        stays = asyncio.create_task(wire.send([encoded("B")], 5))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays == ["B"]


async def test_a_try_that_fails_when_nobody_waits_any_more_is_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(lambda _: None, "me:pass@localhost") as (server, wire):
        with pytest.raises(TimeoutError):
            await wire.send([encoded("PING")], 0.02)
        await server.hung.wait()
        server.writers[0].transport.abort()
        await asyncio.gather(*server.ended)
        with pytest.raises(TimeoutError):
            await wire.send([encoded("PING")], 0.02)
        gc.collect()
        assert "never retrieved" not in caplog.text


async def test_where_nobody_listens() -> None:
    wire = Wire("unix:///nowhere/redis.sock")
    with pytest.raises(OSError, match="No such file"):
        await wire.send([encoded("PING")], 5)
    await wire.aclose()
    with pytest.raises(ConnectionError):
        await wire.send([encoded("PING")], 5)
