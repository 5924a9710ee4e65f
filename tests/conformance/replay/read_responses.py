"""An independent reader of answers of OpenAI's Responses API: strict about the grammar, and without a line of the gateway's."""

import json
import re
from typing import Any

from tests.conformance.replay.answer import Answer, ToolCall, arguments_of, counts

_DETAILS = (("input_tokens_details", "cached_tokens"), ("output_tokens_details", "reasoning_tokens"))
_ENDS = ("response.completed", "response.incomplete", "response.failed")
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_DELTAS = {
    "response.output_text": ("text", "message"),
    "response.refusal": ("refusal", "message"),
    "response.function_call_arguments": ("arguments", "function_call"),
    "response.custom_tool_call_input": ("input", "custom_tool_call"),
    "response.reasoning_summary_text": ("text", "reasoning"),
    "response.reasoning_text": ("text", "reasoning"),
}
_SHARED = ("id", "object", "created_at", "model")


def read_error(status: int, body: dict[str, Any]) -> Answer:
    """An error answer."""
    answer = Answer(status=status)
    found = body.get("error")
    error = found if isinstance(found, dict) else {}
    if not isinstance(error.get("message"), str) or not isinstance(error.get("type"), str):
        answer.flaws.append(f"not an OpenAI error: {json.dumps(body)[:200]}")
    answer.error = error
    return answer


def read_whole(status: int, raw: bytes) -> Answer:
    """A whole answer."""
    body = json.loads(raw)
    if status != 200:
        return read_error(status, body)
    answer = Answer(status=status)
    _response(answer, body)
    return answer


def read_stream(raw: bytes, *, usage_asked: bool = True) -> Answer:
    """A streamed answer. Usage is always told."""
    del usage_asked
    return _Reader().read(raw)


def _response(answer: Answer, body: dict[str, Any]) -> None:
    flaws = answer.flaws
    for name, kind in (("id", str), ("object", str), ("created_at", int), ("model", str), ("output", list), ("tools", list)):
        if not isinstance(body.get(name), kind):
            flaws.append(f"`{name}` is {body.get(name)!r}")
    if body.get("object") != "response":
        flaws.append(f"object is {body.get('object')!r}")
    ids = [item.get("id") for item in body.get("output") or []]
    if not all(ids) or len(set(ids)) != len(ids):
        flaws.append(f"ids of items are not unique: {ids}")
    for item in body.get("output") or []:
        _add(answer, item)
    answer.usage = counts(body.get("usage"), _DETAILS)
    status, details = body.get("status"), body.get("incomplete_details")
    answer.finish = f"{status}:{details.get('reason')}" if isinstance(details, dict) else status
    if answer.finish not in ("completed", "incomplete:max_output_tokens", "incomplete:content_filter"):
        flaws.append(f"status is {answer.finish!r}")
    ids = [call.id for call in answer.calls]
    if not all(ids) or len(set(ids)) != len(ids):
        flaws.append(f"tool call ids are not unique: {ids}")


def _add(answer: Answer, item: dict[str, Any]) -> None:
    match item.get("type"):
        case "message" if item.get("role") == "assistant" and isinstance(item.get("content"), list):
            for part in item["content"]:
                if part.get("type") == "output_text" and isinstance(part.get("annotations"), list):
                    answer.text += part["text"]
                elif part.get("type") == "refusal":
                    answer.refusal += part["refusal"]
                else:
                    answer.flaws.append(f"not a content part: {json.dumps(part)[:200]}")
        case "reasoning" if isinstance(item.get("summary"), list):
            answer.reasoning += "".join(part["text"] for part in [*item["summary"], *(item.get("content") or [])])
        case "function_call" | "custom_tool_call" as kind if isinstance(item.get("name"), str):
            text = item.get(_CALLS[kind])
            answer.calls.append(ToolCall(item.get("call_id") or "", item["name"], arguments_of(text) if text is not None else None))
        case str() as kind if kind.endswith(("_call", "_output", "_tools", "_request")) or kind in ("program", "compaction"):
            pass
        case _:
            answer.flaws.append(f"not an item: {json.dumps(item)[:200]}")


