"""Neutral events to the typed events of a response's stream, for clients of this dialect. What is the same in all events of an item is
encoded once; items may be open at the same time, since each event names its own."""

from tidegate.dialects.base import Stamp
from tidegate.dialects.openai_responses.answer import AnswerItems
from tidegate.dialects.openai_responses.encode_response import frame_of
from tidegate.dialects.openai_responses.errors import error_event, failure_of
from tidegate.dialects.openai_responses.fields import DONE, NAME
from tidegate.dialects.openai_responses.reasoning import item_for_client
from tidegate.dialects.openai_responses.status import encode_stop
from tidegate.dialects.openai_responses.usage import encode_usage, nothing_yet
from tidegate.dialects.unread import note_event
from tidegate.dialects.values import dump, object_or_empty, text_or_empty
from tidegate.ir import events as ev
from tidegate.ir.content import Block, Citation, Refusal, Text, Thinking, ToolUse
from tidegate.ir.errors import Error
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.usage import Usage

_STAMPED = frozenset(("type", "sequence_number"))


class _Open:
    """A block between its start and its stop. `head` is the beginning of its delta events up to the number; empty where its pieces are held
    until they are whole. `at` is the item's place in the output."""

    __slots__ = ("at", "before", "block", "call_id", "citations", "head", "item_id", "pieces", "signature")

    def __init__(self, block: Block, at: int, item_id: str, before: int) -> None:
        self.block = block
        self.at = at
        self.item_id = item_id
        self.before = before
        self.call_id = ""
        self.head = b""
        self.pieces: list[str] = []
        self.citations: list[Citation] = []
        self.signature: str | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class ResponsesStreamEncoder:
    """See `dialects.base.StreamEncoder`."""

    def __init__(self, stamp: Stamp, request: Request) -> None:
        self.losses: list[Loss] = []
        self._stamp = stamp
        self._request = request
        self._items = AnswerItems(stamp, request, self.losses, own=False)
        self._frame: JsonObject = {}
        self._begun = False
        self._number = 0
        self._length = 0
        self._open: dict[int, _Open] = {}
        self._output: list[JsonObject | None] = []
        self._usage: Usage | None = None

    def feed(self, event: ev.Event) -> bytes:
        match event:
            case ev.TextDelta(index=index, text=text):
                self._length += len(text)
                return self._delta(index, text)
            case ev.ArgsDelta(index=index, text=text):
                return self._delta(index, text)
            case ev.ThinkingDelta(index=index, text=text, signature=signature):
                if signature is not None:
                    opened = self._open[index]
                    opened.signature = (opened.signature or "") + signature
                return self._delta(index, text)
            case ev.BlockStart(index=index, block=block):
                return self._start(index, block)
            case ev.BlockStop(index=index):
                return self._stop(index)
            case _:
                return self._once(event)

    def _once(self, event: ev.Event) -> bytes:
        """The events that a stream has once, or seldom."""
        match event:
            case ev.CitationDelta(index=index, citation=citation):
                return self._cite(index, citation)
            case ev.Started():
                return self._begin(event)
            case ev.UsageReport(usage=usage):
                self._usage = usage
            case ev.Finished(stop=stop):
                status, details = encode_stop(stop)
                if status == "incomplete" and self._output:
                    last = self._output[-1]
                    if last is not None and last.get("type") in ("message", "function_call"):
                        last["status"] = status
                return self._end(f"response.{status if details else DONE}", {"status": status, "incomplete_details": details})
            case ev.Failed(error=error):
                return self._fail(error)
            case ev.NativeEvent(dialect=dialect, raw=raw):
                if dialect == NAME:
                    kind = text_or_empty(raw.get("type"))
                    return self._started() + self._event(kind, {name: value for name, value in raw.items() if name not in _STAMPED})
                note_event(self.losses, event)
            case _:
                pass
        return b""

    def _event(self, kind: str, fields: JsonObject) -> bytes:
        number, self._number = self._number, self._number + 1
        return b"event: " + kind.encode() + b"\ndata: " + dump({"type": kind, "sequence_number": number, **fields}) + b"\n\n"

    def _begin(self, event: ev.Started) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        self._items.own = own = event.dialect == NAME
        self._frame = frame_of(event.id if own else "", event.model, event.created, event.service_tier, self._stamp, self._request)
        response: JsonObject = {**self._frame, "status": "in_progress", "incomplete_details": None, "output": [], "usage": nothing_yet()}
        return self._event("response.created", {"response": response}) + self._event("response.in_progress", {"response": response})

    def _started(self) -> bytes:
        return b"" if self._begun else self._begin(ev.Started("", ""))

    def _end(self, kind: str, fields: JsonObject) -> bytes:
        begun = self._started()
        output: list[Json] = [item for item in self._output if item is not None]
        response: JsonObject = {**self._frame, **fields, "output": output}
        if self._usage is not None:
            response["usage"] = encode_usage(self._usage, own=self._items.own)
        return begun + self._event(kind, {"response": response})

    def _fail(self, error: Error) -> bytes:
        begun = self._started()
        number, self._number = self._number, self._number + 1
        failed: JsonObject = {"status": "failed", "error": failure_of(error), "incomplete_details": None}
        return begun + error_event(error, number) + self._end("response.failed", failed)

    def _start(self, index: int, block: Block) -> bytes:
        out = self._started()
        at = len(self._output)
        match block:
            case Text():
                opened = self._opened(index, block, at, "msg")
                opened.head = self._head("response.output_text.delta", opened, {"content_index": 0, "logprobs": []})
                out += self._added(opened, self._items.message(block.extras, [], index, "in_progress"))
                part: JsonObject = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
                out += self._of(opened, "response.content_part.added", {"content_index": 0, "part": part})
            case Refusal():
                opened = self._opened(index, block, at, "msg")
                opened.head = self._head("response.refusal.delta", opened, {"content_index": 0})
                out += self._added(opened, self._items.message({}, [], index, "in_progress"))
                out += self._of(opened, "response.content_part.added", {"content_index": 0, "part": {"type": "refusal", "refusal": ""}})
            case Thinking():
                opened = self._opened(index, block, at, "rs")
                opened.signature = block.signature
                out += self._added(opened, {"id": opened.item_id, "type": "reasoning", "summary": []})
            case ToolUse():
                return out + self._start_call(index, block, at)
            case _:
                item = self._items.item(block, index, self._length)
                if item is None:
                    return out
                self._output.append(item)
                number: JsonObject = {"output_index": at, "item": item}
                return out + self._event("response.output_item.added", number) + self._event("response.output_item.done", number)
        start = block.text
        return out + self._delta(index, start) if start else out

    def _opened(self, index: int, block: Block, at: int, kind: str) -> _Open:
        opened = self._open[index] = _Open(block, at, self._items.item_id(kind, index), self._length)
        self._output.append(None)
        return opened

    def _start_call(self, index: int, block: ToolUse, at: int) -> bytes:
        """Calls of the client's own kinds that came as functions are told when they are whole."""
        builtin = block.builtin or self._items.builtin(block)
        wrapped = self._items.asked.wrapped(block)
        custom = block.kind == "custom" or wrapped
        opened = self._opened(index, block, at, "ctc" if custom else "fc")
        opened.call_id = self._items.ids.take(block.id)
        if builtin is None and not wrapped:
            kind = "response.custom_tool_call_input.delta" if custom else "response.function_call_arguments.delta"
            opened.head = self._head(kind, opened, {})
        if builtin is not None:
            opened.pieces.append(block.arguments)
            return b""
        out = self._added(opened, self._items.call(block, opened.call_id, "", index, "in_progress"))
        return out + self._delta(index, block.arguments) if block.arguments else out

    def _head(self, kind: str, opened: _Open, fields: JsonObject) -> bytes:
        shared = dump({"type": kind, "item_id": opened.item_id, "output_index": opened.at, **fields})[:-1]
        return b"event: " + kind.encode() + b"\ndata: " + shared + b',"sequence_number":'

    def _of(self, opened: _Open, kind: str, fields: JsonObject) -> bytes:
        return self._event(kind, {"item_id": opened.item_id, "output_index": opened.at, **fields})

    def _added(self, opened: _Open, item: JsonObject) -> bytes:
        return self._event("response.output_item.added", {"output_index": opened.at, "item": item})

    def _delta(self, index: int, text: str) -> bytes:
        opened = self._open.get(index)
        if opened is None or not text:
            return b""
        out = b""
        if not opened.pieces and isinstance(opened.block, Thinking):
            opened.head = self._head("response.reasoning_summary_text.delta", opened, {"summary_index": 0})
            part: JsonObject = {"summary_index": 0, "part": {"type": "summary_text", "text": ""}}
            out = self._of(opened, "response.reasoning_summary_part.added", part)
        opened.pieces.append(text)
        if not opened.head:
            return out
        return out + self._piece(opened, text)

    def _piece(self, opened: _Open, text: str) -> bytes:
        number, self._number = self._number, self._number + 1
        return opened.head + b"%d" % number + b',"delta":' + dump(text) + b"}\n\n"

    def _cite(self, index: int, citation: Citation) -> bytes:
        """Citations of this dialect have their offsets; others get those of what has been said so far."""
        opened = self._open.get(index)
        if opened is None:
            return b""
        annotation = self._items.annotation(citation, index, opened.before, len(opened.text))
        if annotation is None:
            return b""
        place = len(opened.citations)
        opened.citations.append(Citation(NAME, annotation))
        fields: JsonObject = {"content_index": 0, "annotation_index": place, "annotation": annotation}
        return self._of(opened, "response.output_text.annotation.added", fields)

    def _stop(self, index: int) -> bytes:
        opened = self._open.pop(index, None)
        if opened is None:
            return b""
        text = opened.text
        match opened.block:
            case Text():
                part = self._items.text_part(text, opened.citations, opened.block.extras, index, opened.before)
                logprobs = part["logprobs"]
                out = self._of(opened, "response.output_text.done", {"content_index": 0, "text": text, "logprobs": logprobs})
                out += self._of(opened, "response.content_part.done", {"content_index": 0, "part": part})
                return out + self._done(opened, self._items.message(opened.block.extras, [part], index))
            case Refusal():
                refusal: JsonObject = {"type": "refusal", "refusal": text}
                out = self._of(opened, "response.refusal.done", {"content_index": 0, "refusal": text})
                out += self._of(opened, "response.content_part.done", {"content_index": 0, "part": refusal})
                return out + self._done(opened, self._items.message({}, [refusal], index))
            case Thinking():
                return self._stop_thinking(opened, opened.block, text)
            case ToolUse():
                return self._stop_call(opened, opened.block, text, index)
            case _:
                return b""

    def _stop_thinking(self, opened: _Open, block: Thinking, text: str) -> bytes:
        item = item_for_client(block, opened.item_id, text, opened.signature)
        out = b""
        if text:
            out = self._of(opened, "response.reasoning_summary_text.done", {"summary_index": 0, "text": text})
            part: JsonObject = {"summary_index": 0, "part": {"type": "summary_text", "text": text}}
            out += self._of(opened, "response.reasoning_summary_part.done", part)
        return out + self._done(opened, item)

    def _stop_call(self, opened: _Open, block: ToolUse, text: str, index: int) -> bytes:
        custom = block.kind == "custom" or self._items.asked.wrapped(block)
        builtin = block.builtin or self._items.builtin(block)
        # A tool without arguments has no delta; clients parse what they have gathered as JSON.
        item = self._items.call(block, opened.call_id, text if text or custom or builtin else "{}", index)
        if builtin is not None:
            return self._added(opened, item) + self._done(opened, item)
        out = b""
        field = "input" if custom else "arguments"
        kind = "response.custom_tool_call_input" if custom else "response.function_call_arguments"
        said = str(item[field])
        if said and not (opened.head and text):
            opened.head = self._head(f"{kind}.delta", opened, {})
            out = self._piece(opened, said)
        done: JsonObject = {field: said}
        if not custom:
            done["name"] = object_or_empty(item)["name"]
        return out + self._of(opened, f"{kind}.done", done) + self._done(opened, item)

    def _done(self, opened: _Open, item: JsonObject) -> bytes:
        self._output[opened.at] = item
        return self._event("response.output_item.done", {"output_index": opened.at, "item": item})
