"""Clients that leave where the answer is read on: the ledger is exact, and the bounds hold."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.support.client import MemoryClient
from tests.support.waiting import soon
from tests.unit.policy.values import key, snapshot, upstream
from tests.unit.proxy.values import KEY, SSE, STREAM, WHOLE, Given, Memory, Slow

from tidegate.policy.attempts import Rules
from tidegate.policy.route import Planner
from tidegate.policy.snapshot import Route
from tidegate.proxy import drains, relay
from tidegate.proxy.drains import Drains
from tidegate.proxy.server import Gateway

TARGETS = (("openai", "gpt-9"), ("second", "gpt-9"))


class Left:
    """A gateway whose routes differ in what becomes of an answer without a client."""

    def __init__(self, *given: Given, seconds: float = 30.0) -> None:
        self.memory = Memory(*given)
        self.drains = Drains(seconds)
        self.app = msgspec.structs.replace(self.memory.app, drains=self.drains)
        billing = msgspec.structs.replace(upstream("openai"), drains=True)
        routes = (
            Route(name="read", targets=TARGETS[:1]),
            Route(name="not", targets=TARGETS[:1], rules=Rules(drains=False)),
            Route(name="quick", targets=TARGETS, rules=Rules(first_token=0.01)),
        )
        made = snapshot(billing, upstream("second", "openai"), routes=routes, keys=(key("tests", token=KEY),))
        self.app.live.current = Planner(made)
        self._gateway = Gateway(self.app)

    def calls(self, route: str, **fields: Any) -> tuple[asyncio.Task[None], MemoryClient]:
        body = msgspec.json.encode({"model": route, "messages": [{"role": "user", "content": "Hi"}], **fields})
        client = MemoryClient("POST", "/v1/chat/completions", {"authorization": f"Bearer {KEY}"}, body)
        return asyncio.create_task(self._gateway(client)), client

    async def leaves(self, route: str, **fields: Any) -> None:
        """A client that leaves once its call has reached the provider."""
        reached = len(self.memory.provider.sent)
        task, _ = self.calls(route, **fields)
        await soon(lambda: len(self.memory.provider.sent) > reached)
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def rows(self, count: int) -> list[tuple[int, Any, str | None]]:
        await soon(lambda: len(self.memory.ledger.events) >= count)
        return [(event.status, (event.usage or {}).get("output"), event.estimated) for event in self.memory.ledger.events]


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("stream", [True, False])
async def test_the_rest_is_read_and_the_ledger_is_exact(stream: bool) -> None:
    given = Slow(*(STREAM if stream else (WHOLE,)), headers=SSE) if stream else Slow(WHOLE)
    house = Left(given)
    await house.leaves("read", stream=stream)
    assert len(house.drains) == 1
    assert house.memory.ledger.events == []
    given.go()
    assert await house.rows(1) == [(499, 1, None)]
    await turns()
    assert len(house.drains) == 0
    assert given.closed


async def test_a_route_may_say_otherwise() -> None:
    given = Slow(*STREAM, headers=SSE)
    house = Left(given)
    await house.leaves("not", stream=True)
    assert [row[0::2] for row in await house.rows(1)] == [(499, "client_disconnect")]
    assert given.closed


async def test_no_more_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drains, "MOST", 2)
    given = [Slow(*STREAM, headers=SSE) for _ in range(3)]
    house = Left(*given)
    for _ in given:
        await house.leaves("read", stream=True)
    assert (len(house.drains), house.drains.begun, house.drains.refused) == (2, 2, 1)
    assert [row[0::2] for row in await house.rows(1)] == [(499, "client_disconnect")]
    for answer in given:
        answer.go()
    assert [row[2] for row in await house.rows(3)] == ["client_disconnect", None, None]


async def test_no_longer_than_there_is_time() -> None:
    given = Slow(*STREAM, headers=SSE)
    house = Left(given, seconds=0.01)
    await house.leaves("read", stream=True)
    assert [row[0::2] for row in await house.rows(1)] == [(499, "client_disconnect")]
    assert given.closed


async def test_of_a_whole_answer_little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "RETAINED", 10)
    given = Slow(WHOLE)
    house = Left(given)
    await house.leaves("read")
    given.go()
    assert [row[0] for row in await house.rows(1)] == [499]
    assert given.closed


async def test_the_end_of_the_process_ends_them() -> None:
    given = Slow(*STREAM, headers=SSE)
    house = Left(given)
    await house.leaves("read", stream=True)
    await house.drains.aclose()
    assert [row[0::2] for row in await house.rows(1)] == [(499, "client_disconnect")]


async def test_a_target_that_is_too_slow_is_left_for_the_next_as_ever() -> None:
    slow = Slow(*STREAM, headers=SSE)
    house = Left(slow, Given(*STREAM, headers=SSE))
    task, client = house.calls("quick", stream=True, stream_options={"include_usage": True})
    await task
    assert client.sent == b"".join(STREAM)
    assert slow.closed
    assert [row[0] for row in await house.rows(2)] == [504, 200]
    assert house.drains.begun == 0


async def test_who_stays_notices_nothing() -> None:
    house = Left(Given(*STREAM, headers=SSE), Given(b"{}", status=400))
    task, client = house.calls("read", stream=True, stream_options={"include_usage": True})
    await task
    assert client.sent == b"".join(STREAM)
    task, client = house.calls("read")
    await task
    assert client.status == 400
