"""A stream of ConverseStream: frames of an event stream in, neutral events out.

A block of text or reasoning begins with its first delta, since only tools and images have a start of their own. Blocks that only Bedrock
knows (tools that it runs), images and encrypted reasoning are collected and come out whole when they stop. The stop is told by
`messageStop`, usage by the `metadata` after it; what else these two say travels as a `NativeEvent` under the name of its event.
"""

import base64
import binascii
from collections.abc import Callable

from tidegate.dialects.bedrock_converse.decode_blocks import decode_citation
from tidegate.dialects.bedrock_converse.errors import exception_of
from tidegate.dialects.bedrock_converse.fields import NAME
from tidegate.dialects.bedrock_converse.response import answer_block, upstream_error
from tidegate.dialects.bedrock_converse.stop import decode_stop
from tidegate.dialects.bedrock_converse.usage import decode_usage
from tidegate.dialects.values import object_or_empty, parse, text_or_empty
from tidegate.ir import events as ev
from tidegate.ir.content import Block, Origin, Text, Thinking, ToolUse
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.response import Stop
from tidegate.wire.eventstream import EXCEPTION

_PADDING = "p"
"""Bytes that hide how long a piece is; they say nothing (Bedrock user guide, streaming)."""


class _Open:
    """A block between its start and its stop. `index` is its neutral one, -1 while it is collected: `whole` is what it becomes then.
    `kind` is the block's that was begun."""

    __slots__ = ("index", "kind", "pieces", "redacted", "whole")

    def __init__(self, index: int, whole: JsonObject | None = None, kind: type[Block] | None = None) -> None:
        self.index = index
        self.kind = kind
        self.whole = whole
        self.pieces: list[str] = []
        self.redacted: list[str] = []


class ConverseStreamDecoder:
    """One stream. `origin` is where its signatures are made."""

    __slots__ = ("_blocks", "_done", "_next", "_origin", "_started", "_stop")

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._blocks: dict[int, _Open] = {}
        self._next = 0
        self._stop: Stop | None = None
        self._started = False
        self._done = False

    def feed(self, event: str, data: bytes) -> list[ev.Event]:
        if self._done:
            return []
        try:
            raw = parse(data)
        except ValueError:
            raw = None
        if event.startswith(EXCEPTION):
            return self._fail(exception_of(event, raw))
        if type(raw) is not dict:
            return self._fail(upstream_error("an event of the provider's stream is not a JSON object"))
        raw.pop(_PADDING, None)
        handler = _HANDLERS.get(event)
        if handler is None:
            return [ev.NativeEvent(NAME, {event: raw})]
        try:
            return [*self._begun(), *handler(self, raw)]
        except GatewayError as error:
            return self._fail(error.error)

    def end(self) -> list[ev.Event]:
        if self._done:
            return []
        if self._stop is not None:
            return self._finish()
        return self._fail(
            Error(
                kind=ErrorKind.UPSTREAM,
                message="the provider's stream ended before its answer did",
                code="upstream_stream_interrupted",
            )
        )

    def _fail(self, error: Error) -> list[ev.Event]:
        self._done = True
        return [ev.Failed(error)]

    def _begun(self) -> list[ev.Event]:
        if self._started:
            return []
        self._started = True
        return [ev.Started("", self._origin.model, dialect=NAME)]

    def on_start(self, raw: JsonObject) -> list[ev.Event]:
        del raw
        return []

    def on_block_start(self, raw: JsonObject) -> list[ev.Event]:
        place = _place(raw)
        if place in self._blocks:
            raise GatewayError(upstream_error("the provider's stream starts a block twice"))
        start = object_or_empty(raw.get("start"))
        use = start.get("toolUse")
        if type(use) is not dict or type(use.get("type")) is str:
            self._blocks[place] = _Open(-1, {name: dict(value) if type(value) is dict else value for name, value in start.items()})
            return []
        block = ToolUse(text_or_empty(use.get("toolUseId")), text_or_empty(use.get("name")), "")
        opened = self._opened(place, ToolUse)
        return [ev.BlockStart(opened.index, block)]

    def _opened(self, place: int, kind: type[Block]) -> _Open:
        opened = self._blocks[place] = _Open(self._next, kind=kind)
        self._next += 1
        return opened

    def on_delta(self, raw: JsonObject) -> list[ev.Event]:
        place, delta = _place(raw), object_or_empty(raw.get("delta"))
        opened = self._blocks.get(place)
        if opened is not None and opened.whole is not None:
            _collect(opened, opened.whole, delta)
            return []
        text, reasoning = delta.get("text"), delta.get("reasoningContent")
        if type(text) is str:
            start, opened = self._at(place, Text(""))
            return [*start, ev.TextDelta(opened.index, text)]
        if type(reasoning) is dict:
            return self._reasoning(place, reasoning)
        citation = decode_citation(delta.get("citation"))
        if citation is not None:
            start, opened = self._at(place, Text(""))
            return [*start, ev.CitationDelta(opened.index, citation)]
        use = delta.get("toolUse")
        if type(use) is not dict:
            return [ev.NativeEvent(NAME, {"contentBlockDelta": raw})]
        if opened is None or opened.kind is not ToolUse:
            raise GatewayError(upstream_error("the provider's stream continues a tool call that is not open"))
        arguments = text_or_empty(use.get("input"))
        return [ev.ArgsDelta(opened.index, arguments)] if arguments else []

    def _at(self, place: int, block: Text | Thinking) -> tuple[list[ev.Event], _Open]:
        """The open block at a place, begun as `block` where there is none."""
        opened = self._blocks.get(place)
        if opened is not None:
            if opened.kind is not type(block):
                raise GatewayError(upstream_error("a piece of the provider's stream does not fit its block"))
            return [], opened
        opened = self._opened(place, type(block))
        return [ev.BlockStart(opened.index, block)], opened

    def _reasoning(self, place: int, reasoning: JsonObject) -> list[ev.Event]:
        redacted = reasoning.get("redactedContent")
        if type(redacted) is str:
            opened = self._blocks.setdefault(place, _Open(-1))
            opened.redacted.append(redacted)
            return []
        start, opened = self._at(place, Thinking("", origin=self._origin))
        text, signature = text_or_empty(reasoning.get("text")), text_or_empty(reasoning.get("signature")) or None
        return [*start, ev.ThinkingDelta(opened.index, text, signature)] if text or signature is not None else start

    def on_block_stop(self, raw: JsonObject) -> list[ev.Event]:
        opened = self._blocks.pop(_place(raw), None)
        return [] if opened is None else self._close(opened)

    def _close(self, opened: _Open) -> list[ev.Event]:
        out: list[ev.Event] = [] if opened.index < 0 else [ev.BlockStop(opened.index)]
        if opened.redacted:
            out += self._whole(Thinking("", None, _joined(opened.redacted), self._origin))
        if opened.whole is not None:
            block = answer_block(_put_together(opened, opened.whole), self._origin)
            out += self._whole(block)
        return out

    def _whole(self, block: Block) -> list[ev.Event]:
        index = self._next
        self._next += 1
        if not isinstance(block, Text):
            return [ev.BlockStart(index, block), ev.BlockStop(index)]
        return [ev.BlockStart(index, Text("", extras=block.extras)), ev.TextDelta(index, block.text), ev.BlockStop(index)]

    def on_stop(self, raw: JsonObject) -> list[ev.Event]:
        more = object_or_empty(raw.get("additionalModelResponseFields"))
        # Streams put the fields into `delta` (recording lingua-0b14ec2e2927).
        sequence = more.get("stop_sequence") or object_or_empty(more.get("delta")).get("stop_sequence")
        self._stop = decode_stop(raw.get("stopReason"), sequence)
        return self._beside("messageStop", raw, "stopReason")

    def on_metadata(self, raw: JsonObject) -> list[ev.Event]:
        usage = decode_usage(raw.get("usage"))
        out: list[ev.Event] = [] if usage is None else [ev.UsageReport(usage)]
        out += self._beside("metadata", raw, "usage")
        return out if self._stop is None else [*out, *self._finish()]

    def _beside(self, event: str, raw: JsonObject, known: str) -> list[ev.Event]:
        rest: JsonObject = {name: value for name, value in raw.items() if name != known and value is not None}
        return [ev.NativeEvent(NAME, {event: rest})] if rest else []

    def _finish(self) -> list[ev.Event]:
        self._done = True
        out: list[ev.Event] = []
        for opened in self._blocks.values():
            out += self._close(opened)
        self._blocks.clear()
        out.append(ev.Finished(self._stop or Stop("unknown")))
        return out


