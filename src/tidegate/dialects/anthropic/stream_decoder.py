"""A stream of `POST /v1/messages`: server-sent events in, neutral events out.

Text, thinking and tool calls come out as they come in. Blocks that only Anthropic knows are collected and come out whole when they
stop. What `message_delta` tells beside the stop (a container, stop details) travels as a `NativeEvent` of that type.
"""

from collections.abc import Callable
from typing import cast

import msgspec

from tidegate.dialects.anthropic.decode_blocks import NAME, decode_citation
from tidegate.dialects.anthropic.errors import error_of
from tidegate.dialects.anthropic.response import answer_block, upstream_error
from tidegate.dialects.anthropic.stop import decode_stop
from tidegate.dialects.anthropic.usage import decode_usage, service_tier
from tidegate.dialects.values import parse_answer
from tidegate.ir import events as ev
from tidegate.ir.content import Block, Native, Origin, Text, Thinking, ToolUse
from tidegate.ir.errors import Error, ErrorKind, GatewayError
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.response import Stop

_DECODER = msgspec.json.Decoder()


class _TextPiece(msgspec.Struct, tag_field="type", tag="text_delta", gc=False):
    text: str


class _TextDelta(msgspec.Struct, tag_field="type", tag="content_block_delta", gc=False):
    """The event that most of a stream consists of, read in one go."""

    index: int
    delta: _TextPiece


_TEXT_DELTA = msgspec.json.Decoder(_TextDelta)
_ENCODER = msgspec.json.Encoder()


class _Open:
    """A block between its start and its stop. `sent` says that a piece of a tool call's arguments was sent."""

    __slots__ = ("arguments", "index", "kind", "native", "pieces", "sent")

    def __init__(self, index: int, kind: type[Block], native: JsonObject | None = None, arguments: str = "") -> None:
        self.index = index
        self.kind = kind
        self.native = native
        self.arguments = arguments
        self.pieces: list[str] = []
        self.sent = False


