import json
from typing import Any

from tests.unit.sandbox.test_engine import outcome

from tidegate.sandbox.anthropic import ANTHROPIC
from tidegate.sandbox.anthropic_history import signature

FULL = {
    "reasoning": 3,
    "redacted": 1,
    "n": 5,
    "web_search": "tides",
    "tool_calls": [{"name": "a", "arguments": {"x": [1, 2, 3]}}, {"name": "b", "arguments": {}}],
}


def whole(prompt: Any, **fields: Any) -> Any:
    answer = outcome(ANTHROPIC, prompt, **fields)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def stream(prompt: Any, **fields: Any) -> list[Any]:
    answer = outcome(ANTHROPIC, prompt, stream=True, **fields)
    assert answer.frames is not None, answer.body
    events: list[Any] = []
    for frame in b"".join(frame for frame, _ in answer.frames).decode().split("\n\n")[:-1]:
        name, data = frame.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


def folded(events: list[Any]) -> list[Any]:
    """The blocks that the events make; asserts that each is opened once, in order, and closed before the next."""
    blocks: list[Any] = []
    opened = False
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert not opened
                assert event["index"] == len(blocks)
                blocks.append({**event["content_block"], "json": ""})
                opened = True
            case "content_block_delta":
                assert opened
                assert event["index"] == len(blocks) - 1
                delta = {name: value for name, value in event["delta"].items() if name != "type"}
                for name, value in delta.items():
                    target = "json" if name == "partial_json" else name
                    blocks[-1][target] += value
            case "content_block_stop":
                opened = False
            case _:
                assert not opened
    for block in blocks:
        arguments = block.pop("json")
        if block["type"] == "tool_use":
            block["input"] = json.loads(arguments or "{}")
    return blocks


def test_the_stream_is_the_whole_answer() -> None:
    body, events = whole(FULL), stream(FULL)
    assert folded(events) == body["content"]
    assert events[-2]["delta"] == {"stop_reason": body["stop_reason"], "stop_sequence": None}
    assert events[-2]["usage"]["output_tokens"] == body["usage"]["output_tokens"] == 5 + 3 + 1 + 1 + 3
    assert {name: body[name] for name in ("id", "model", "role", "type")} == {
        name: events[0]["message"][name] for name in ("id", "model", "role", "type")
    }


def test_the_order_of_a_stream() -> None:
    kinds = [event["type"] for event in stream({"n": 2})]
    block = ["content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"]
    assert kinds == ["message_start", "ping", *block, "message_delta", "message_stop"]


def test_thinking_is_signed_at_the_end_of_its_block() -> None:
    events = [event for event in stream({"n": 1, "reasoning": 2}) if event["type"] == "content_block_delta" and event["index"] == 0]
    assert [event["delta"]["type"] for event in events] == ["thinking_delta", "thinking_delta", "signature_delta"]
    block = whole({"n": 1, "reasoning": 2})["content"][0]
    assert block["signature"] == signature(block["thinking"])


def test_a_call_without_arguments_has_one_empty_delta_only() -> None:
    parts = [event["delta"]["partial_json"] for event in stream({"tool_calls": [{"name": "a"}]}) if event["type"] == "content_block_delta"]
    assert "".join(parts) == ""


def test_input_usage_is_disjoint() -> None:
    usage = whole({"n": 1, "cached": 50, "cache_write": 10, "input_tokens": 100})["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (40, 50, 10)
    assert stream({"n": 1, "cached": 50})[0]["message"]["usage"]["cache_read_input_tokens"] == 50


def test_usage_can_be_odd() -> None:
    assert whole({"n": 1, "usage": {"output_tokens": "9"}})["usage"]["output_tokens"] == "9"
    assert stream({"n": 1, "usage_start": {"input_tokens": -5}})[0]["message"]["usage"]["input_tokens"] == -5
    assert whole({"n": 1, "mode": "zero_usage"})["usage"]["output_tokens"] == 0
    assert "usage" not in whole({"n": 1, "mode": "no_usage"})
    events = stream({"n": 1, "mode": "no_usage"})
    assert "usage" not in events[0]["message"]
    assert "usage" not in events[-2]


def test_stop_reasons() -> None:
    assert whole({"n": 9}, max_tokens=2)["stop_reason"] == "max_tokens"
    assert whole({"text": "one two"}, stop_sequences=["two"])["stop_sequence"] == "two"
    assert whole({"refusal": True})["stop_reason"] == "refusal"
    assert whole({"n": 1, "stop": "pause"})["stop_reason"] == "pause_turn"
    assert whole({"n": 1, "stop": "model_context_window_exceeded"})["stop_reason"] == "model_context_window_exceeded"


def test_dup_done_ends_twice() -> None:
    assert [event["type"] for event in stream({"n": 1, "mode": "dup_done"})][-2:] == ["message_stop"] * 2


def test_every_token_of_a_stream_is_in_one_event() -> None:
    answer = outcome(ANTHROPIC, FULL, stream=True)
    assert sum(tokens for _, tokens in answer.frames or ()) == answer.tokens


def test_errors() -> None:
    error = json.loads(ANTHROPIC.error(529, None, "busy", None, None, "req_9"))
    assert error == {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}, "request_id": "req_9"}
    assert ANTHROPIC.error_event(True).startswith(b"event: error\n")
    assert b'"type":"odd"' in ANTHROPIC.error_event("odd")
    assert b'"message":"mine"' in ANTHROPIC.error_event({"message": "mine"})
