"""What a provider says that nobody knows is on the receipt of a client of another dialect, of a whole answer and of a stream."""

import json
from typing import Any

import pytest
from tests.laws.subject import STAMP
from tests.laws.subjects.table import SUBJECTS

from tidegate.ir.content import Text
from tidegate.ir.request import Message, Request

BY_NAME = {subject.name: subject for subject in SUBJECTS}
CALL = {"id": "c", "index": 0, "type": "mcp", "mcp": {"name": "look", "arguments": "{}"}}


def sse(*events: Any) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (str(event.get("type", "")).encode(), json.dumps(event).encode()) for event in events)


def chat(delta: dict[str, Any], **choice: Any) -> dict[str, Any]:
    return {"id": "i", "model": "m", "choices": [{"index": 0, "delta": delta, **choice}]}


def lost(dialect: str, body: bytes, *, stream: bool) -> dict[str, set[str]]:
    """By the client's dialect."""
    subject = BY_NAME[dialect]
    found: dict[str, set[str]] = {}
    for client in SUBJECTS:
        request = Request(dialect=client.name, model="m", messages=[Message("user", [Text("Hi")])])
        if client.name == dialect:
            continue
        if stream:
            encoder = client.dialect.stream_encoder(STAMP, request)
            for event in subject.events(body):
                encoder.feed(event)
            losses = encoder.losses
        else:
            losses = client.dialect.encode_response(subject.dialect.decode_response(body, subject.origin), STAMP, request).losses
        fields = [loss.field for loss in losses]
        assert len(fields) == len(set(fields))
        found[client.name] = set(fields)
    return found


@pytest.mark.parametrize(
    ("dialect", "answer", "names"),
    [
        (
            "openai_chat",
            {"choices": [{"index": 0, "new": 1, "message": {"content": "x", "mood": "good", "refusal": None}, "finish_reason": "stop"}]},
            {"choices[0].new", "choices[0].message.mood"},
        ),
        ("openai_chat", {"choices": [{"index": 0, "message": {"tool_calls": [CALL]}}]}, {"content[0]"}),
        ("openai_responses", {"output": [{"type": "reasoning", "summary": [], "mood": 1}], "status": "completed"}, {"output[0].mood"}),
        (
            "gemini",
            {"candidates": [{"content": {"role": "model", "parts": [{"text": "x", "mood": 1}], "new": 2}, "finishReason": "STOP"}]},
            {"candidates[0].content.parts.mood", "candidates[0].content.new"},
        ),
    ],
)
def test_whole_answers(dialect: str, answer: Any, names: set[str]) -> None:
    for client, fields in lost(dialect, json.dumps(answer).encode(), stream=False).items():
        said = {name.replace("output[0]", "content[0]").replace("parts[0]", "content[0]") for name in fields}
        assert {name.replace("output[0]", "content[0]") for name in names} <= said, client


@pytest.mark.parametrize(
    ("dialect", "events", "names"),
    [
        (
            "openai_chat",
            [chat({"content": "a", "mood": 1}, new=3), chat({"content": "b", "mood": 2}), {**chat({}, finish_reason="stop"), "more": 1}],
            {"choices[0].delta.mood", "choices[0].new", "more"},
        ),
        ("openai_chat", [chat({"tool_calls": [CALL]}), chat({}, finish_reason="stop")], {"tool_calls"}),
        (
            "openai_responses",
            [
                {"type": "response.created", "response": {"id": "r"}},
                {"type": "response.mood.delta", "delta": "good"},
                {"type": "response.mood.delta", "delta": "bad"},
                {"type": "response.output_text.done"},
                {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [], "mood": "good"}},
            ],
            {"response.mood.delta", "mood"},
        ),
        (
            "anthropic",
            [
                {"type": "message_start", "message": {"id": "i", "model": "m"}},
                {"type": "mood", "value": 1},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn", "container": {"id": "c"}}, "more": 1},
                {"type": "message_stop"},
            ],
            {"mood", "message_delta.container", "message_delta.more"},
        ),
        (
            "gemini",
            [
                {"candidates": [{"content": {"parts": [{"text": "x", "mood": 1}]}, "finishReason": "STOP"}]},
                {"candidates": [{"content": {"parts": [{"text": "y", "mood": 1}]}, "finishReason": "STOP"}], "more": 1},
            ],
            {"candidates[0].content.parts.mood", "more"},
        ),
    ],
)
def test_streams(dialect: str, events: list[Any], names: set[str]) -> None:
    for client, fields in lost(dialect, sse(*events), stream=True).items():
        assert names <= fields, client