class AnthropicStreamDecoder:
    """One stream. `origin` is where its signatures are made."""

    __slots__ = ("_blocks", "_done", "_in_text", "_next", "_origin", "_started", "_stop", "_usage")

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._blocks: dict[int, _Open] = {}
        self._in_text = False
        self._next = 0
        self._usage: JsonObject = {}
        self._stop: Stop | None = None
        self._started = self._done = False

    def feed(self, event: str, data: bytes) -> list[ev.Event]:
        if self._done:
            return []
        if event == "content_block_delta" and self._in_text:
            try:
                piece = _TEXT_DELTA.decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass
            else:
                opened = self._blocks.get(piece.index)
                if opened is not None and opened.kind is Text:
                    return [ev.TextDelta(opened.index, piece.delta.text)]
        try:
            raw = parse_answer(data)
        except ValueError:
            # Some providers end their Anthropic-shaped streams as OpenAI does.
            return [] if data.strip() in (b"", b"[DONE]") else self._fail(upstream_error("an event of the provider's stream is not JSON"))
        if type(raw) is not dict:
            return self._fail(upstream_error("an event of the provider's stream is not a JSON object"))
        try:
            return self._handle(cast("JsonObject", raw), event)
        except GatewayError as error:
            return self._fail(error.error)

    def _handle(self, raw: JsonObject, event: str) -> list[ev.Event]:
        kind = raw.get("type") or event
        if type(kind) is not str or not kind:
            if "error" in raw:
                return self.on_error(raw)
            raise GatewayError(upstream_error("an event of the provider's stream has no type"))
        handler = _HANDLERS.get(kind)
        if handler is None:
            return [ev.NativeEvent(NAME, {"type": kind, **raw})]
        # A provider's stream may have lost its start.
        before = [] if self._started or kind in ("message_start", "ping", "error") else self.on_message_start({})
        return [*before, *handler(self, raw)] if before else handler(self, raw)

    def end(self) -> list[ev.Event]:
        if self._done:
            return []
        if self._stop is not None:
            return self.on_message_stop({})
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

    def on_error(self, raw: JsonObject) -> list[ev.Event]:
        return self._fail(error_of(0, raw))

    def on_message_start(self, raw: JsonObject) -> list[ev.Event]:
        message = raw.get("message")
        fields = cast("JsonObject", message) if type(message) is dict else {}
        usage = fields.get("usage")
        if type(usage) is dict:
            self._usage = dict(cast("JsonObject", usage))
        identity, model, counted = fields.get("id"), fields.get("model"), decode_usage(usage)
        if self._started:
            return [] if counted is None else [ev.UsageReport(counted)]
        self._started = True
        started = ev.Started(
            identity if type(identity) is str else "",
            model if type(model) is str else "",
            None,
            service_tier(usage),
            NAME,
            counted,
        )
        return [started] if counted is None else [started, ev.UsageReport(counted)]

    def on_block_start(self, raw: JsonObject) -> list[ev.Event]:
        value = raw.get("content_block")
        block = answer_block(value, self._origin)
        place = _index(raw)
        if place in self._blocks:
            raise GatewayError(upstream_error("the provider's stream starts a block twice"))
        if isinstance(block, Native):
            self._blocks[place] = _Open(-1, Native, dict(block.raw))
            return []
        opened = self._blocks[place] = _Open(self._next, type(block))
        self._in_text = isinstance(block, Text)
        self._next += 1
        index = opened.index
        match block:
            case Text(text=text, citations=citations):
                out: list[ev.Event] = [ev.BlockStart(index, Text("", extras=block.extras))]
                out += [ev.CitationDelta(index, citation) for citation in citations]
                if text:
                    out.append(ev.TextDelta(index, text))
            case Thinking(text=text, signature=signature, redacted=None):
                out = [ev.BlockStart(index, Thinking("", origin=block.origin, extras=block.extras))]
                if text or signature is not None:
                    out.append(ev.ThinkingDelta(index, text, signature))
            case ToolUse():
                opened.arguments = block.arguments
                out = [ev.BlockStart(index, ToolUse(block.id, block.name, "", extras=block.extras))]
            case _:
                out = [ev.BlockStart(index, block)]
        return out

    def on_delta(self, raw: JsonObject) -> list[ev.Event]:
        opened = self._blocks.get(_index(raw))
        delta = raw.get("delta")
        if opened is None or type(delta) is not dict:
            raise GatewayError(upstream_error("the provider's stream continues a block that is not open"))
        fields = cast("JsonObject", delta)
        if opened.native is not None:
            _collect(opened, opened.native, fields)
            return []
        kind = fields.get("type")
        read = _DELTAS.get(kind) if type(kind) is str else None
        if read is None:
            return [ev.NativeEvent(NAME, raw)]
        event = read(opened, fields)
        if event is not None and _BLOCKS[type(event)] is not opened.kind:
            raise GatewayError(upstream_error("a piece of the provider's stream does not fit its block"))
        return [] if event is None else [event]

    def on_block_stop(self, raw: JsonObject) -> list[ev.Event]:
        opened = self._blocks.pop(_index(raw), None)
        return [] if opened is None else self._close(opened)

    def _close(self, opened: _Open) -> list[ev.Event]:
        if opened.native is not None:
            index = self._next
            self._next += 1
            return [ev.BlockStart(index, Native(NAME, _whole(opened, opened.native))), ev.BlockStop(index)]
        if opened.arguments and not opened.sent:
            return [ev.ArgsDelta(opened.index, opened.arguments), ev.BlockStop(opened.index)]
        return [ev.BlockStop(opened.index)]

    def on_message_delta(self, raw: JsonObject) -> list[ev.Event]:
        out: list[ev.Event] = []
        usage = raw.get("usage")
        if type(usage) is dict:
            # The counts are totals so far; what a delta does not name keeps what message_start said.
            self._usage.update({name: value for name, value in cast("JsonObject", usage).items() if value is not None})
            counted = decode_usage(self._usage)
            if counted is not None:
                out.append(ev.UsageReport(counted))
        value = raw.get("delta")
        delta = cast("JsonObject", value) if type(value) is dict else {}
        if delta.get("stop_reason") is not None:
            self._stop = decode_stop(delta["stop_reason"], delta.get("stop_sequence"))
        beside: JsonObject = {name: v for name, v in raw.items() if v is not None and name not in ("type", "delta", "usage")}
        inside: JsonObject = {name: v for name, v in delta.items() if v is not None and name not in ("stop_reason", "stop_sequence")}
        if beside or inside:
            out.append(ev.NativeEvent(NAME, {"type": "message_delta", "delta": inside, **beside}))
        return out

    def on_message_stop(self, raw: JsonObject) -> list[ev.Event]:
        self._done = True
        out: list[ev.Event] = []
        for opened in self._blocks.values():
            out += self._close(opened)
        self._blocks.clear()
        out.append(ev.Finished(self._stop or Stop("unknown")))
        return out


