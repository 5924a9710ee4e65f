"""A stream for an Anthropic client: neutral events in, server-sent events out.

Blocks follow each other strictly and are numbered without gaps: while one is open, the events of later ones are held back. Input
tokens that are not known at the start are restated by the final `message_delta`, as Anthropic's SDKs accept. After `Failed` comes the
error event and nothing else.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast

import msgspec

from tidegate.dialects.anthropic.answer_blocks import AnswerBlocks, signature_of
from tidegate.dialects.anthropic.decode_blocks import NAME
from tidegate.dialects.anthropic.errors import encode_stream_error
from tidegate.dialects.anthropic.response import TIERS
from tidegate.dialects.anthropic.stop import encode_stop
from tidegate.dialects.anthropic.usage import encode_delta_usage, encode_usage, foreign_counters
from tidegate.dialects.base import Stamp
from tidegate.dialects.unread import note_event
from tidegate.ir import events as ev
from tidegate.ir.content import Block, Native, Refusal, Text, Thinking, ToolUse
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.usage import Usage
from tidegate.wire.sse import frame

_json = msgspec.json.Encoder().encode
_Delta = ev.TextDelta | ev.ThinkingDelta | ev.ArgsDelta | ev.CitationDelta


class _Current:
    """The block that is being written. `at` is its neutral index, `out` its number on the wire (-1: not written at all); `prefix`
    is what stands before the text of its deltas; `begun` says that arguments began as an object does, `held` are arguments that did not."""

    __slots__ = ("at", "begun", "block", "held", "out", "prefix", "signature")

    def __init__(self, at: int, out: int, block: Block) -> None:
        self.at = at
        self.out = out
        self.block = block
        self.held: list[str] | None = None
        self.signature: str | None = None
        self.begun = False
        self.prefix = b""


class AnthropicStreamEncoder:
    """One stream, for the client that asked `request`."""

    __slots__ = (
        "_blocks",
        "_current",
        "_held",
        "_more",
        "_next",
        "_own",
        "_refused",
        "_request",
        "_stamp",
        "_started",
        "_tools",
        "_usage",
        "losses",
    )

    def __init__(self, stamp: Stamp, request: Request) -> None:
        self.losses: list[Loss] = []
        self._stamp = stamp
        self._request = request
        self._own = False
        self._blocks = AnswerBlocks(stamp, self.losses, request, own=False)
        self._started = False
        self._current: _Current | None = None
        self._held: OrderedDict[int, list[ev.Event]] = OrderedDict()
        self._next = 0
        self._usage: Usage | None = None
        self._more: JsonObject = {}
        self._tools = self._refused = False

    def feed(self, event: ev.Event) -> bytes:
        return _HANDLERS[type(event)](self, event)

    def on_delta(self, event: _Delta) -> bytes:
        current = self._current
        if current is not None and current.at == event.index:
            return self._delta(current, event)
        self._held[event.index].append(event)
        return b""

    def on_block_start(self, event: ev.BlockStart) -> bytes:
        if self._current is None:
            return self._open(event)
        self._held[event.index] = [event]
        return b""

    def on_block_stop(self, event: ev.BlockStop) -> bytes:
        if self._current is not None and self._current.at == event.index:
            return self._close() + self._release()
        self._held[event.index].append(event)
        return b""

    def on_usage(self, event: ev.UsageReport) -> bytes:
        self._usage = event.usage
        return b""

    def on_failed(self, event: ev.Failed) -> bytes:
        return encode_stream_error(event.error, "")

    def on_started(self, event: ev.Started) -> bytes:
        self._started = True
        self._own = event.dialect == NAME
        self._blocks = AnswerBlocks(self._stamp, self.losses, self._request, own=self._own)
        self._usage = event.usage
        usage = encode_usage(event.usage, own=self._own)
        if event.service_tier is not None:
            if self._own or event.service_tier in TIERS:
                usage["service_tier"] = event.service_tier
            else:
                self.losses.append(Loss("dropped", "service_tier", "Anthropic has no word for this tier"))
        message: JsonObject = {
            "id": event.id if self._own and event.id else f"msg_{self._stamp.stem}",
            "type": "message",
            "role": "assistant",
            "model": event.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        return _event({"type": "message_start", "message": message})

    def _begun(self) -> bytes:
        return b"" if self._started else self.on_started(ev.Started("", ""))

    def _open(self, event: ev.BlockStart) -> bytes:
        block = event.block
        before = self._begun()
        start = self._blocks.start(block, event.index)
        if start is None:
            self._current = _Current(event.index, -1, block)
            return before
        out = self._next
        self._next += 1
        current = self._current = _Current(event.index, out, block)
        match block:
            case Text():
                current.prefix = _prefix(out, "text_delta", "text")
            case Refusal(text=text):
                self._refused = True
                current.prefix = _prefix(out, "text_delta", "text")
                start["text"] = ""
                return before + self._block_start(out, start) + (current.prefix + _json(text) + b"}}\n\n" if text else b"")
            case ToolUse(kind=kind):
                self._tools = True
                current.held = [] if kind == "custom" else None
                current.prefix = _prefix(out, "input_json_delta", "partial_json")
                piece = self._arguments(current, block.arguments) if block.arguments else b""
                return before + self._block_start(out, start) + piece
            case Thinking():
                current.prefix = _prefix(out, "thinking_delta", "thinking")
            case Native(raw=raw):
                return before + self._native_block(out, raw)
            case _:
                pass
        return before + self._block_start(out, start)

    def _block_start(self, out: int, start: JsonObject) -> bytes:
        return _event({"type": "content_block_start", "index": out, "content_block": start})

    def _native_block(self, out: int, raw: JsonObject) -> bytes:
        """A server tool's use starts with no input and tells it in a delta, as Anthropic does; other blocks start whole."""
        arguments = raw.get("input")
        if type(arguments) is dict and arguments:
            delta: JsonObject = {"type": "input_json_delta", "partial_json": _json(arguments).decode()}
            return self._block_start(out, {**raw, "input": {}}) + _event({"type": "content_block_delta", "index": out, "delta": delta})
        return self._block_start(out, raw)

    def _delta(self, current: _Current, event: _Delta) -> bytes:
        if current.out < 0:
            return b""
        match event:
            case ev.TextDelta(text=text):
                return current.prefix + _json(text) + b"}}\n\n" if text else b""
            case ev.ArgsDelta(text=text):
                return self._arguments(current, text)
            case ev.ThinkingDelta(text=text, signature=signature):
                if signature is not None:
                    current.signature = (current.signature or "") + signature
                return current.prefix + _json(text) + b"}}\n\n" if text else b""
            case ev.CitationDelta(citation=citation):
                raw = self._blocks.citation(citation, event.index)
                if raw is None:
                    return b""
                delta: JsonObject = {"type": "citations_delta", "citation": raw}
                return _event({"type": "content_block_delta", "index": current.out, "delta": delta})

    def _arguments(self, current: _Current, text: str) -> bytes:
        """Pieces pass as they come once the first that is not blank has shown the start of an object; else they are held."""
        if current.held is not None:
            current.held.append(text)
            return b""
        if not current.begun:
            first = text.lstrip()
            if not first:
                return b""
            if first[0] != "{":
                current.held = [text]
                return b""
            current.begun = True
        return current.prefix + _json(text) + b"}}\n\n" if text else b""

    def _close(self) -> bytes:
        current = cast("_Current", self._current)
        self._current = None
        if current.out < 0:
            return b""
        before = b""
        block = current.block
        if isinstance(block, Thinking) and block.redacted is None:
            signature = signature_of(Thinking("", current.signature, None, block.origin))
            if signature is not None:
                before = _prefix(current.out, "signature_delta", "signature") + _json(signature) + b"}}\n\n"
        elif current.held is not None:
            custom = isinstance(block, ToolUse) and block.kind == "custom"
            wrapped = self._blocks.wrapped("".join(current.held), current.at, custom=custom)
            before = current.prefix + _json(_json(wrapped).decode()) + b"}}\n\n"
        return before + b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % current.out

    def _release(self) -> bytes:
        """Writes what was held back, until a block that has not stopped yet is the current one."""
        out: list[bytes] = []
        while self._held and self._current is None:
            # Blocks start in the order of their indexes.
            for event in self._held.popitem(last=False)[1]:
                match event:
                    case ev.BlockStart():
                        out.append(self._open(event))
                    case ev.BlockStop():
                        out.append(self._close())
                    case ev.TextDelta() | ev.ArgsDelta() | ev.ThinkingDelta() | ev.CitationDelta():
                        out.append(self._delta(cast("_Current", self._current), event))
                    case _:
                        pass
        return b"".join(out)

    def on_native(self, event: ev.NativeEvent) -> bytes:
        raw = event.raw
        if event.dialect != NAME:
            note_event(self.losses, event)
            return b""
        if raw.get("type") == "message_delta":
            self._more = raw
            return b""
        return _event(raw)

    def on_finished(self, event: ev.Finished) -> bytes:
        stop = event.stop
        out = [self._begun()]
        while self._current is not None:
            out += (self._close(), self._release())
        delta: JsonObject = {
            "stop_reason": encode_stop(stop, tool_calls=self._tools, refused=self._refused),
            "stop_sequence": stop.sequence,
        }
        more = dict(self._more)
        inside = more.pop("delta", None)
        if type(inside) is dict:
            delta |= cast("dict[str, Json]", inside)
        usage = encode_delta_usage(self._usage, own=self._own)
        self.losses += foreign_counters(self._usage, own=self._own)
        out.append(_event({**more, "type": "message_delta", "delta": delta, "usage": usage}))
        out.append(_event({"type": "message_stop"}))
        return b"".join(out)


