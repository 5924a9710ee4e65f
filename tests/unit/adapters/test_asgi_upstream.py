import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.unit.adapters.values import pieces_of

from tidegate.adapters.asgi_upstream import AsgiUpstream
from tidegate.policy.snapshot import Upstream as Config
from tidegate.ports import UpstreamAnswer, UpstreamFailure
from tidegate.providers.spec import ProviderSpec

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def config(kind: str) -> Config:
    spec = ProviderSpec(name=kind, title=kind, dialect="openai_chat", base_url="", auth="none")
    return Config(name=kind, spec=spec, base_url="http://sandbox.invalid/v1", auth="none")


class Others:
    """The port behind: it only says that it was asked."""

    closed = False

    async def open(self, *_args: object, **_kwargs: object) -> UpstreamAnswer:
        raise UpstreamFailure("connect", "asked the other")

    async def aclose(self) -> None:
        self.closed = True


async def opened(app: Callable[..., Awaitable[None]], body: bytes = b"{}") -> UpstreamAnswer:
    upstream = AsgiUpstream("sandbox", app, Others())
    return await upstream.open(config("sandbox"), "http://sandbox.invalid/v1/x?a=b", {"X-Name": "value"}, body, stream=True)


async def start(send: Send, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"Content-Type", b"text/plain")]})


async def test_the_application_gets_the_request_and_its_answer_comes_back_in_pieces() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        seen.update(scope, body=(await receive())["body"])
        await start(send, 201)
        for piece in (b"one", b"", b"two"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    answer = await opened(app, b"body")
    assert (answer.status, answer.headers) == (201, {"content-type": "text/plain"})
    assert [piece async for piece in pieces_of(answer)] == [b"one", b"two"]
    assert (seen["path"], seen["query_string"], seen["headers"], seen["body"]) == ("/v1/x", b"a=b", [(b"x-name", b"value")], b"body")


async def test_other_kinds_go_to_the_port_behind() -> None:
    others = Others()

    async def app(*_args: object) -> None:
        raise AssertionError("not for this kind")

    upstream = AsgiUpstream("sandbox", app, others)
    with pytest.raises(UpstreamFailure, match="asked the other"):
        await upstream.open(config("openai"), "http://sandbox.invalid/v1", {}, b"", stream=False)
    await upstream.aclose()
    assert others.closed


async def test_a_whole_answer_is_read_up_to_the_limit() -> None:
    async def app(_scope: object, _receive: Receive, send: Send) -> None:
        await start(send)
        await send({"type": "http.response.body", "body": b"x" * 10})

    assert await (await opened(app)).read(10) == b"x" * 10
    with pytest.raises(UpstreamFailure, match="longer than 9"):
        await (await opened(app)).read(9)


@pytest.mark.parametrize("error", [ConnectionResetError("cut"), RuntimeError("a bug")])
async def test_an_application_that_fails_is_a_connection_that_broke(error: Exception) -> None:
    async def before(*_args: object) -> None:
        raise error

    async def within(_scope: object, _receive: Receive, send: Send) -> None:
        await start(send)
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise error

    with pytest.raises(UpstreamFailure) as failure:
        await opened(before)
    assert failure.value.phase == "headers"
    answer = await opened(within)
    pieces: list[bytes] = []
    with pytest.raises(UpstreamFailure) as failure:
        async for piece in pieces_of(answer):
            pieces.append(piece)
    assert (pieces, failure.value.phase) == ([b"half"], "body")


async def test_closing_ends_the_application_although_nobody_reads() -> None:
    ended = asyncio.Event()

    async def app(_scope: object, receive: Receive, send: Send) -> None:
        await receive()
        await start(send)
        try:
            while True:
                await send({"type": "http.response.body", "body": b"more", "more_body": True})
        finally:
            ended.set()

    answer = await opened(app)
    answer.close()
    await asyncio.wait_for(ended.wait(), 5)
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_caller_that_leaves_before_the_head_ends_the_application() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def app(*_args: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(opened(app))
    await begun.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 5)
