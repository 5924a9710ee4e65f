import json
from typing import Any

import pytest
from tests.unit.sandbox.test_engine import outcome

from tidegate.sandbox.openai import OPENAI


def whole(prompt: Any, **fields: Any) -> Any:
    answer = outcome(OPENAI, prompt, **fields)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def stream(prompt: Any, **fields: Any) -> list[Any]:
    """The chunks, and `[DONE]` as a string."""
    answer = outcome(OPENAI, prompt, stream=True, **fields)
    assert answer.frames is not None, answer.body
    data = b"".join(frame for frame, _ in answer.frames).decode()
    lines = [line[6:] for line in data.split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def folded(chunks: list[Any]) -> dict[str, Any]:
    """The message that the deltas of choice 0 make."""
    message: dict[str, Any] = {"content": "", "reasoning_content": "", "refusal": "", "tool_calls": {}, "finish_reason": []}
    for chunk in chunks[:-1]:
        for choice in chunk["choices"]:
            delta = choice["delta"]
            for name in ("content", "reasoning_content", "refusal"):
                message[name] += delta.get(name) or ""
            for part in delta.get("tool_calls", []):
                call = message["tool_calls"].setdefault(part["index"], {"arguments": ""})
                call.update({name: value for name, value in part.items() if name in {"id", "type"}})
                call["arguments"] += part["function"]["arguments"]
                call["name"] = part["function"].get("name", call.get("name"))
            if choice["finish_reason"]:
                message["finish_reason"].append(choice["finish_reason"])
    return message


FULL = {"n": 5, "reasoning": 3, "tool_calls": [{"name": "a", "arguments": {"x": [1, 2, 3]}}, {"name": "b", "arguments": "{}"}]}


@pytest.mark.parametrize("script", [FULL, {**FULL, "interleave": True}])
def test_the_stream_is_the_whole_answer(script: Any) -> None:
    message = whole(script)["choices"][0]["message"]
    parts = folded(stream(script))
    assert parts["content"] == message["content"]
    assert parts["reasoning_content"] == message["reasoning_content"]
    calls = [
        {"id": c["id"], "type": c["type"], "function": {"name": c["name"], "arguments": c["arguments"]}}
        for c in parts["tool_calls"].values()
    ]
    assert calls == message["tool_calls"]
    assert parts["finish_reason"] == ["tool_calls"]


def test_the_order_of_a_stream() -> None:
    chunks = stream({"n": 2}, stream_options={"include_usage": True})
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert all("role" not in choice["delta"] for chunk in chunks[1:-1] for choice in chunk["choices"])
    assert chunks[-3]["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert chunks[-2]["choices"] == []
    assert chunks[-2]["usage"]["completion_tokens"] == 2
    assert all(chunk["usage"] is None for chunk in chunks[:-2])
    assert chunks[-1] == "[DONE]"
    assert {chunk["id"] for chunk in chunks[:-1]} == {chunks[0]["id"]}


def test_usage_only_when_asked() -> None:
    assert all("usage" not in chunk for chunk in stream({"n": 2})[:-1])


def test_usage_counts_cached_and_reasoning_tokens() -> None:
    usage = whole({"n": 2, "reasoning": 3, "cached": 50, "cache_write": 10})["usage"]
    assert usage["prompt_tokens"] == 60
    assert usage["prompt_tokens_details"]["cached_tokens"] == 50
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 3
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] == 65


def test_usage_can_be_odd() -> None:
    assert whole({"n": 1, "usage": {"completion_tokens": -1}})["usage"]["completion_tokens"] == -1
    assert whole({"n": 1, "mode": "zero_usage"})["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert "usage" not in whole({"n": 1, "mode": "no_usage"})
    assert all("usage" not in chunk for chunk in stream({"n": 1, "mode": "no_usage"}, stream_options={"include_usage": True})[:-1])


def test_dup_done_ends_twice() -> None:
    assert stream({"n": 1, "mode": "dup_done"})[-2:] == ["[DONE]", "[DONE]"]


def test_a_refusal_has_its_own_field() -> None:
    choice = whole({"refusal": "no thanks"})["choices"][0]
    assert (choice["message"]["refusal"], choice["message"]["content"], choice["finish_reason"]) == ("no thanks", None, "stop")
    assert folded(stream({"refusal": "no thanks"}))["refusal"] == "no thanks"


def test_choices_and_logprobs() -> None:
    body = whole({"n": 4}, n=3, logprobs=True)
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in body["choices"]}) == 3
    assert len(body["choices"][0]["logprobs"]["content"]) == 4
    assert body["usage"]["completion_tokens"] == 12
    assert [c["choices"][0]["index"] for c in stream({"n": 1}, n=2)[:-1]] == [0, 0, 0, 1, 1, 1]


def test_reasoning_may_be_hidden_or_called_otherwise() -> None:
    assert whole({"n": 1, "reasoning": 2, "reasoning_field": "reasoning"})["choices"][0]["message"]["reasoning"]
    hidden = whole({"n": 1, "reasoning": 2, "reasoning_field": "none"})
    assert not {"reasoning", "reasoning_content", "none"} & hidden["choices"][0]["message"].keys()
    assert hidden["usage"]["completion_tokens"] == 3


def test_every_token_of_a_stream_is_in_one_event() -> None:
    for script in (FULL, {"n": 3, "reasoning": 4, "redacted": 2, "reasoning_field": "none"}, {"web_search": "q", "n": 2}):
        answer = outcome(OPENAI, script, stream=True)
        assert sum(tokens for _, tokens in answer.frames or ()) == answer.tokens


def test_pings_are_comments() -> None:
    answer = outcome(OPENAI, {"n": 1, "pings": 2}, stream=True)
    assert [frame for frame, _ in answer.frames or ()][1:3] == [b": keep-alive\n\n"] * 2


def test_errors() -> None:
    error = json.loads(OPENAI.error(429, None, "slow down", "p", None, "r"))["error"]
    assert error == {"message": "slow down", "type": "requests", "param": "p", "code": "rate_limit_exceeded"}
    assert json.loads(OPENAI.error(500, None, "x", None, None, "r"))["error"]["type"] == "server_error"
    assert json.loads(OPENAI.error_event({"type": "odd"})[6:])["error"]["type"] == "odd"
    assert json.loads(OPENAI.error_event("odd")[6:])["error"]["type"] == "odd"
