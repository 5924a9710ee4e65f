"""ASGI's messages of one request. Over sockets: test_server_beside and the suite of the control API."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, StreamingResponse
from tests.support.client import MemoryClient

from tidegate.adapters.server_asgi import asgi
from tidegate.ports import BrokenBody, SlowBody


def client(body: bytes | Exception = b"", target: str = "/a%20b?q=1") -> MemoryClient:
    return MemoryClient("POST", target, {"x-one": "1"}, body)


async def test_what_is_asked_arrives_and_what_is_answered_leaves() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        body = await request.body()
        told = [request.url.path, request.url.query, request.headers["x-one"], request.client and request.client.host, len(body)]
        await JSONResponse(told, 201, {"x-two": "2"})(scope, receive, send)

    asked = client(b"x" * 2500)
    await asgi(app)(asked)
    assert (asked.status, asked.complete, asked.headers_sent["x-two"]) == (201, True, "2")
    assert asked.json() == ["/a b", "q=1", "1", "127.0.0.1", 2500]


async def test_a_stream_waits_for_a_slow_client() -> None:
    async def pieces() -> AsyncGenerator[str]:
        for number in range(3):
            yield str(number)

    asked = client()
    asked.congested_after = 1
    await asgi(StreamingResponse(pieces()))(asked)
    assert (asked.sent, asked.complete, asked.waits) == (b"012", True, 3)
    assert "content-length" not in asked.headers_sent


async def test_a_body_that_does_not_arrive_is_told() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(ClientDisconnect):
            await Request(scope, receive).body()
        await JSONResponse("nobody reads this", 499)(scope, receive, send)

    asked = client(SlowBody())
    await asgi(app)(asked)
    assert (asked.status, asked.complete) == (408, True)


async def test_what_is_no_http_reaches_no_application() -> None:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError

    asked = client(BrokenBody())
    await asgi(app)(asked)
    assert (asked.status, asked.complete) == (400, True)


async def test_what_a_client_that_left_has_asked_for_is_done_to_its_end() -> None:
    begun, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        await request.body()
        begun.set()
        await go.wait()
        assert await request.is_disconnected()
        await JSONResponse("too late")(scope, receive, send)
        done.set()

    asked = client()
    task = asyncio.ensure_future(asgi(app)(asked))
    await begun.wait()
    task.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()
    assert asked.status == 0
