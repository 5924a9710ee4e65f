"""Neutral events to a stream of chunks, for OpenAI-shaped clients. What is the same in every chunk of a stream is encoded once."""

from tidegate.dialects.asked import Asked, CallIds, unwrapped
from tidegate.dialects.base import Stamp
from tidegate.dialects.media import media_url
from tidegate.dialects.openai_chat.citations import encode_citation
from tidegate.dialects.openai_chat.encode_response import TIERS, citation_loss, legacy_loss, native_loss
from tidegate.dialects.openai_chat.errors import encode_stream_error
from tidegate.dialects.openai_chat.fields import NAME, dump
from tidegate.dialects.openai_chat.finish import encode_finish
from tidegate.dialects.openai_chat.reasoning import CALL_SIGNATURE, call_signature, detail_for_client
from tidegate.dialects.openai_chat.usage import encode_usage
from tidegate.dialects.unread import note_event
from tidegate.ir import events as ev
from tidegate.ir.content import Citation, Image, Native, Refusal, Text, Thinking, ToolUse
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.request import Request
from tidegate.ir.usage import Usage


class _TextBlock:
    """Where a text began, in characters of the content, and what it cites."""

    __slots__ = ("citations", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.citations: list[Citation] = []


class _ThinkingBlock:
    __slots__ = ("block", "signature", "texts")

    def __init__(self, block: Thinking) -> None:
        self.block = block
        self.texts: list[str] = [block.text] if block.text else []
        self.signature = block.signature


class _CallBlock:
    """The head of the chunk of a piece of arguments, and whether one was sent. `held` are the arguments of a free-text tool that came as
    those of a function: they can be unwrapped when they are whole."""

    __slots__ = ("head", "held", "sent", "tail")

    def __init__(self, head: bytes, tail: bytes, sent: bool, held: list[str] | None) -> None:
        self.held = held
        self.head = head
        self.tail = tail
        self.sent = sent


class ChatStreamEncoder:
    """See `dialects.base.StreamEncoder`."""

    def __init__(self, stamp: Stamp, request: Request) -> None:
        self.losses: list[Loss] = []
        self._stamp = stamp
        self._include_usage = request.include_usage
        self._asked = Asked(request)
        self._ids = CallIds(stamp)
        self._head = self._tail = self._tail_in = b""
        self._frame: JsonObject = {}
        self._text_head = self._thinking_head = b""
        self._begun = False
        self._calls = 0
        self._details = 0
        self._length = 0
        self._open: dict[int, object] = {}
        self._usage: Usage | None = None

    def feed(self, event: ev.Event) -> bytes:
        if type(event) is ev.TextDelta:
            return self._text(event.index, event.text) if event.text else b""
        match event:
            case ev.ThinkingDelta():
                return self._thinking(event)
            case ev.ArgsDelta(index=index, text=text):
                return self._arguments(index, text) if text else b""
            case ev.BlockStart():
                return self._start(event)
            case ev.BlockStop(index=index):
                return self._stop(index)
            case _:
                return self._once(event)

    def _once(self, event: ev.Event) -> bytes:
        """The events that a stream has once, or seldom."""
        match event:
            case ev.CitationDelta(index=index, citation=citation):
                self._cite(index, citation)
            case ev.Started():
                return self._begin(event)
            case ev.UsageReport(usage=usage):
                self._usage = usage
            case ev.Finished():
                return self._finish(event)
            case ev.Failed(error=error):
                return encode_stream_error(error, "")
            case ev.NativeEvent(dialect=dialect, raw=raw) if dialect == NAME:
                return self._chunk(raw)
            case ev.NativeEvent():
                note_event(self.losses, event)
            case _:
                pass
        return b""

    def _begin(self, event: ev.Started) -> bytes:
        """Encodes what all chunks share, and the chunk with the role."""
        if self._begun:
            return b""
        self._begun = True
        self._frame = {
            "id": f"chatcmpl-{self._stamp.stem}",
            "object": "chat.completion.chunk",
            "created": self._stamp.created if event.created is None else event.created,
            "model": event.model,
        }
        tier = TIERS.get(event.service_tier or "")
        if tier is not None:
            self._frame["service_tier"] = tier
        usage = b',"usage":null' if self._include_usage else b""
        self._head = b"data: " + dump(self._frame)[:-1] + b',"choices":[{"index":0,"delta":'
        self._tail = b',"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"
        self._text_head = self._head + b'{"content":'
        self._thinking_head = self._head + b'{"reasoning_content":'
        self._tail_in = b"}" + self._tail
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def _chunk(self, delta: JsonObject) -> bytes:
        return self._head + dump(delta) + self._tail

    def _text(self, index: int, text: str) -> bytes:
        if self._open.get(index) is Refusal:
            return self._chunk({"refusal": text})
        self._length += len(text)
        return self._text_head + dump(text) + self._tail_in

    def _thinking(self, event: ev.ThinkingDelta) -> bytes:
        block = self._open.get(event.index)
        if type(block) is _ThinkingBlock:
            if event.signature is not None:
                block.signature = (block.signature or "") + event.signature
            if event.text:
                block.texts.append(event.text)
        return self._thinking_head + dump(event.text) + self._tail_in if event.text else b""

    def _arguments(self, index: int, text: str) -> bytes:
        call = self._open.get(index)
        if type(call) is not _CallBlock:
            return b""
        if call.held is not None:
            call.held.append(text)
            return b""
        call.sent = True
        return call.head + dump(text) + call.tail

    def _start(self, event: ev.BlockStart) -> bytes:
        block = event.block
        match block:
            case Text(text=text):
                self._open[event.index] = _TextBlock(self._length)
                return self._text(event.index, text) if text else b""
            case Thinking():
                self._open[event.index] = _ThinkingBlock(block)
                return self._thinking_head + dump(block.text) + self._tail_in if block.text else b""
            case ToolUse():
                return self._call(event.index, block)
            case Refusal(text=text):
                self._open[event.index] = Refusal
                return self._text(event.index, text) if text else b""
            case Image(source=source):
                picture: Json = {"type": "image_url", "image_url": {"url": media_url(source, f"content[{event.index}]")}}
                return self._chunk({"images": [picture]})
            case Native(dialect=dialect, raw=raw):
                if dialect == NAME:
                    return self._chunk({"content": [raw]})
                self.losses.append(native_loss(event.index, raw))
            case _:
                self.losses.append(Loss("dropped", f"content[{event.index}]", f"a chat completion has no {type(block).__name__}"))
        return b""

    def _call(self, index: int, block: ToolUse) -> bytes:
        place, self._calls = self._calls, self._calls + 1
        if self._asked.legacy:
            return self._function_call(index, block, place)
        wrapped = self._asked.wrapped(block)
        word, field = ("custom", "input") if wrapped or block.kind == "custom" else ("function", "arguments")
        head = f'{{"tool_calls":[{{"index":{place},"{word}":{{"{field}":'.encode()
        sent = word == "custom" or block.arguments != ""
        held = [block.arguments] if wrapped else None
        self._open[index] = _CallBlock(self._head + head, b"}}]}" + self._tail, sent, held)
        inner: JsonObject = {"name": self._asked.name(block), field: "" if wrapped else block.arguments}
        call: JsonObject = {"index": place, "id": self._ids.take(block.id), "type": word, word: inner}
        signature = call_signature(block)
        if signature is not None:
            call[CALL_SIGNATURE] = signature
        return self._chunk({"tool_calls": [call]})

    def _function_call(self, index: int, block: ToolUse, place: int) -> bytes:
        if place:
            self.losses.append(legacy_loss(index))
            return b""
        head = self._head + b'{"function_call":{"arguments":'
        self._open[index] = _CallBlock(head, b"}}" + self._tail, block.arguments != "", None)
        return self._chunk({"function_call": {"name": self._asked.name(block), "arguments": block.arguments}})

    def _stop(self, index: int) -> bytes:
        block = self._open.pop(index, None)
        if type(block) is _ThinkingBlock:
            detail = detail_for_client(block.block, "".join(block.texts), block.signature, self._details)
            if detail is None:
                return b""
            self._details += 1
            return self._chunk({"reasoning_details": [detail]})
        if type(block) is _TextBlock and block.citations:
            found = [encode_citation(citation, block.start, self._length) for citation in block.citations]
            return self._chunk({"annotations": [annotation for annotation in found if annotation is not None]})
        # A tool without arguments has no delta; clients parse what they have gathered as JSON.
        if type(block) is _CallBlock:
            if block.held is not None:
                return block.head + dump(unwrapped("".join(block.held))) + block.tail
            if not block.sent:
                return block.head + b'"{}"' + block.tail
        return b""

    def _cite(self, index: int, citation: Citation) -> None:
        """Sent when the text is whole, since only then its end is known."""
        block = self._open.get(index)
        if type(block) is _TextBlock and (citation.dialect == NAME or citation.url is not None):
            block.citations.append(citation)
        else:
            self.losses.append(citation_loss(index))

    def _finish(self, event: ev.Finished) -> bytes:
        out = b"" if self._begun else self._begin(ev.Started("", ""))
        word = encode_finish(event.stop, calls=self._calls > 0, legacy=self._asked.legacy)
        tail = self._tail.replace(b'"finish_reason":null', b'"finish_reason":"' + word.encode() + b'"')
        out += self._head + b"{}" + tail
        if self._include_usage and self._usage is not None:
            out += b"data: " + dump({**self._frame, "choices": [], "usage": encode_usage(self._usage, own=False)}) + b"\n\n"
        return out + b"data: [DONE]\n\n"


def stream_encoder(stamp: Stamp, request: Request) -> ChatStreamEncoder:
    return ChatStreamEncoder(stamp, request)
