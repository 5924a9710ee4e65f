"""An independent reader of Gemini's answers: strict about the grammar, and without a line of the gateway's."""

import base64
import json
import re
from typing import Any

from tests.conformance.replay.answer import Answer, ToolCall, counts

_PART = frozenset(
    {"text", "thought", "thoughtSignature", "functionCall", "inlineData", "fileData", "executableCode", "codeExecutionResult"}
)


def read_error(status: int, body: dict[str, Any]) -> Answer:
    """An error answer."""
    answer = Answer(status=status)
    found = body.get("error")
    error = found if isinstance(found, dict) else {}
    if not isinstance(error.get("message"), str) or error.get("code") != status or not isinstance(error.get("status"), str):
        answer.flaws.append(f"not an error of Google's for {status}: {json.dumps(body)[:200]}")
    answer.error = error
    return answer


def read_whole(status: int, raw: bytes) -> Answer:
    """A whole answer."""
    body = json.loads(raw)
    if status != 200:
        return read_error(status, body)
    reader = _Reader()
    reader.piece(body)
    return reader.done()


def read_stream(raw: bytes, *, usage_asked: bool = True) -> Answer:
    """A streamed answer, of events or as an array. Usage is always told."""
    del usage_asked
    reader = _Reader()
    if raw.startswith(b"["):
        pieces: list[Any] = json.loads(raw)
    else:
        events = [event for event in re.split(rb"\r\n\r\n|\n\n", raw) if event]
        if not all(event.startswith(b"data: ") and b"\n" not in event for event in events) or not raw.endswith(b"\n"):
            reader.answer.flaws.append("not one data line in each event")
        pieces = [json.loads(event[6:]) for event in events]
    for piece in pieces:
        if "error" in piece:
            reader.answer.error = piece["error"]
            if piece is not pieces[-1]:
                reader.answer.flaws.append("there is more after an error")
        else:
            reader.piece(piece)
    return reader.done()


class _Reader:
    def __init__(self) -> None:
        self.answer = Answer(status=200)
        self._heads: set[tuple[Any, Any]] = set()

    def piece(self, body: dict[str, Any]) -> None:
        answer, flaws = self.answer, self.answer.flaws
        self._heads.add((body.get("responseId"), body.get("modelVersion")))
        candidates = body.get("candidates") or []
        if len(candidates) > 1 or any(candidate.get("index", 0) != 0 for candidate in candidates):
            flaws.append("not exactly one candidate with index 0")
        for candidate in candidates:
            if answer.finish is not None:
                flaws.append("a candidate after the finish")
            content = candidate.get("content") or {}
            if content and content.get("role") != "model":
                flaws.append(f"role is {content.get('role')!r}")
            for part in content.get("parts") or []:
                self._part(part)
            if candidate.get("finishReason") is not None:
                answer.finish = candidate["finishReason"]
        feedback = (body.get("promptFeedback") or {}).get("blockReason")
        if feedback:
            answer.finish = "SAFETY"
        if body.get("usageMetadata"):
            answer.usage = counts(body["usageMetadata"])

    def _part(self, part: dict[str, Any]) -> None:
        answer = self.answer
        if "thoughtSignature" in part:
            base64.b64decode(part["thoughtSignature"], validate=True)
        if "functionCall" in part:
            call = part["functionCall"]
            if not isinstance(call.get("name"), str) or not isinstance(call.get("args", {}), dict):
                answer.flaws.append(f"not a call: {call}")
            answer.calls.append(ToolCall(call.get("id") or "", call["name"], call.get("args", {})))
        elif part.get("thought"):
            answer.reasoning += part["text"]
        elif "text" in part:
            answer.text += part["text"]
        elif not part.keys() & _PART:
            answer.flaws.append(f"not a part: {json.dumps(part)[:120]}")

    def done(self) -> Answer:
        answer = self.answer
        if answer.error is None:
            if answer.finish is None:
                answer.flaws.append("no finishReason")
            if len({head for head in self._heads if head != (None, None)}) > 1:
                answer.flaws.append(f"the head of a piece changed: {self._heads}")
        elif answer.finish is not None:
            answer.flaws.append("a forged end beside an error")
        ids = [call.id for call in answer.calls if call.id]
        if len(set(ids)) != len(ids):
            answer.flaws.append(f"ids of calls are not unique: {ids}")
        return answer
