"""An independent reader of Anthropic answers: strict about the grammar, and without a line of the gateway's."""

import json
import re
from typing import Any

from tests.conformance.replay.answer import Answer, ToolCall, arguments_of, counts

_STOPS = frozenset(
    {"end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded", "compaction"}
)
_DELTAS = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking", "signature_delta": "signature"}
_DELTAS_OF = {
    "text": {"text_delta", "citations_delta"},
    "thinking": {"thinking_delta", "signature_delta"},
    "tool_use": {"input_json_delta"},
    "server_tool_use": {"input_json_delta"},
    "mcp_tool_use": {"input_json_delta"},
    "compaction": {"compaction_delta"},
}


def read_error(status: int, body: dict[str, Any]) -> Answer:
    """An error answer."""
    answer = Answer(status=status)
    found = body.get("error")
    error = found if isinstance(found, dict) else {}
    if body.get("type") != "error" or not isinstance(error.get("type"), str) or not isinstance(error.get("message"), str):
        answer.flaws.append(f"not an Anthropic error: {json.dumps(body)[:200]}")
    answer.error = error
    return answer


def read_whole(status: int, raw: bytes) -> Answer:
    """A whole answer."""
    body = json.loads(raw)
    if status != 200:
        return read_error(status, body)
    answer = Answer(status=status)
    _check_message(answer, body)
    answer.finish = body.get("stop_reason")
    answer.usage = counts(body.get("usage"))
    for block in body.get("content") or []:
        _add(answer, block)
    _check_end(answer)
    return answer


def read_stream(raw: bytes, *, usage_asked: bool = True) -> Answer:
    """A streamed answer. Usage is always told."""
    del usage_asked
    return _Reader().read(raw)


def _check_message(answer: Answer, body: dict[str, Any]) -> None:
    for name, kind in (("id", str), ("model", str), ("content", list), ("usage", dict)):
        if not isinstance(body.get(name), kind):
            answer.flaws.append(f"`{name}` is {body.get(name)!r}")
    if body.get("type") != "message" or body.get("role") != "assistant" or "stop_sequence" not in body or "stop_reason" not in body:
        answer.flaws.append(f"not a message: {json.dumps(body)[:200]}")
    for name in ("input_tokens", "output_tokens"):
        if not isinstance((body.get("usage") or {}).get(name), int):
            answer.flaws.append(f"usage has no {name}")


def _check_end(answer: Answer) -> None:
    if answer.finish not in _STOPS:
        answer.flaws.append(f"stop_reason is {answer.finish!r}")
    ids = [call.id for call in answer.calls]
    if not all(ids) or len(set(ids)) != len(ids):
        answer.flaws.append(f"tool use ids are not unique: {ids}")


def _add(answer: Answer, block: dict[str, Any]) -> None:
    match block.get("type"):
        case "text" if isinstance(block.get("text"), str):
            answer.text += block["text"]
        case "thinking" if isinstance(block.get("thinking"), str) and isinstance(block.get("signature"), str):
            answer.reasoning += block["thinking"]
        case "redacted_thinking" if isinstance(block.get("data"), str):
            pass
        case "tool_use" if isinstance(block.get("name"), str):
            answer.calls.append(ToolCall(block.get("id") or "", block["name"], block.get("input")))
        case "compaction" | "fallback":
            pass
        case str() as kind if kind.endswith(("_tool_result", "_tool_use")):
            pass
        case _:
            answer.flaws.append(f"not a content block: {json.dumps(block)[:200]}")


class _Reader:
    def __init__(self) -> None:
        self._answer = Answer(status=200)
        self._begun = False
        self._blocks = 0
        self._open: dict[str, Any] | None = None
        self._input = ""
        self._told = False
        self._stopped = False

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
        if answer.error is None:
            if not self._stopped:
                flaws.append("no message_stop")
            _check_end(answer)
        elif self._stopped or self._told:
            flaws.append("a forged end beside an error")
        return answer

    def _event(self, data: dict[str, Any]) -> None:
        flaws = self._answer.flaws
        kind = data.get("type")
        if self._stopped or self._answer.error is not None:
            flaws.append(f"{kind} after the end")
        if not self._begun and kind not in ("message_start", "error", "ping"):
            flaws.append(f"{kind} before message_start")
        match kind:
            case "message_start":
                if self._begun:
                    flaws.append("a second message_start")
                self._begun = True
                _check_message(self._answer, data["message"])
                self._answer.usage = counts(data["message"].get("usage"))
            case "content_block_start":
                self._start(data)
            case "content_block_delta":
                self._delta(data)
            case "content_block_stop":
                self._stop(data)
            case "message_delta":
                self._told_end(data)
            case "message_stop":
                self._stopped = True
                if not self._told:
                    flaws.append("message_stop without message_delta")
            case "error":
                read = read_error(200, data)
                self._answer.error = read.error
                flaws.extend(read.flaws)
            case "ping":
                pass
            case _:
                flaws.append(f"an event that is none: {kind}")

    def _start(self, data: dict[str, Any]) -> None:
        if self._open is not None or data.get("index") != self._blocks or self._told:
            self._answer.flaws.append(f"a block starts out of turn: {data}")
        self._open = dict(data["content_block"])
        self._input = ""

    def _delta(self, data: dict[str, Any]) -> None:
        delta, block = data["delta"], self._open
        if block is None or data.get("index") != self._blocks:
            self._answer.flaws.append(f"a delta without its block: {data}")
            return
        kind = delta["type"]
        if kind not in _DELTAS_OF.get(block["type"], ()):
            self._answer.flaws.append(f"{kind} in a block of {block['type']}")
        if kind == "input_json_delta":
            self._input += delta["partial_json"]
        elif kind in _DELTAS:
            name = _DELTAS[kind]
            block[name] = block.get(name, "") + delta[name]

    def _stop(self, data: dict[str, Any]) -> None:
        if self._open is None or data.get("index") != self._blocks:
            self._answer.flaws.append(f"a stop without its block: {data}")
            return
        if self._input:
            self._open["input"] = arguments_of(self._input)
        _add(self._answer, self._open)
        self._open = None
        self._blocks += 1

    def _told_end(self, data: dict[str, Any]) -> None:
        if self._told or self._open is not None:
            self._answer.flaws.append("message_delta out of turn")
        self._told = True
        self._answer.finish = data["delta"].get("stop_reason")
        usage = counts(data.get("usage"))
        if "output_tokens" not in usage:
            self._answer.flaws.append("message_delta without output_tokens")
        self._answer.usage |= usage
