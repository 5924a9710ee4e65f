"""A stream for a client of Converse: neutral events in, frames of an event stream out.

Blocks follow each other strictly and are numbered without gaps. Usage comes last, in `metadata`. After `Failed` comes the exception frame
and nothing else.
"""

from collections.abc import Callable
from typing import Any

from tidegate.dialects.base import Stamp
from tidegate.dialects.bedrock_converse.answer_blocks import AnswerBlocks
from tidegate.dialects.bedrock_converse.encode_blocks import reasoning_of
from tidegate.dialects.bedrock_converse.errors import encode_stream_error
from tidegate.dialects.bedrock_converse.fields import NAME
from tidegate.dialects.bedrock_converse.response import tell_tier
from tidegate.dialects.bedrock_converse.stop import encode_stop
from tidegate.dialects.bedrock_converse.usage import encode_usage, foreign_counters
from tidegate.dialects.sequential import Sequential
from tidegate.dialects.unread import note_event
from tidegate.dialects.values import dump, dump_text, object_or_empty
from tidegate.ir import events as ev
from tidegate.ir.content import Block, Native, Refusal, Text, Thinking, ToolUse
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.usage import Usage
from tidegate.wire.eventstream import frame


class _Current:
    """The block that is being written. `out` is its number on the wire, -1 where it is not written at all; `begun` says that arguments
    began as an object does, `held` are arguments that did not; `told` that a delta was written."""

    __slots__ = ("begun", "block", "held", "out", "signature", "source", "told")

    def __init__(self, source: int, out: int, block: Block) -> None:
        self.source = source
        self.out = out
        self.block = block
        self.held: list[str] | None = None
        self.begun = self.told = False
        self.signature: str | None = None


