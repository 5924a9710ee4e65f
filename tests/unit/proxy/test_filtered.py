"""Answers that the provider's filter held back: another target is asked where the route says so, and where there is one."""

import json
from typing import Any

import pytest
from tests.unit.proxy.test_through import TWO, memory, sent
from tests.unit.proxy.values import DONE, SSE, STREAM, USAGE, WHOLE, Given, chunk

from tidegate.policy.pace import Hedge

HELD_BACK = json.dumps(json.loads(WHOLE) | {"choices": [{"index": 0, "message": {"role": "assistant"}, "finish_reason": "content_filter"}]})
EMPTY = (chunk({"role": "assistant", "content": ""}), chunk({}, "content_filter"), chunk(None, usage=USAGE), DONE)
BEGUN = (chunk({"role": "assistant", "content": "Hel"}), chunk({}, "content_filter"), chunk(None, usage=USAGE), DONE)
ASKED: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


async def test_a_whole_answer_that_was_held_back_is_asked_of_the_next_target() -> None:
    made = memory(Given(HELD_BACK.encode()), Given(WHOLE), on_content_filter=True)
    got = await made.chat("r")
    assert (got.status, got.body) == (200, WHOLE)
    assert sent(made) == ["openai", "second"]
    first = made.ledger.events[0]
    assert (first.status, first.upstream_status, first.usage) == (400, 200, made.ledger.events[1].usage)


@pytest.mark.parametrize("parts", [EMPTY, (b"".join(EMPTY),), tuple(bytes([byte]) for byte in b"".join(EMPTY))])
async def test_a_stream_that_was_held_back_is_asked_of_the_next_target(parts: tuple[bytes, ...]) -> None:
    made = memory(Given(*parts, headers=SSE), Given(*STREAM, headers=SSE), on_content_filter=True)
    got = await made.chat("r", **ASKED)
    assert got.body == b"".join(STREAM)
    assert made.ledger.events[0].usage == made.ledger.events[1].usage


async def test_for_a_client_of_another_dialect_too() -> None:
    made = memory(Given(*EMPTY, headers=SSE), Given(*STREAM, headers=SSE), on_content_filter=True)
    got = await made.message("r", stream=True)
    assert b"Hello" in got.body
    assert sent(made) == ["openai", "second"]


@pytest.mark.parametrize("stream", [False, True])
async def test_where_a_second_attempt_may_run_beside_it_too(stream: bool) -> None:
    held, given = (Given(*EMPTY, headers=SSE), Given(*STREAM, headers=SSE)) if stream else (Given(HELD_BACK.encode()), Given(WHOLE))
    made = memory(held, given, on_content_filter=True, hedge=Hedge(60.0, 1.0))
    got = await made.chat("r", **(ASKED if stream else {}))
    assert got.body == (b"".join(STREAM) if stream else WHOLE)
    assert sent(made) == ["openai", "second"]


async def test_once_there_is_content_the_filter_is_the_clients_to_see() -> None:
    made = memory(Given(*BEGUN, headers=SSE), on_content_filter=True)
    got = await made.chat("r", **ASKED)
    assert got.body == b"".join(BEGUN)


@pytest.mark.parametrize(("targets", "asks"), [(TWO, False), (TWO[:1], True)])
async def test_where_nobody_else_is_asked_the_answer_stays_as_it_came(targets: tuple[tuple[str, str], ...], asks: bool) -> None:
    made = memory(Given(HELD_BACK.encode()), Given(*EMPTY, headers=SSE), targets=targets, on_content_filter=asks, retries=2)
    got = await made.chat("r")
    assert (got.status, got.body) == (200, HELD_BACK.encode())
    assert (await made.chat("r", **ASKED)).body == b"".join(EMPTY)
    assert len(made.ledger.events) == 2
