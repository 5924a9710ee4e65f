"""The judges themselves: a good stream has no flaw, and each breach of the grammar is one. Needs no recordings and no gateway."""

import json
from typing import Any

import pytest
from tests.conformance.replay import read_chat, read_messages

Event = dict[str, Any]


def _chunk(delta: Event, finish: str | None = None, **more: Any) -> Event:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


ROLE = _chunk({"role": "assistant", "content": ""})
TEXT = _chunk({"content": "hi"})
CALL = _chunk({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]})
FINISH = _chunk({}, "stop")
USAGE: Event = {**_chunk({}), "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
ERROR: Event = {"error": {"message": "no", "type": "server_error"}}


def _chat(events: list[Event], end: str = "data: [DONE]\n\n", *, usage_asked: bool = True) -> list[str]:
    raw = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + end
    return read_chat.read_stream(raw.encode(), usage_asked=usage_asked).flaws


def test_good_chat_streams() -> None:
    assert _chat([ROLE, TEXT, CALL, FINISH, USAGE]) == []
    assert _chat([ROLE, TEXT, ERROR], end="") == []


@pytest.mark.parametrize(
    "events",
    [
        [TEXT, FINISH],
        [ROLE, ROLE, FINISH],
        [ROLE, TEXT],
        [ROLE, FINISH, FINISH],
        [ROLE, FINISH, TEXT],
        [ROLE, USAGE, FINISH],
        [ROLE, CALL, CALL, FINISH],
        [ROLE, TEXT, ERROR],
        [ROLE, {**TEXT, "id": "chatcmpl-2"}, FINISH],
        [ROLE, _chunk({"tool_calls": [{"index": 1, "id": "c", "type": "function", "function": {"name": "f"}}]}), FINISH],
    ],
)
def test_bad_chat_streams(events: list[Event]) -> None:
    assert _chat(events)


def test_bad_ends_of_chat_streams() -> None:
    assert _chat([ROLE, FINISH], end="")
    assert _chat([ROLE, FINISH], end="data: [DONE]\n\ndata: [DONE]\n\n")
    assert _chat([ROLE, FINISH], end="data: [DONE]\n")
    assert _chat([ROLE, FINISH, USAGE], usage_asked=False)


_MESSAGE: Event = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
START: Event = {"type": "message_start", "message": _MESSAGE}
OPEN: Event = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
DELTA: Event = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}
CLOSE: Event = {"type": "content_block_stop", "index": 0}
TOLD: Event = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 2}}
STOP: Event = {"type": "message_stop"}
FAILED: Event = {"type": "error", "error": {"type": "api_error", "message": "no"}}


def _messages(events: list[Event]) -> list[str]:
    raw = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return read_messages.read_stream(raw.encode()).flaws


def test_good_messages_streams() -> None:
    assert _messages([START, OPEN, DELTA, CLOSE, TOLD, STOP]) == []
    assert _messages([START, OPEN, DELTA, FAILED]) == []


@pytest.mark.parametrize(
    "events",
    [
        [OPEN, DELTA, CLOSE, TOLD, STOP],
        [START, START, TOLD, STOP],
        [START, DELTA, TOLD, STOP],
        [START, OPEN, DELTA, TOLD, STOP],
        [START, OPEN, OPEN, CLOSE, TOLD, STOP],
        [START, {**OPEN, "index": 1}, {**CLOSE, "index": 1}, TOLD, STOP],
        [START, OPEN, CLOSE, TOLD],
        [START, OPEN, CLOSE, STOP],
        [START, TOLD, TOLD, STOP],
        [START, TOLD, STOP, STOP],
        [START, OPEN, FAILED, TOLD, STOP],
        [START, OPEN, {**DELTA, "delta": {"type": "thinking_delta", "thinking": "hm"}}, CLOSE, TOLD, STOP],
        [{**START, "message": {**_MESSAGE, "usage": {}}}, TOLD, STOP],
    ],
)
def test_bad_messages_streams(events: list[Event]) -> None:
    assert _messages(events)
