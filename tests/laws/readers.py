"""Independent readers of what clients get: whole answers and streams of both dialects, read without any of the gateway's decoders.

Each gives the same few facts, and asserts on the way what a strict client would stumble over.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.laws.recorded import sse_events


@dataclass
class Said:
    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    """(id, name, arguments): the arguments as JSON where they are JSON, else their text."""
    stop: str | None = None
    prompt: int | None = None
    cached: int | None = None
    output: int | None = None


def _arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _openai_usage(said: Said, usage: dict[str, Any] | None) -> None:
    if usage is not None:
        prompt, output = usage["prompt_tokens"], usage["completion_tokens"]
        said.prompt, said.output = prompt, output
        said.cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        assert usage["total_tokens"] == prompt + output


def openai_whole(body: bytes) -> Said:
    answer = json.loads(body)
    assert answer["object"] == "chat.completion"
    (choice,) = answer["choices"]
    message = choice["message"]
    assert message["role"] == "assistant"
    said = Said(text=(message.get("content") or "") + (message.get("refusal") or ""), reasoning=message.get("reasoning_content") or "")
    for call in message.get("tool_calls") or []:
        inner = call[call["type"]]
        said.calls.append((call["id"], inner["name"], _arguments(inner["arguments" if call["type"] == "function" else "input"])))
    said.stop = choice["finish_reason"]
    _openai_usage(said, answer.get("usage"))
    return said


def openai_stream(body: bytes) -> Said:
    events = [event.data or b"" for event in sse_events([body])]
    assert events[-1] == b"[DONE]"
    assert events.count(b"[DONE]") == 1
    chunks = [json.loads(event) for event in events[:-1]]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    said = Said()
    parts: dict[int, dict[str, str]] = {}
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert "role" in choices[0]["delta"]
    assert sum("role" in choice["delta"] for choice in choices) == 1
    finishes = [choice["finish_reason"] for choice in choices if choice["finish_reason"] is not None]
    assert len(finishes) == 1
    said.stop = finishes[0]
    for choice in choices:
        delta = choice["delta"]
        said.text += (delta.get("content") or "") + (delta.get("refusal") or "")
        said.reasoning += delta.get("reasoning_content") or ""
        for call in delta.get("tool_calls") or []:
            part = parts.setdefault(call["index"], {"id": "", "name": "", "arguments": ""})
            inner = call.get("function") or call.get("custom") or {}
            part["id"] += call.get("id") or ""
            part["name"] += inner.get("name") or ""
            part["arguments"] += inner.get("arguments") or inner.get("input") or ""
    assert list(parts) == list(range(len(parts)))
    said.calls = [(part["id"], part["name"], _arguments(part["arguments"])) for part in parts.values()]
    for chunk in chunks:
        _openai_usage(said, chunk.get("usage"))
    return said


def _anthropic_usage(said: Said, usage: dict[str, Any]) -> None:
    said.cached = usage.get("cache_read_input_tokens") or 0
    said.prompt = usage["input_tokens"] + said.cached + (usage.get("cache_creation_input_tokens") or 0)
    said.output = usage["output_tokens"]


def anthropic_whole(body: bytes) -> Said:
    answer = json.loads(body)
    assert (answer["type"], answer["role"]) == ("message", "assistant")
    said = Said(stop=answer["stop_reason"])
    for block in answer["content"]:
        _anthropic_block(said, block)
    _anthropic_usage(said, answer["usage"])
    return said


def _anthropic_block(said: Said, block: dict[str, Any]) -> None:
    if block["type"] == "text":
        said.text += block["text"]
    elif block["type"] == "thinking":
        said.reasoning += block["thinking"]
        assert block["signature"]
    elif block["type"] == "tool_use":
        assert isinstance(block["input"], dict)
        said.calls.append((block["id"], block["name"], block["input"]))


def anthropic_stream(body: bytes) -> Said:
    events = [(event.event, json.loads(event.data or b"")) for event in sse_events([body])]
    assert all(name == data["type"] for name, data in events)
    assert events[0][0] == "message_start"
    assert [name for name, _ in events].count("message_start") == 1
    assert events[-1][0] == "message_stop"
    assert events[-2][0] == "message_delta"
    blocks: list[dict[str, Any]] = []
    pieces = ""
    opened = False
    for name, data in events[1:-2]:
        if name == "content_block_start":
            assert not opened
            assert data["index"] == len(blocks)
            opened = True
            pieces = ""
            blocks.append(data["content_block"])
        elif name == "content_block_delta":
            assert opened
            assert data["index"] == len(blocks) - 1
            pieces += _anthropic_delta(blocks[-1], data["delta"])
        elif name == "content_block_stop":
            assert opened
            assert data["index"] == len(blocks) - 1
            opened = False
            if pieces:
                blocks[-1]["input"] = json.loads(pieces)
    assert not opened
    said = Said(stop=events[-2][1]["delta"]["stop_reason"])
    for block in blocks:
        _anthropic_block(said, block)
    _anthropic_usage(said, {**events[0][1]["message"]["usage"], **events[-2][1]["usage"]})
    return said


def _anthropic_delta(block: dict[str, Any], delta: dict[str, Any]) -> str:
    if delta["type"] == "text_delta":
        block["text"] += delta["text"]
    elif delta["type"] == "thinking_delta":
        block["thinking"] += delta["thinking"]
    elif delta["type"] == "signature_delta":
        block["signature"] = delta["signature"]
    elif delta["type"] == "input_json_delta":
        return delta["partial_json"]
    return ""
