"""A stream for a Gemini client: neutral events in, answers with the next parts out. Calls are told when they are whole, in their order.

`GeminiStreamEncoder` writes server-sent events, as clients ask for with `alt=sse`; `GeminiArrayEncoder` the elements of one JSON array,
which is what they get without.
"""

from tidegate.dialects.base import Stamp
from tidegate.dialects.gemini.answer_parts import AnswerParts
from tidegate.dialects.gemini.citations import encode_grounding
from tidegate.dialects.gemini.errors import encode_error
from tidegate.dialects.gemini.finish import encode_finish
from tidegate.dialects.gemini.names import NAME
from tidegate.dialects.gemini.response import combined
from tidegate.dialects.gemini.usage import encode_usage, foreign_counters
from tidegate.dialects.reading import merge
from tidegate.dialects.unread import note_event
from tidegate.dialects.values import dump, object_or_empty
from tidegate.ir import events as ev
from tidegate.ir.content import Block, Citation, Refusal, Text, Thinking, ToolUse
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.usage import Usage


class GeminiStreamEncoder:
    """One stream, for the client that asked `request`."""

    def __init__(self, stamp: Stamp, request: Request) -> None:
        self.losses: list[Loss] = []
        self._stamp = stamp
        self._request = request
        self._own = False
        self._started = ev.Started("", "")
        self._answer_id = stamp.stem
        self._parts = AnswerParts(stamp, self.losses, request, stamp.stem, own=False)
        self._open: dict[int, Block] = {}
        self._pieces: dict[int, list[str]] = {}
        self._calls: list[int] = []
        self._stopped: set[int] = set()
        self._texts: list[str] = []
        self._starts: dict[int, int] = {}
        self._cited: list[tuple[Citation, int, int]] = []
        self._length = 0
        self._usage: Usage | None = None
        self._usage_told = True
        self._beside: JsonObject = {}
        self._refused = False

    def feed(self, event: ev.Event) -> bytes:
        match event:
            case ev.TextDelta(text=text):
                return self._text(text) if text else b""
            case ev.ThinkingDelta():
                return self._thinking(event)
            case ev.ArgsDelta(index=index, text=text):
                self._pieces[index].append(text)
            case ev.BlockStart(index=index, block=block):
                return self._start(index, block)
            case ev.BlockStop(index=index):
                return self._stop(index)
            case ev.CitationDelta(index=index, citation=citation):
                self._cited.append((citation, self._starts.get(index, 0), -1))
            case ev.UsageReport(usage=usage):
                self._usage, self._usage_told = usage, usage == self._usage and self._usage_told
            case ev.Started():
                self._begin(event)
            case ev.NativeEvent():
                self._native(event)
            case ev.Finished():
                return self._finish(event)
            case ev.Failed(error=error):
                return self.failed(encode_error(error, ""))
        return b""

    def framed(self, answer: bytes) -> bytes:
        return b"data: " + answer + b"\r\n\r\n"

    def failed(self, error: bytes) -> bytes:
        return self.framed(error)

    def finished(self, answer: bytes) -> bytes:
        return self.framed(answer)

    def _begin(self, event: ev.Started) -> None:
        self._started = event
        self._own = event.dialect == NAME
        self._answer_id = event.id if self._own else self._stamp.stem
        self._parts = AnswerParts(self._stamp, self.losses, self._request, self._answer_id, own=self._own)
        self._usage, self._usage_told = event.usage, event.usage is None

    def _answer(self, candidate: JsonObject) -> JsonObject:
        answer: JsonObject = {"candidates": [candidate]}
        if self._started.model or not self._own:
            answer["modelVersion"] = self._started.model
        if self._answer_id:
            answer["responseId"] = self._answer_id
        return answer

    def _piece(self, part: JsonObject) -> bytes:
        answer = self._answer({"content": {"role": "model", "parts": [part]}, "index": 0})
        if not self._usage_told:
            # Google tells the counts so far beside each part; here where they have changed.
            self._usage_told = True
            answer["usageMetadata"] = encode_usage(self._usage, self._started.service_tier, own=self._own)
        return self.framed(dump(answer))

    def _text(self, text: str) -> bytes:
        self._texts.append(text)
        self._length += len(text)
        return self._piece({"text": text})

    def _thinking(self, event: ev.ThinkingDelta) -> bytes:
        block = self._open.get(event.index)
        if event.signature is not None and isinstance(block, Thinking):
            block.signature = (block.signature or "") + event.signature
        return self._piece({"text": event.text, "thought": True}) if event.text else b""

    def _start(self, index: int, block: Block) -> bytes:
        match block:
            case Text(text=text) | Refusal(text=text):
                self._starts[index] = self._length
                self._refused = self._refused or isinstance(block, Refusal)
                return self._text(text) if text else b""
            case Thinking(text=text):
                self._open[index] = Thinking("", block.signature, block.redacted, block.origin)
                return self._piece({"text": text, "thought": True}) if text else b""
            case ToolUse():
                self._open[index] = block
                self._pieces[index] = [block.arguments]
                self._calls.append(index)
                return b""
            case _:
                part = self._parts.part(block, index)
                return b"" if part is None else self._piece(part)

    def _stop(self, index: int) -> bytes:
        block = self._open.get(index)
        if isinstance(block, Thinking):
            part = self._parts.thought(block, "")
            return b"" if part is None else self._piece(part)
        if isinstance(block, ToolUse):
            self._stopped.add(index)
            return self._tell_calls()
        return b""

    def _tell_calls(self) -> bytes:
        """The calls that are whole, up to the first that is not."""
        out: list[bytes] = []
        while self._calls and self._calls[0] in self._stopped:
            out.append(self._call(self._calls.pop(0)))
        return b"".join(out)

    def _call(self, index: int) -> bytes:
        block = self._open[index]
        if not isinstance(block, ToolUse):
            return b""
        whole = ToolUse(block.id, block.name, "".join(self._pieces[index]), block.kind, None, block.extras, block.signature, block.origin)
        part = self._parts.part(whole, index)
        return b"" if part is None else self._piece(part)

    def _native(self, event: ev.NativeEvent) -> None:
        if event.dialect == NAME:
            self._beside = combined(self._beside, event.raw)
        else:
            note_event(self.losses, event)

    def _finish(self, event: ev.Finished) -> bytes:
        self._stopped.update(self._calls)
        before = self._tell_calls()
        # As Google's own: the official client's chats forget a turn of which any piece has no part.
        candidate: JsonObject = {"content": {"role": "model", "parts": [{"text": ""}]}, "index": 0}
        if not (self._own and event.stop.raw is None):
            candidate["finishReason"] = encode_finish(event.stop, own=self._own, refused=self._refused)
        cited = [(citation, start, self._length if end < 0 else end) for citation, start, end in self._cited]
        candidate |= object_or_empty(self._beside.get("candidate"))
        grounding = encode_grounding(cited, "".join(self._texts)) if "groundingMetadata" not in candidate else None
        if grounding is not None:
            candidate["groundingMetadata"] = grounding
        answer = self._answer(candidate)
        if "promptFeedback" in self._beside and not self._starts and not self._open:
            del answer["candidates"]
        if self._usage is not None or not self._own:
            answer["usageMetadata"] = encode_usage(self._usage, self._started.service_tier, own=self._own)
            self.losses += foreign_counters(self._usage, own=self._own)
        more: dict[str, Json] = {name: value for name, value in self._beside.items() if name != "candidate"}
        merge(answer, more)
        return before + self.finished(dump(answer))


class GeminiArrayEncoder(GeminiStreamEncoder):
    """The same as the elements of one JSON array."""

    def __init__(self, stamp: Stamp, request: Request) -> None:
        super().__init__(stamp, request)
        self._begun = False

    def framed(self, answer: bytes) -> bytes:
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + answer

    def failed(self, error: bytes) -> bytes:
        return self.framed(error) + b"]"

    def finished(self, answer: bytes) -> bytes:
        return self.framed(answer) + b"]"