# The encoder's own methods, by kind of event. They are named here and not in each encoder, whose references to itself would
# keep every finished stream in memory until the next collection.
_HANDLERS: dict[type, Callable[[AnthropicStreamEncoder, Any], bytes]] = {
    ev.TextDelta: AnthropicStreamEncoder.on_delta,
    ev.ArgsDelta: AnthropicStreamEncoder.on_delta,
    ev.ThinkingDelta: AnthropicStreamEncoder.on_delta,
    ev.CitationDelta: AnthropicStreamEncoder.on_delta,
    ev.BlockStart: AnthropicStreamEncoder.on_block_start,
    ev.BlockStop: AnthropicStreamEncoder.on_block_stop,
    ev.Started: AnthropicStreamEncoder.on_started,
    ev.UsageReport: AnthropicStreamEncoder.on_usage,
    ev.NativeEvent: AnthropicStreamEncoder.on_native,
    ev.Finished: AnthropicStreamEncoder.on_finished,
    ev.Failed: AnthropicStreamEncoder.on_failed,
}


def _event(raw: JsonObject) -> bytes:
    kind = raw.get("type")
    return frame(_json(raw), kind if type(kind) is str else "")


def _prefix(index: int, delta: str, name: str) -> bytes:
    text = f'event: content_block_delta\ndata: {{"type":"content_block_delta","index":{index},"delta":{{"type":"{delta}","{name}":'
    return text.encode()
