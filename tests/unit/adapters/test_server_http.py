"""The server over real sockets: what it starts and ends. What a connection does with bytes is in test_server_protocol."""

import asyncio
import os
import signal
import socket
import threading
from typing import Any

import pytest
from tests.unit.adapters.serving import serving

from tidegate.adapters import server_http
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


async def test_the_first_signal_closes_idle_connections_and_lets_calls_end() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def handle(client: Client) -> None:
        client.begin(200, [])
        client.piece(b"one")
        begun.set()
        await go.wait()
        client.piece(b"two")
        client.end()

    async with serving(handle) as port:
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.wait_for(begun.wait(), 5)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(idle.read(), 5) == b""
        go.set()
        assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"3\r\ntwo\r\n0\r\n\r\n")
        idle_writer.close()
        writer.close()


async def test_the_second_signal_cuts_calls_and_waits_for_what_they_have_to_tell() -> None:
    begun, told = asyncio.Event(), asyncio.Event()

    async def handle(client: Client) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            told.set()

    async with serving(handle) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.wait_for(begun.wait(), 5)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(OSError):
            while True:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                await asyncio.sleep(0.01)
        assert not told.is_set()
    assert told.is_set()
    writer.close()


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
