"""TLS and proxies, against sockets of the test's own."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from tests.unit.adapters.test_http import Server, config, hello, serving

from tidegate.adapters.http import HttpUpstream
from tidegate.adapters.http_connection import BUFFER
from tidegate.ports import UpstreamFailure


@asynccontextmanager
async def secured(ca: trustme.CA, name: str) -> AsyncGenerator[tuple[Server, int]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name).configure_cert(context)
    server = Server(hello)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=context)
    try:
        yield server, listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        if server.connections:
            await server.closed.wait()


class Proxy:
    """An HTTP proxy that connects every name to this machine."""

    def __init__(self, refuse: bytes = b"") -> None:
        self.heads: list[bytes] = []
        self._refuse = refuse
        self.url = ""
        self.calls: list[asyncio.Future[None]] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done = asyncio.get_running_loop().create_future()
        self.calls.append(done)
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            done.set_result(None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self._refuse:
            writer.write(self._refuse)
            await writer.drain()
            return
        method, target, _ = head.split(b" ", 2)
        if method == b"CONNECT":
            port = int(target.rpartition(b":")[2])
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer), return_exceptions=True)
        else:
            await reader.readexactly(4)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nproxied")
            await writer.drain()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    finally:
        writer.close()


@asynccontextmanager
async def proxying(refuse: bytes = b"") -> AsyncGenerator[Proxy]:
    proxy = Proxy(refuse)
    listener = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    proxy.url = f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        listener.close()
        await asyncio.gather(*proxy.calls)


async def test_tls_with_the_operators_ca(tmp_path: Path) -> None:
    ca = trustme.CA()
    file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    async with secured(ca, "localhost") as (server, port):
        upstream = HttpUpstream()
        for _ in range(2):
            answer = await upstream.open(config(ca_file=str(file)), f"https://localhost:{port}/x", {}, b"body", stream=False)
            assert await answer.read(10) == b"hello"
            answer.close()
        assert server.connections == 1
        await upstream.aclose()


@pytest.mark.parametrize(("name", "trusted"), [("localhost", False), ("other.example", True)])
async def test_a_certificate_that_does_not_fit(tmp_path: Path, name: str, trusted: bool) -> None:
    ca = trustme.CA()
    file = tmp_path / "ca.pem"
    (ca if trusted else trustme.CA()).cert_pem.write_to_path(str(file))
    async with secured(ca, name) as (server, port):
        upstream = HttpUpstream()
        with pytest.raises(UpstreamFailure) as failure:
            await upstream.open(config(ca_file=str(file)), f"https://localhost:{port}/x", {"authorization": "s"}, b"body", stream=False)
        assert failure.value.phase == "connect"
        assert server.heads == []
        await upstream.aclose()


async def test_tls_through_a_proxy(tmp_path: Path) -> None:
    ca = trustme.CA()
    file = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    async with secured(ca, "api.example") as (server, port), proxying() as proxy:
        upstream = HttpUpstream()
        through = config(ca_file=str(file), proxy=f"http://user:p%40ss@{proxy.url}")
        answer = await upstream.open(through, f"https://api.example:{port}/x", {"authorization": "secret"}, b"body", stream=False)
        assert await answer.read(10) == b"hello"
        answer.close()
        assert proxy.heads == [
            f"CONNECT api.example:{port} HTTP/1.1\r\nHost: api.example:{port}\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n".encode()
        ]
        assert b"proxy-authorization" not in server.heads[0].lower()
        await upstream.aclose()


async def test_a_proxy_that_refuses() -> None:
    async with proxying(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as proxy:
        upstream = HttpUpstream()
        with pytest.raises(UpstreamFailure, match="407") as failure:
            await upstream.open(config(proxy=f"http://{proxy.url}"), "https://api.example/x", {}, b"body", stream=False)
        assert failure.value.phase == "connect"
        await upstream.aclose()


async def test_plain_http_through_a_proxy() -> None:
    async with proxying() as proxy:
        upstream = HttpUpstream()
        answer = await upstream.open(config(proxy=f"http://{proxy.url}"), "http://api.example/x?y=1", {}, b"body", stream=False)
        assert await answer.read(10) == b"proxied"
        assert proxy.heads[0].startswith(b"POST http://api.example/x?y=1 HTTP/1.1\r\nhost: api.example\r\n")
        await upstream.aclose()


async def test_a_header_with_a_line_break_is_not_sent() -> None:
    async with serving(hello) as (server, upstream):
        with pytest.raises(UpstreamFailure, match="line break"):
            await upstream.open(config(), server.url, {"x": "a\r\nb: c"}, b"", stream=False)
        assert server.heads == []


async def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing() -> None:
    async def closing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if server.connections == 1 and len(server.heads) == 2:
            writer.close()
        else:
            await hello(_reader, writer)

    async with serving(closing) as (server, upstream):
        for _ in range(2):
            answer = await upstream.open(config(), server.url, {}, b"", stream=False)
            assert await answer.read(10) == b"hello"
            answer.close()
        assert server.connections == 2


async def test_framing_without_a_body_leaves_nobody_waiting() -> None:
    """However much of it there is: the socket is left alone only where there is something to read."""

    async def wordy(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;" + b"x" * 4 * BUFFER + b"\r\nhello\r\n0\r\n\r\n")
        await writer.drain()

    async with serving(wordy) as (server, upstream):
        answer = await upstream.open(config(), server.url, {}, b"", stream=False)
        assert await answer.read(10) == b"hello"
        answer.close()


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nx-a: 1\r\nx-a: 2\r\n\r\nall of it")
        await writer.drain()
        writer.close()

    async with serving(endless) as (server, upstream):
        answer = await upstream.open(config(), server.url, {}, b"", stream=False)
        assert (answer.status, answer.headers) == (200, {"x-a": "2"})
        assert await answer.read(100) == b"all of it"
        answer.close()


async def test_a_reader_that_is_slow_holds_the_provider_back() -> None:
    sent = 0

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 30000000\r\n\r\n")
        for _ in range(30):
            writer.write(b"x" * 1_000_000)
            await writer.drain()
            sent += 1

    async with serving(flood) as (server, upstream):
        answer = await upstream.open(config(), server.url, {}, b"", stream=True)
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert sent < 20
        assert len(await answer.read(30_000_000)) == 30_000_000
        answer.close()