class _Reader:
    def __init__(self) -> None:
        self._answer = Answer(status=200)
        self._number = 0
        self._shared: dict[str, Any] | None = None
        self._items: list[dict[str, Any]] = []
        self._said: dict[tuple[Any, ...], str] = {}
        self._done: list[dict[str, Any] | None] = []
        self._ended = False

    def read(self, raw: bytes) -> Answer:
        answer, flaws = self._answer, self._answer.flaws
        if raw and not raw.endswith(b"\n\n"):
            flaws.append("the stream ends within an event")
        for event in re.split(rb"\n\n", raw):
            lines = [line for line in event.split(b"\n") if line and not line.startswith(b":")]
            if not lines:
                continue
            if len(lines) != 2 or not lines[0].startswith(b"event: ") or not lines[1].startswith(b"data: "):
                flaws.append(f"not an event with one data line: {event[:100]!r}")
                continue
            data = json.loads(lines[1][6:])
            if data.get("type") != lines[0][7:].decode():
                flaws.append(f"an event is called {lines[0][7:]!r} and is {data.get('type')!r}")
            self._event(data)
        if answer.error is None and not self._ended:
            flaws.append("no end")
        return answer

    def _event(self, data: dict[str, Any]) -> None:
        answer, flaws, kind = self._answer, self._answer.flaws, data["type"]
        failed = answer.error is not None and kind == "response.failed"
        if self._ended or (answer.error is not None and not failed):
            flaws.append(f"{kind} after the end")
        if data.get("sequence_number") != self._number and kind != "error":
            flaws.append(f"{kind} has the number {data.get('sequence_number')}, expected {self._number}")
        self._number += 1
        if kind == "error":
            found = read_error(200, data)
            answer.error = found.error
            flaws.extend(found.flaws)
        elif "response" in data:
            self._life(kind, data["response"])
        elif self._shared is None:
            flaws.append(f"{kind} before response.created")
        elif kind == "response.output_item.added":
            self._added(data)
        elif kind == "response.output_item.done":
            self._finished(data)
        else:
            self._piece(kind, data)

    def _life(self, kind: str, response: dict[str, Any]) -> None:
        answer, flaws = self._answer, self._answer.flaws
        shared = {name: response.get(name) for name in _SHARED}
        if (self._number == 1) != (kind == "response.created") or (self._shared is not None and shared != self._shared):
            flaws.append(f"{kind} out of turn: {shared} and {self._shared}")
        self._shared = shared
        if kind not in _ENDS:
            return
        self._ended = True
        if kind == "response.failed":
            answer.error = answer.error or response["error"]
            return
        _response(answer, response)
        if f"response.{response['status']}" != kind:
            flaws.append(f"{kind} of a response that is {response['status']}")
        told = [item | {"status": "?"} for item in self._done if item is not None]
        if None in self._done or told != [item | {"status": "?"} for item in response["output"]]:
            flaws.append("the items of the response are not those that were told")

    def _added(self, data: dict[str, Any]) -> None:
        if data.get("output_index") != len(self._items) or not data["item"].get("id"):
            self._answer.flaws.append(f"an item starts out of turn: {data}")
        self._items.append(data["item"])
        self._done.append(None)

    def _finished(self, data: dict[str, Any]) -> None:
        index, item = data["output_index"], data["item"]
        if not 0 <= index < len(self._items) or self._done[index] is not None:
            self._answer.flaws.append(f"an item is done that is not open: {data}")
            return
        self._done[index] = item
        if item["type"] != self._items[index]["type"]:
            self._answer.flaws.append(f"an item changed: {self._items[index]} to {item}")
        told = "".join(text for key, text in self._said.items() if key[1] == index)
        mine = Answer(status=200)
        _add(mine, item)
        wanted = item[_CALLS[item["type"]]] if item["type"] in _CALLS else mine.text + mine.refusal + mine.reasoning
        if item["type"] in (*_CALLS, "message", "reasoning") and told != wanted:
            self._answer.flaws.append(f"the pieces of an item are {told[-80:]!r}, it is {wanted[-80:]!r}")

    def _piece(self, kind: str, data: dict[str, Any]) -> None:
        flaws, index = self._answer.flaws, data.get("output_index")
        if not isinstance(index, int) or not 0 <= index < len(self._items) or self._done[index] is not None:
            flaws.append(f"{kind} without its item: {data}")
            return
        name, _, step = kind.rpartition(".")
        if name not in _DELTAS:
            return
        field, item = _DELTAS[name]
        if data.get("item_id") != self._items[index]["id"] or self._items[index]["type"] != item:
            flaws.append(f"{kind} of another item: {data}")
        key = (name, index, data.get("content_index"), data.get("summary_index"))
        if step == "delta":
            self._said[key] = self._said.get(key, "") + data["delta"]
        elif step == "done" and data[field] != self._said.get(key, ""):
            flaws.append(f"{kind} says {data[field][-80:]!r}, its pieces {self._said.get(key, '')[-80:]!r}")