def _nothing(decoder: AnthropicStreamDecoder, raw: JsonObject) -> list[ev.Event]:
    del decoder, raw
    return []


_HANDLERS: dict[str, Callable[[AnthropicStreamDecoder, JsonObject], list[ev.Event]]] = {
    "content_block_delta": AnthropicStreamDecoder.on_delta,
    "content_block_start": AnthropicStreamDecoder.on_block_start,
    "content_block_stop": AnthropicStreamDecoder.on_block_stop,
    "message_start": AnthropicStreamDecoder.on_message_start,
    "message_delta": AnthropicStreamDecoder.on_message_delta,
    "message_stop": AnthropicStreamDecoder.on_message_stop,
    "ping": _nothing,
    "error": AnthropicStreamDecoder.on_error,
}


def _index(raw: JsonObject) -> int:
    index = raw.get("index")
    if type(index) is not int:
        raise GatewayError(upstream_error("an event of the provider's stream names no block"))
    return index


def _piece(fields: JsonObject, name: str) -> str:
    value = fields.get(name)
    return value if type(value) is str else ""


def _text(opened: _Open, delta: JsonObject) -> ev.Event:
    return ev.TextDelta(opened.index, _piece(delta, "text"))


def _arguments(opened: _Open, delta: JsonObject) -> ev.Event | None:
    text = _piece(delta, "partial_json")
    if not text:
        return None
    opened.sent = True
    return ev.ArgsDelta(opened.index, text)


def _thinking(opened: _Open, delta: JsonObject) -> ev.Event:
    return ev.ThinkingDelta(opened.index, _piece(delta, "thinking"))


def _signature(opened: _Open, delta: JsonObject) -> ev.Event | None:
    signature = _piece(delta, "signature")
    return ev.ThinkingDelta(opened.index, "", signature) if signature else None


def _citation(opened: _Open, delta: JsonObject) -> ev.Event | None:
    citation = decode_citation(delta.get("citation"))
    return None if citation is None else ev.CitationDelta(opened.index, citation)


_DELTAS: dict[str, Callable[[_Open, JsonObject], ev.Event | None]] = {
    "text_delta": _text,
    "input_json_delta": _arguments,
    "thinking_delta": _thinking,
    "signature_delta": _signature,
    "citations_delta": _citation,
}


_BLOCKS: dict[type[ev.Event], type[Block]] = {
    ev.TextDelta: Text,
    ev.CitationDelta: Text,
    ev.ThinkingDelta: Thinking,
    ev.ArgsDelta: ToolUse,
}
"""Of which block each is a piece."""


def _collect(opened: _Open, native: JsonObject, delta: JsonObject) -> None:
    """Adds a delta to a block that only Anthropic knows: pieces of a server tool's input, or (compaction) whole fields."""
    if delta.get("type") == "input_json_delta":
        opened.pieces.append(_piece(delta, "partial_json"))
        return
    for name, value in delta.items():
        if name == "type":
            continue
        there = native.get(name)
        native[name] = there + value if isinstance(there, str) and isinstance(value, str) else value


def _whole(opened: _Open, native: JsonObject) -> JsonObject:
    text = "".join(opened.pieces)
    if not text:
        return native
    try:
        arguments: Json = _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError):
        arguments = {"arguments": text}
    return {**native, "input": arguments}
