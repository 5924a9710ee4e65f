"""What is counted of streams that were cut, where the provider did not say; and that nothing is where it did, or where they end well."""

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.support.waiting import soon
from tests.unit.proxy.values import CLAUDE, SSE, STREAM, WHOLE, Given, Got, Letters, Memory, Provider, Slow, silence

from tidegate.dialects.table import DIALECTS
from tidegate.ir.content import Origin, Text
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ir.request import Message, Request
from tidegate.ir.usage import Usage
from tidegate.ports import Unsent, UsageEvent
from tidegate.proxy.delivered import KEPT, Delivered, nothing_delivered
from tidegate.wire.framings import FRAMINGS
from tidegate.wire.framings import SSE as EVENTS

ASKED = Request(dialect="openai_chat", model="m", messages=[Message(role="user", blocks=[Text("12345")])])
"""Nine tokens: its letters, and four for the message."""


def frames(*found: Any) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (str(one.get("type", "")).encode(), json.dumps(one).encode()) for one in found)


def chat(text: str) -> bytes:
    return b"data: " + json.dumps({"model": "m", "choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


def gemini(text: str, output: int) -> bytes:
    usage = {"promptTokenCount": 7, "candidatesTokenCount": output}
    return b"data: " + json.dumps({"candidates": [{"content": {"parts": [{"text": text}]}}], "usageMetadata": usage}).encode() + b"\n\n"


MESSAGE = frames(
    {"type": "message_start", "message": {"id": "m", "model": "m", "usage": {"input_tokens": 7, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "ab"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a"'}},
)


def counted(dialect: str, body: bytes, told: Usage | None, size: int = 100) -> Usage | None:
    delivered = Delivered(FRAMINGS[EVENTS].framer, lambda: DIALECTS[dialect].stream_decoder(Origin(dialect, "p", "m")))
    for at in range(0, len(body), 50):
        delivered.add(body[at : at + 50])
    return delivered.usage(told, Letters(), "m", lambda: ASKED, size)


def test_the_text_of_all_deltas_is_counted_and_the_prompt_where_it_was_not_told() -> None:
    assert counted("openai_chat", chat("Hell") + chat("o!") + chat("never whole")[:-1], None) == Usage(input=9, output=6)
    assert counted("anthropic", MESSAGE, Usage(input=7, output=1)) == Usage(input=7, output=6)


def test_what_a_provider_tells_as_it_goes_stands() -> None:
    told = Usage(input=7, output=4)
    assert counted("gemini", gemini("twelve letters", 2) + gemini("more", 4), told) == told


def test_what_was_told_at_the_end_stands_also_where_the_beginning_alone_is_kept() -> None:
    told = Usage(input=7, output=4)
    assert counted("openai_chat", chat("word ") * 3000, told) == told


def test_nothing_is_less_than_was_told_and_nothing_is_nothing() -> None:
    assert counted("anthropic", MESSAGE, Usage(input=0, output=50)) == Usage(input=0, output=50)
    assert counted("openai_chat", b"", None) == Usage(input=9, output=0)


def test_of_an_answer_of_which_nothing_came_the_prompt_is_counted() -> None:
    def alone(told: Usage | None) -> Usage:
        return nothing_delivered(0, told, Letters(), "m", lambda: ASKED, 100)

    assert alone(None) == Usage(input=9, output=0)
    assert alone(Usage(output=3)) == Usage(input=9, output=3)
    assert alone(Usage(input=7)) == Usage(input=7, output=0)
    assert alone(Usage(input=7, output=4)) == Usage(input=7, output=4)
    assert nothing_delivered(None, None, Letters(), "m", lambda: ASKED, 100) == Usage(input=9), "an output that nobody knows"


def test_bytes_that_are_no_stream_end_the_count() -> None:
    broken = chat("Hello") + b"\xff" * 100 + b"\n\n" + b"data: {\n\n"
    assert counted("openai_chat", broken, None) == Usage(input=9, output=5)


def test_a_long_stream_is_counted_by_its_beginning() -> None:
    whole = b"".join(chat("word " * (place % 3 + 1)) for place in range(3000))
    assert len(whole) > 6 * KEPT
    found = counted("openai_chat", whole, None)
    assert found is not None and found.output is not None
    assert abs(found.output - 30_000) <= 300


def test_a_request_of_no_dialect_of_ours_counts_by_its_bytes() -> None:
    def asked() -> Request:
        raise GatewayError(Error(kind=ErrorKind.UNSUPPORTED, message="strange"))

    delivered = Delivered(FRAMINGS[EVENTS].framer, lambda: DIALECTS["openai_chat"].stream_decoder(Origin("openai_chat", "p", "m")))
    assert delivered.usage(None, Letters(), "m", asked, 400) == Usage(input=101, output=0)


async def test_a_stream_that_the_provider_cuts_is_in_the_ledger_with_what_it_gave() -> None:
    memory = Memory(Given(*STREAM[:2], silence("body"), headers=SSE), Given(MESSAGE, silence("body"), headers=SSE))
    assert (await memory.chat(stream=True)).status == 200
    assert (await memory.chat(CLAUDE, stream=True)).status == 200
    assert [(event.estimated, event.usage) for event in memory.ledger.events] == [
        ("stream_cut", {"input": 6, "output": 5}),
        ("stream_cut", {"input": 7, "output": 6}),
    ]


async def leaver(memory: Memory, calling: Coroutine[Any, Any, Got]) -> UsageEvent:
    """The row of a client that leaves once the provider has its call and, where it answers, the head of its answer has come."""
    running = asyncio.create_task(calling)
    await soon(lambda: memory.provider.sent)
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (event,) = memory.ledger.events
    assert (event.status, event.estimated) == (499, "client_disconnect")
    return event


async def test_a_client_that_leaves_pays_for_what_had_come() -> None:
    given = Slow(*STREAM, headers=SSE)
    given.go(2)
    memory = Memory(given)
    event = await leaver(memory, memory.chat(stream=True))
    assert (event.usage, given.closed) == ({"input": 6, "output": 5}, True)


class Silent(Provider):
    """Takes a call and says nothing; `raises` once it is cancelled."""

    raises: BaseException | None = None

    async def open(self, *args: Any, **more: Any) -> Given:
        await super().open(*args, **more)
        try:
            await asyncio.Event().wait()
        finally:
            if self.raises is not None:
                raise self.raises
        raise AssertionError


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_before_the_answer_pays_for_its_prompt(stream: bool) -> None:
    memory = Memory(provider=Silent(Given()))
    event = await leaver(memory, memory.chat(stream=stream))
    assert (event.upstream_status, event.usage) == (None, {"input": 6, "output": 0})


async def test_of_a_whole_answer_that_had_begun_nobody_knows_the_length() -> None:
    memory = Memory(Slow(WHOLE))
    event = await leaver(memory, memory.chat())
    assert (event.upstream_status, event.usage) == (200, {"input": 6})


async def test_of_a_call_that_was_never_sent_nothing_is_charged() -> None:
    provider = Silent(Given())
    provider.raises = Unsent()
    memory = Memory(provider=provider)
    event = await leaver(memory, memory.chat())
    assert (event.usage, event.cost_nano) == (None, None)


async def test_an_error_that_was_on_its_way_costs_nothing() -> None:
    memory = Memory(Slow(b"{}", status=429))
    event = await leaver(memory, memory.chat())
    assert (event.upstream_status, event.usage) == (429, None)


async def test_what_is_no_generation_counts_by_its_bytes() -> None:
    memory = Memory(Slow(b"{}"))
    body = {"model": "openai/text-embedding-3-small", "input": "Hello"}
    event = await leaver(memory, memory.call("/v1/embeddings", body))
    assert event.usage == {"input": len(memory.provider.sent[0].body) // 4 + 1}


async def test_a_stream_that_ends_well_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("counted")

    monkeypatch.setattr(Delivered, "usage", never)
    memory = Memory(Given(*STREAM, headers=SSE), Given(chat("Hello"), b'data: {"error": {"message": "no"}}\n\n', headers=SSE, status=500))
    assert (await memory.chat(stream=True)).complete
    await memory.chat(stream=True)
    assert [(event.estimated, event.status) for event in memory.ledger.events] == [(None, 200), (None, 500)]
