import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tidegate.adapters import server_uvicorn


@asynccontextmanager
async def serving(app: Any) -> AsyncGenerator[int]:
    """The server in a task; a signal ends it, as it does outside."""
    sock = server_uvicorn.listener("127.0.0.1", 0)
    started = asyncio.Event()
    task = asyncio.create_task(server_uvicorn.serve(app, sock, started.set))
    await asyncio.wait_for(started.wait(), 5)
    try:
        yield sock.getsockname()[1]
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(task, 5)


async def test_a_client_that_leaves_is_told_to_its_call() -> None:
    lost, begun = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["connection"].on_lost = lost.set
        begun.set()
        await lost.wait()

    async with serving(app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.wait_for(begun.wait(), 5)
        writer.close()
        await asyncio.wait_for(lost.wait(), 5)


async def test_each_connection_is_its_own_and_lasts_for_many_calls() -> None:
    seen: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(id(scope["state"]["connection"]))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async with serving(app) as port:
        pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for _ in range(2):
            for reader, writer in pairs:
                writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                head = await asyncio.wait_for(reader.readuntil(b"ok"), 5)
                assert b"server:" not in head.lower()
        for _, writer in pairs:
            writer.close()
    assert len(seen) == 4
    assert seen[:2] == seen[2:]
    assert len(set(seen)) == 2


async def test_the_second_signal_cuts_calls_and_waits_for_what_they_have_to_tell() -> None:
    begun, told = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            told.set()

    async with serving(app) as port:
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
    with server_uvicorn.listener("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):
        server_uvicorn.listener("127.0.0.1", taken.getsockname()[1])


def test_it_serves_in_a_thread_too() -> None:
    """Signals belong to the main thread; elsewhere the server does without them."""
    ready = threading.Event()
    sock = server_uvicorn.listener("127.0.0.1", 0)
    stop: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def main() -> None:
        task = asyncio.create_task(server_uvicorn.serve(app, sock, ready.set))
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


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nx: ", b"GET / HTTP/1.1\r\n"])
async def test_a_head_without_end_is_refused(begin: bytes) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("no request has arrived")

    piece = b"y" * 1000 if not begin.endswith(b"\r\n") else b"x-more: " + b"y" * 990 + b"\r\n"
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
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


async def test_who_is_refused_while_sending_gets_the_answer_before_the_end() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no"})

    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4000000\r\n\r\n")
        for _ in range(40):
            writer.write(b"y" * 100_000)
            await writer.drain()
        got = await asyncio.wait_for(reader.read(), 5)
        assert got.startswith(b"HTTP/1.1 413 ")
        assert got.endswith(b"no")
        writer.close()


async def test_an_offer_of_http2_is_ignored_and_the_body_is_read() -> None:
    """As Java's HttpClient sends it, twice on one connection."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    said = b'{"text": "\r\nupgrade: 1"}'
    head = b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nHost: x\r\nHTTP2-Settings: AAEAAEAA\r\nUpgrade: h2c\r\n"
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(head + b"content-length: %d\r\n\r\n" % len(said) + said)
            assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert await asyncio.wait_for(reader.readexactly(len(said)), 5) == said
        writer.close()


@pytest.mark.parametrize("pieces", [0, 1, 1000])
async def test_who_never_ends_a_head_is_let_go(monkeypatch: pytest.MonkeyPatch, pieces: int) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("no request has arrived")

    monkeypatch.setattr(server_uvicorn, "KEEP_ALIVE", 0.1)
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def drip() -> None:
            for place in range(pieces):
                writer.write(b"GET /" if not place else b"y")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 5)
        assert reader.at_eof() or reader.exception() is not None
        dripping.cancel()
        writer.close()