_HANDLERS: dict[str, Callable[[ConverseStreamDecoder, JsonObject], list[ev.Event]]] = {
    "messageStart": ConverseStreamDecoder.on_start,
    "contentBlockStart": ConverseStreamDecoder.on_block_start,
    "contentBlockDelta": ConverseStreamDecoder.on_delta,
    "contentBlockStop": ConverseStreamDecoder.on_block_stop,
    "messageStop": ConverseStreamDecoder.on_stop,
    "metadata": ConverseStreamDecoder.on_metadata,
}


def _place(raw: JsonObject) -> int:
    index = raw.get("contentBlockIndex")
    if type(index) is not int:
        raise GatewayError(upstream_error("an event of the provider's stream names no block"))
    return index


def _joined(pieces: list[str]) -> str:
    """Pieces of base64 as one."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece, validate=True) for piece in pieces)).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)


def _collect(opened: _Open, whole: JsonObject, delta: JsonObject) -> None:
    """Adds a delta to a block that comes out whole: pieces of an input, parts of a result, or fields."""
    for kind, piece in delta.items():
        inner = whole.setdefault(kind, {})
        if type(inner) is not dict:
            continue
        if kind == "toolUse":
            opened.pieces.append(text_or_empty(object_or_empty(piece).get("input")))
        elif type(piece) is list:
            content = inner.setdefault("content", [])
            if type(content) is list:
                content += piece
        elif type(piece) is dict:
            inner |= piece


def _put_together(opened: _Open, whole: JsonObject) -> JsonObject:
    use = whole.get("toolUse")
    if type(use) is not dict:
        return whole
    text = "".join(opened.pieces)
    try:
        arguments: Json = parse(text.encode()) if text else {}
    except ValueError:
        arguments = {"arguments": text}
    return {**whole, "toolUse": {**use, "input": arguments}}
