"""An independent reader of OpenAI chat answers: strict about the grammar, and without a line of the gateway's."""

import json
import re
from typing import Any

from tests.conformance.replay.answer import Answer, ToolCall, arguments_of, counts

_DETAILS = (("prompt_tokens_details", "cached_tokens"), ("completion_tokens_details", "reasoning_tokens"))
_FINISH = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})


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
    flaws = answer.flaws
    for name, kind in (("id", str), ("object", str), ("created", int), ("model", str), ("choices", list)):
        if not isinstance(body.get(name), kind):
            flaws.append(f"`{name}` is {body.get(name)!r}")
    if body.get("object") != "chat.completion":
        flaws.append(f"object is {body.get('object')!r}")
    choices = body.get("choices") or []
    if [choice.get("index") for choice in choices] != [0]:
        flaws.append("not exactly one choice with index 0")
    for choice in choices[:1]:
        message = choice["message"]
        answer.finish = choice.get("finish_reason")
        if message.get("role") != "assistant":
            flaws.append(f"role is {message.get('role')!r}")
        if "content" not in message:
            flaws.append("no `content`")
        answer.text = message.get("content") or ""
        answer.refusal = message.get("refusal") or ""
        answer.reasoning = message.get("reasoning_content") or ""
        for call in message.get("tool_calls") or []:
            if call.get("type") not in ("function", "custom"):
                flaws.append(f"not a tool call: {call!r}")
            name, text = _said(call)
            answer.calls.append(ToolCall(call.get("id") or "", name, arguments_of(text)))
    answer.usage = counts(body.get("usage"), _DETAILS)
    _check_end(answer)
    return answer


def read_stream(raw: bytes, *, usage_asked: bool) -> Answer:
    """A streamed answer."""
    return _Reader(usage_asked).read(raw)


def _said(call: dict[str, Any]) -> tuple[str, str]:
    """Name and input of a call, or of a piece of one, to a function or to a custom tool."""
    if call.get("type") == "custom" or "custom" in call:
        return call["custom"].get("name") or "", call["custom"].get("input") or ""
    function = call.get("function") or {}
    return function.get("name") or "", function.get("arguments") or ""


def _check_end(answer: Answer) -> None:
    if answer.finish not in _FINISH:
        answer.flaws.append(f"finish_reason is {answer.finish!r}")
    ids = [call.id for call in answer.calls]
    if not all(ids) or len(set(ids)) != len(ids):
        answer.flaws.append(f"tool call ids are not unique: {ids}")


class _Reader:
    def __init__(self, usage_asked: bool) -> None:
        self._usage_asked = usage_asked
        self._answer = Answer(status=200)
        self._arguments: list[str] = []
        self._first: dict[str, Any] | None = None
        self._chunks = 0
        self._usage_chunks = 0
        self._done = False

    def read(self, raw: bytes) -> Answer:
        answer, flaws = self._answer, self._answer.flaws
        if raw and not raw.endswith(b"\n\n"):
            flaws.append("the stream ends within an event")
        for event in re.split(rb"\n\n", raw):
            lines = [line for line in event.split(b"\n") if line and not line.startswith(b":")]
            if not lines:
                continue
            if len(lines) != 1 or not lines[0].startswith(b"data: "):
                flaws.append(f"not one data line: {event[:100]!r}")
                continue
            self._data(lines[0][6:])
        for call, text in zip(answer.calls, self._arguments, strict=True):
            call.arguments = arguments_of(text)
        if answer.error is None:
            if not self._done:
                flaws.append("no [DONE]")
            _check_end(answer)
        elif self._done or answer.finish is not None:
            flaws.append("a forged end beside an error")
        return answer

    def _data(self, data: bytes) -> None:
        answer, flaws = self._answer, self._answer.flaws
        if self._done or answer.error is not None:
            flaws.append(f"data after the end: {data[:100]!r}")
        elif data == b"[DONE]":
            self._done = True
        else:
            chunk = json.loads(data)
            if "error" in chunk:
                answer.error = read_error(200, chunk).error
                flaws.extend(read_error(200, chunk).flaws)
            else:
                self._chunk(chunk)

    def _chunk(self, chunk: dict[str, Any]) -> None:
        flaws = self._answer.flaws
        head = {name: chunk.get(name) for name in ("id", "object", "created", "model")}
        if self._first is None:
            self._first = head
            if head["object"] != "chat.completion.chunk" or not head["id"] or not isinstance(head["created"], int):
                flaws.append(f"the head of a chunk is {head}")
        elif head != self._first:
            flaws.append(f"the head of a chunk changed: {self._first} to {head}")
        usage = chunk.get("usage")
        if usage is not None:
            self._usage(chunk)
            return
        if [choice.get("index") for choice in chunk["choices"]] != [0]:
            flaws.append(f"not exactly one choice with index 0: {chunk}")
            return
        if self._usage_chunks:
            flaws.append("a choice after the usage")
        self._choice(chunk["choices"][0])

    def _usage(self, chunk: dict[str, Any]) -> None:
        self._usage_chunks += 1
        self._answer.usage = counts(chunk["usage"], _DETAILS)
        flaws = self._answer.flaws
        if not self._usage_asked:
            flaws.append("usage without being asked")
        if chunk["choices"] or self._usage_chunks > 1 or self._answer.finish is None:
            flaws.append("usage is not one chunk of its own after the finish")

    def _choice(self, choice: dict[str, Any]) -> None:
        answer, delta = self._answer, choice["delta"]
        self._chunks += 1
        if answer.finish is not None:
            answer.flaws.append("a choice after the finish")
        if ("role" in delta) != (self._chunks == 1) or delta.get("role", "assistant") != "assistant":
            answer.flaws.append(f"role in chunk {self._chunks}: {delta.get('role')!r}")
        answer.text += delta.get("content") or ""
        answer.refusal += delta.get("refusal") or ""
        answer.reasoning += delta.get("reasoning_content") or ""
        for part in delta.get("tool_calls") or []:
            self._call(part)
        if choice.get("finish_reason") is not None:
            answer.finish = choice["finish_reason"]

    def _call(self, part: dict[str, Any]) -> None:
        answer = self._answer
        index: int = part["index"]
        name, text = _said(part)
        if index == len(answer.calls):
            if part.get("type") not in ("function", "custom") or not part.get("id") or not name:
                answer.flaws.append(f"a tool call begins without type, id or name: {part}")
            answer.calls.append(ToolCall(part.get("id") or "", name, None))
            self._arguments.append("")
        elif not 0 <= index < len(answer.calls):
            answer.flaws.append(f"a tool call's index is not dense: {part}")
            return
        elif part.get("id") or name:
            answer.flaws.append(f"a tool call is named twice: {part}")
        self._arguments[index] += text