class ConverseStreamEncoder:
    """One stream, for the client that asked `request`."""

    __slots__ = (
        "_beside",
        "_blocks",
        "_current",
        "_next",
        "_order",
        "_own",
        "_refused",
        "_request",
        "_stamp",
        "_started",
        "_tier",
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
        self._order = Sequential()
        self._started = False
        self._current: _Current | None = None
        self._next = 0
        self._usage: Usage | None = None
        self._tier: str | None = None
        self._beside: JsonObject = {}
        self._tools = self._refused = False

    def feed(self, event: ev.Event) -> bytes:
        return b"".join(_HANDLERS[type(ready)](self, ready) for ready in self._order.feed(event))

    def on_started(self, event: ev.Started) -> bytes:
        self._started = True
        self._own = event.dialect == NAME
        self._blocks = AnswerBlocks(self._stamp, self.losses, self._request, own=self._own)
        self._usage, self._tier = event.usage, event.service_tier
        return frame(b'{"role":"assistant"}', "messageStart")

    def _begun(self) -> bytes:
        return b"" if self._started else self.on_started(ev.Started("", ""))

    def on_block_start(self, event: ev.BlockStart) -> bytes:
        block = event.block
        current = self._current = _Current(event.index, -1, block)
        before = self._begun()
        match block:
            case ToolUse():
                return before + self._tool(current, block)
            case Text():
                self._place(current)
                return before + (self._text(current, block.text) if block.text else b"")
            case Refusal(text=text):
                self._refused = True
                self._place(current)
                return before + (self._text(current, text) if text else b"")
            case Thinking(redacted=None):
                self._place(current)
                return before
            case Thinking():
                self._place(current)
                return before + self._delta_of(current, {"reasoningContent": self._reasoning_delta(block)})
            case _:
                return before + self._whole(current, block)

    def _place(self, current: _Current) -> None:
        current.out = self._next
        self._next += 1

    def _tool(self, current: _Current, block: ToolUse) -> bytes:
        self._tools = True
        self._place(current)
        current.held = [] if block.kind == "custom" else None
        start = self._start(current, {"toolUse": self._blocks.tool(block, current.source)})
        return start + (self._arguments(current, block.arguments) if block.arguments else b"")

    def _whole(self, current: _Current, block: Block) -> bytes:
        """A block that streams have no deltas for: a server tool's use or result, or an image."""
        encoded = self._blocks.whole(block, current.source)
        if encoded is None:
            return b""
        self._place(current)
        if isinstance(block, Native):
            return self._native_block(current, encoded)
        image = object_or_empty(encoded.get("image"))
        start = self._start(current, {"image": {"format": image.get("format")}})
        return start + self._delta_of(current, {"image": {"source": image.get("source")}})

    def _native_block(self, current: _Current, raw: JsonObject) -> bytes:
        start: JsonObject = {}
        delta: JsonObject = {}
        for kind, value in raw.items():
            inner = dict(object_or_empty(value))
            if kind == "toolUse":
                delta[kind] = {"input": dump_text(inner.pop("input", {}))}
            elif kind == "toolResult":
                delta[kind] = inner.pop("content", [])
            start[kind] = inner
        return self._start(current, start) + (self._delta_of(current, delta) if delta else b"")

    def _start(self, current: _Current, start: JsonObject) -> bytes:
        return frame(dump({"contentBlockIndex": current.out, "start": start}), "contentBlockStart")

    def _delta_of(self, current: _Current, delta: JsonObject) -> bytes:
        current.told = True
        return frame(dump({"contentBlockIndex": current.out, "delta": delta}), "contentBlockDelta")

    def _text(self, current: _Current, text: str) -> bytes:
        return self._delta_of(current, {"text": text})

    def _reasoning_delta(self, block: Thinking) -> Json:
        """The delta of encrypted reasoning: what another dialect encrypted goes as a signature."""
        told = reasoning_of(block)
        inner = told.get("reasoningText")
        return {"signature": inner.get("signature")} if type(inner) is dict else told

    def on_delta(self, event: ev.TextDelta | ev.ThinkingDelta | ev.ArgsDelta | ev.CitationDelta) -> bytes:
        current = self._current
        if current is None or current.out < 0:
            return b""
        match event:
            case ev.TextDelta(text=text):
                return self._text(current, text) if text else b""
            case ev.ArgsDelta(text=text):
                return self._arguments(current, text)
            case ev.ThinkingDelta(text=text, signature=signature):
                if signature is not None:
                    current.signature = (current.signature or "") + signature
                return self._delta_of(current, {"reasoningContent": {"text": text}}) if text else b""
            case ev.CitationDelta(citation=citation):
                raw = self._blocks.citation(citation, event.index)
                return b"" if raw is None else self._delta_of(current, {"citation": raw})

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
        return self._delta_of(current, {"toolUse": {"input": text}}) if text else b""

    def on_block_stop(self, event: ev.BlockStop) -> bytes:
        del event
        current, self._current = self._current, None
        if current is None or current.out < 0:
            return b""
        before = b""
        block = current.block
        if isinstance(block, Thinking) and block.redacted is None:
            before = self._signature(current, block)
        elif current.held is not None:
            custom = isinstance(block, ToolUse) and block.kind == "custom"
            wrapped = self._blocks.wrapped("".join(current.held), current.source, custom=custom)
            before = self._delta_of(current, {"toolUse": {"input": dump_text(wrapped)}})
        elif not current.told:
            before = self._empty(current)
        return before + frame(b'{"contentBlockIndex":%d}' % current.out, "contentBlockStop")

    def _empty(self, current: _Current) -> bytes:
        """A block of text begins with its first delta, so there is one; a call without arguments has an empty object."""
        if isinstance(current.block, Text | Refusal):
            return self._text(current, "")
        if isinstance(current.block, ToolUse) and not self._own:
            return self._delta_of(current, {"toolUse": {"input": "{}"}})
        return b""

    def _signature(self, current: _Current, block: Thinking) -> bytes:
        inner = reasoning_of(Thinking("", current.signature, None, block.origin)).get("reasoningText")
        signature = object_or_empty(inner).get("signature")
        if signature is not None:
            return self._delta_of(current, {"reasoningContent": {"signature": signature}})
        return b"" if current.told else self._delta_of(current, {"reasoningContent": {"text": ""}})

    def on_usage(self, event: ev.UsageReport) -> bytes:
        self._usage = event.usage
        return b""

    def on_native(self, event: ev.NativeEvent) -> bytes:
        """What stands beside the stop and beside usage goes back there; other events as they came."""
        if event.dialect != NAME:
            note_event(self.losses, event)
            return b""
        ((name, raw),) = event.raw.items()
        if name in ("messageStop", "metadata"):
            self._beside[name] = raw
            return b""
        return frame(dump(raw), name)

    def on_finished(self, event: ev.Finished) -> bytes:
        stop = event.stop
        ended: JsonObject = {"stopReason": encode_stop(stop, own=self._own, tool_calls=self._tools, refused=self._refused)}
        if stop.sequence is not None:
            ended["additionalModelResponseFields"] = {"stop_sequence": stop.sequence}
        ended |= object_or_empty(self._beside.get("messageStop"))
        told: JsonObject = {"usage": encode_usage(self._usage, own=self._own), "metrics": {"latencyMs": 0}}
        self.losses += foreign_counters(self._usage, own=self._own)
        tell_tier(self._tier, told, self.losses, own=self._own)
        told |= object_or_empty(self._beside.get("metadata"))
        return self._begun() + frame(dump(ended), "messageStop") + frame(dump(told), "metadata")

    def on_failed(self, event: ev.Failed) -> bytes:
        return encode_stream_error(event.error, "")


# The encoder's own methods, by kind of event: an encoder that refers to itself would keep every finished stream in memory until the next
# collection.
_HANDLERS: dict[type, Callable[[ConverseStreamEncoder, Any], bytes]] = {
    ev.TextDelta: ConverseStreamEncoder.on_delta,
    ev.ArgsDelta: ConverseStreamEncoder.on_delta,
    ev.ThinkingDelta: ConverseStreamEncoder.on_delta,
    ev.CitationDelta: ConverseStreamEncoder.on_delta,
    ev.BlockStart: ConverseStreamEncoder.on_block_start,
    ev.BlockStop: ConverseStreamEncoder.on_block_stop,
    ev.Started: ConverseStreamEncoder.on_started,
    ev.UsageReport: ConverseStreamEncoder.on_usage,
    ev.NativeEvent: ConverseStreamEncoder.on_native,
    ev.Finished: ConverseStreamEncoder.on_finished,
    ev.Failed: ConverseStreamEncoder.on_failed,
}
