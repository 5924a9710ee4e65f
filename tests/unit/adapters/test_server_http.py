"""The server over real sockets: what it starts and ends. What a connection does with bytes is in test_server_protocol."""

import asyncio
import os
import signal
import socket
import threading
from typing import Any

import pytest
from tests.support.living import collecting_nothing, living
from tests.support.waiting import soon
from tests.unit.adapters.serving import serving

from tidegate.adapters import server_http
from tidegate.adapters.server_http import ending_signals
from tidegate.adapters.server_hub import Times
from tidegate.adapters.server_protocol import Protocol
from tidegate.ports import Client


async def test_a_client_that_leaves_is_told_to_its_call() -> None:
    lost, begun = asyncio.Event(), asyncio.Event()

    async def handle(client: Client) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            lost.set()

    async with serving(handle) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.wait_for(begun.wait(), 5)
        writer.close()
        await asyncio.wait_for(lost.wait(), 5)


async def test_a_connection_lasts_for_many_calls() -> None:
    async def handle(client: Client) -> None:
        client.whole(200, [], b"ok")

    async with serving(handle) as port:
        pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for _ in range(3):
            for reader, writer in pairs:
                writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                head = await asyncio.wait_for(reader.readuntil(b"ok"), 5)
                assert b"server:" not in head.lower()
        for _, writer in pairs:
            writer.close()


async def test_a_closed_connection_is_free_without_the_collector() -> None:
    async def handle(client: Client) -> None:
        client.whole(200, [], b"ok")

    async with serving(handle) as port:
        with collecting_nothing():
            reader, writer = await asked(port)
            await asyncio.wait_for(reader.readuntil(b"ok"), 5)
            assert living(Protocol) == 1
            writer.close()
            await soon(lambda: living(Protocol) == 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_the_first_signal_closes_idle_connections_and_lets_calls_end(number: int) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def handle(client: Client) -> None:
        client.begin(200, [])
        client.piece(b"one")
        begun.set()
        await go.wait()
        client.piece(b"two")
        client.end()

    # Whoever runs the tests may ignore it, as under `nohup`.
    before = signal.signal(number, signal.SIG_DFL)
    async with serving(handle) as port:
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.wait_for(begun.wait(), 5)
        os.kill(os.getpid(), number)
        assert await asyncio.wait_for(idle.read(), 5) == b""
        go.set()
        assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"3\r\ntwo\r\n0\r\n\r\n")
        idle_writer.close()
        writer.close()
    signal.signal(number, before)


def test_a_hangup_that_is_ignored_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda _number: signal.SIG_DFL)
    assert signal.SIGHUP in ending_signals()
    monkeypatch.setattr(signal, "getsignal", lambda _number: signal.SIG_IGN)
    assert ending_signals() == (signal.SIGINT, signal.SIGTERM)


async def asked(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    return reader, writer


async def closed(port: int) -> None:
    """Until nothing is accepted any more."""
    with pytest.raises(OSError):
        while True:
            (await asyncio.open_connection("127.0.0.1", port))[1].close()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("times", "signals"), [(Times(hurry=0.05), 2), (Times(), 3), (Times(drain=0.05), 1)], ids=["second", "third", "late"]
)
async def test_calls_that_last_too_long_are_cut_and_waited_for(times: Times, signals: int) -> None:
    begun, told, cutting = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handle(client: Client) -> None:
        client.begin(200, [])
        client.piece(b"one")
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert cutting.is_set()
            client.piece(b"the end")
            client.end()
            raise
        finally:
            await asyncio.sleep(0)
            told.set()

    async with serving(handle, times, cutting=cutting.set) as port:
        reader, writer = await asked(port)
        await asyncio.wait_for(begun.wait(), 5)
        os.kill(os.getpid(), signal.SIGTERM)
        await closed(port)
        for _ in range(signals - 1):
            assert not told.is_set()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.02)
        assert (await asyncio.wait_for(reader.read(), 3)).endswith(b"7\r\nthe end\r\n0\r\n\r\n")
        assert told.is_set()
    writer.close()


async def test_after_sigterm_it_accepts_for_a_while() -> None:
    ending = asyncio.Event()

    async def handle(client: Client) -> None:
        client.whole(200, [], b"ending" if ending.is_set() else b"serving")

    async with serving(handle, Times(pre_stop=30), ending=ending.set) as port:
        reader, writer = await asked(port)
        assert await asyncio.wait_for(reader.readuntil(b"serving"), 5)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(ending.wait(), 5)
        another, its_writer = await asked(port)
        assert await asyncio.wait_for(another.readuntil(b"ending"), 5)
        # A second signal ends the waiting.
        os.kill(os.getpid(), signal.SIGTERM)
        await closed(port)
        assert await asyncio.wait_for(another.read(), 5) == b""
        writer.close()
        its_writer.close()


def test_a_taken_port_is_an_error() -> None:
    with server_http.listener("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):
        server_http.listener("127.0.0.1", taken.getsockname()[1])


def test_it_serves_in_a_thread_too() -> None:
    """Signals belong to the main thread; elsewhere the server does without them."""
    ready = threading.Event()
    sock = server_http.listener("127.0.0.1", 0)
    stop: list[Any] = []

    async def handle(client: Client) -> None:
        client.whole(204, [], b"")

    async def main() -> None:
        task = asyncio.create_task(server_http.serve(handle, sock, ready.set))
        stop.append((asyncio.get_running_loop(), task))
        await asyncio.gather(task, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert ready.wait(5)
    with socket.create_connection(sock.getsockname(), 5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 204")
    loop, task = stop[0]
    loop.call_soon_threadsafe(task.cancel)
    thread.join(5)
    sock.close()
    assert not thread.is_alive()


async def test_a_call_that_fails_closes_its_connection(capsys: pytest.CaptureFixture[str]) -> None:
    async def handle(client: Client) -> None:
        raise RuntimeError("a defect")

    async with serving(handle) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(ConnectionError):
            if not await asyncio.wait_for(reader.read(), 5):
                raise ConnectionError
        writer.close()
    said = capsys.readouterr()
    # Where logs go depends on whether this process has set them up.
    assert "a request was not answered" in said.out + said.err


def test_a_port_is_shared_where_all_want_that() -> None:
    with server_http.listener("127.0.0.1", 0, shared=True) as first:
        port = first.getsockname()[1]
        with server_http.listener("127.0.0.1", port, shared=True) as second:
            assert second.getsockname()[1] == port
        with pytest.raises(OSError, match="in use"):
            server_http.listener("127.0.0.1", port)
