"""Answers of Gemini, as neutral events: each event of a stream is an answer of its own with the next parts, and a whole answer is a stream
of one event, so that both are read here.

Parts of one kind that follow each other are one block; a call whose arguments come in pieces is told when it is whole. A signature of a
text that is no thought becomes a block of reasoning without text, which other dialects can carry. What nobody models of a candidate
travels as a `NativeEvent`.
"""

import msgspec

from tidegate.dialects.gemini.citations import decode_attribution, decode_grounding
from tidegate.dialects.gemini.decode_parts import audio_format
from tidegate.dialects.gemini.errors import error_of
from tidegate.dialects.gemini.finish import blocked, decode_finish
from tidegate.dialects.gemini.names import NAME, camel
from tidegate.dialects.gemini.partial_args import PartialArgs
from tidegate.dialects.gemini.usage import decode_usage, service_tier
from tidegate.dialects.unread import fresh, unread
from tidegate.dialects.values import dump_text, object_or_empty, text_or_empty
from tidegate.ir import events as ev
from tidegate.ir.content import Audio, Base64Source, Image, Native, Origin, Text, Thinking, ToolUse
from tidegate.ir.errors import Error, ErrorKind
from tidegate.ir.json import Json, JsonObject

_DECODER = msgspec.json.Decoder()
_CANDIDATE = frozenset(("content", "finishReason", "index"))
_CONTENT = frozenset(("parts", "role"))
_MODELLED = frozenset(("text", "functionCall", "inlineData"))
_PART = _MODELLED | {"thought", "thoughtSignature"}
_CALL = frozenset(("id", "name", "args", "partialArgs", "willContinue"))
_ANSWER = frozenset(("candidates", "usageMetadata", "modelVersion", "responseId"))
_INTERRUPTED = Error(
    kind=ErrorKind.UPSTREAM, message="the provider's stream ended before its answer did", code="upstream_stream_interrupted"
)


def upstream_error(message: str) -> Error:
    """The provider's answer is not of the dialect."""
    return Error(kind=ErrorKind.UPSTREAM, message=message, code="upstream_invalid_response")


def first_candidate(answer: JsonObject) -> JsonObject:
    """The candidate of index 0 (or without one) of an answer or a piece of one, empty where there is none: of several only that is kept."""
    candidates = answer.get("candidates")
    for candidate in candidates if type(candidates) is list else ():
        if type(candidate) is dict and candidate.get("index") in (0, None):
            return camel(candidate)
    return {}


class GeminiStreamDecoder:
    """One stream. `origin` is where its signatures are made."""

    __slots__ = (
        "_calls",
        "_done",
        "_grounded",
        "_index",
        "_open",
        "_origin",
        "_pieces",
        "_pieces_at",
        "_raw_usage",
        "_response_id",
        "_seen",
        "_signature",
        "_started",
        "_stop",
        "_text",
        "_word",
    )

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._started = self._done = False
        self._response_id = ""
        self._index = -1
        self._open: type[Text | Thinking] | None = None
        self._calls = 0
        self._pieces: PartialArgs | None = None
        self._pieces_at = -1
        self._signature: str | None = None
        self._text: list[str] = []
        self._grounded: JsonObject = {}
        self._raw_usage: JsonObject = {}
        self._word: Json = None
        self._stop: Json = None
        self._seen: set[str] = set()

    def feed(self, event: str, data: bytes) -> list[ev.Event]:
        del event
        if self._done:
            return []
        try:
            value = _DECODER.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Compatible servers end their streams as OpenAI does.
            return [] if data.strip() in (b"", b"[DONE]") else self._fail(upstream_error("an event of the provider's stream is not JSON"))
        return self.read(value)

    def read(self, value: Json) -> list[ev.Event]:
        """The events of one decoded answer, or piece of one."""
        if type(value) is not dict or "error" in value:
            known = type(value) is dict or (type(value) is list and value)
            return self._fail(error_of(value) if known else upstream_error("an event of the provider's stream is not a JSON object"))
        raw = camel(value)
        out: list[ev.Event] = []
        self._usage(raw, out)
        first = first_candidate(raw)
        content = object_or_empty(first.get("content"))
        if len(content) > ("parts" in content) + ("role" in content):
            out += unread(fresh(content, _CONTENT, "candidates[0].content."), self._seen)
        parts = content.get("parts")
        for item in parts if type(parts) is list else ():
            if type(item) is dict:
                self._part(camel(item), out)
        for name in ("groundingMetadata", "citationMetadata"):
            if type(first.get(name)) is dict:
                self._grounded[name] = {**object_or_empty(self._grounded.get(name)), **object_or_empty(first[name])}
        if first.get("finishReason") is not None:
            self._word = first["finishReason"]
        self._beside(raw, first, out)
        return out

    def _usage(self, raw: JsonObject, out: list[ev.Event]) -> None:
        """Counts are totals so far; what an event does not name keeps what one before it said."""
        told = raw.get("usageMetadata")
        if type(told) is dict:
            self._raw_usage.update({name: value for name, value in camel(told).items() if value is not None})
        usage = decode_usage(self._raw_usage) if self._raw_usage else None
        if not self._started:
            self._started = True
            self._response_id = text_or_empty(raw.get("responseId"))
            model, tier = text_or_empty(raw.get("modelVersion")), service_tier(self._raw_usage)
            out.append(ev.Started(self._response_id, model, None, tier, NAME, usage))
        if usage is not None and type(told) is dict:
            out.append(ev.UsageReport(usage))

    def _beside(self, raw: JsonObject, first: JsonObject, out: list[ev.Event]) -> None:
        feedback = raw.get("promptFeedback")
        reason = camel(feedback).get("blockReason") if type(feedback) is dict else None
        if reason is not None:
            self._stop = reason
        candidate: JsonObject = {name: value for name, value in first.items() if name not in _CANDIDATE and value is not None}
        more: JsonObject = {name: value for name, value in raw.items() if name not in _ANSWER and value is not None}
        if candidate:
            more["candidate"] = candidate
        if more:
            out.append(ev.NativeEvent(NAME, more))

    def _part(self, part: JsonObject, out: list[ev.Event]) -> None:
        if len(part) > 1 and not part.keys() <= _PART and not part.keys().isdisjoint(_MODELLED):
            out += unread(fresh(part, _PART, "candidates[0].content.parts."), self._seen)
        text, signature = part.get("text"), text_or_empty(part.get("thoughtSignature")) or None
        if type(text) is str:
            if part.get("thought") is True:
                self._thought(text, signature, out)
            else:
                self._plain(text, signature, out)
        elif type(part.get("functionCall")) is dict:
            self._call(camel(object_or_empty(part["functionCall"])), signature, out)
        elif type(part.get("inlineData")) is dict and "thought" not in part:
            self._media(part, camel(object_or_empty(part["inlineData"])), signature, out)
        elif signature is not None and len(part) == 1:
            self._whole(Thinking("", signature, None, self._origin), out)
        elif part:
            self._whole(Native(NAME, part), out)

    def _thought(self, text: str, signature: str | None, out: list[ev.Event]) -> None:
        if self._open is not Thinking:
            self._close(out)
            self._begin(Thinking("", origin=self._origin), out)
            self._open = Thinking
        if text or signature is not None:
            out.append(ev.ThinkingDelta(self._index, text, signature))
        if signature is not None:
            self._close(out)

    def _plain(self, text: str, signature: str | None, out: list[ev.Event]) -> None:
        if text:
            if self._open is not Text or self._signature is not None:
                self._close(out)
                self._begin(Text(""), out)
                self._open = Text
            self._text.append(text)
            out.append(ev.TextDelta(self._index, text))
        if signature is not None and self._open is Text:
            # What the answer cites comes at its end, and must find its text open.
            self._signature = signature
        elif signature is not None:
            self._whole(Thinking("", signature, None, self._origin), out)

    def _call(self, call: JsonObject, signature: str | None, out: list[ev.Event]) -> None:
        """A call in pieces begins with its name, and ends with a piece that does not say `willContinue`, or with the answer."""
        name, pieces = text_or_empty(call.get("name")), self._pieces
        if not name and pieces is not None:
            self._piece(pieces, call, signature, out)
            return
        goes_on = call.get("willContinue") is True
        if not name and not goes_on and signature is None and call.keys() <= _CALL and not (call.get("args") or call.get("partialArgs")):
            return
        self.owed(out)
        self._close(out)
        self._begin(self._use(call, name, signature), out)
        arguments = call.get("args")
        if goes_on or call.get("partialArgs"):
            self._pieces, self._pieces_at = PartialArgs(), self._index
            self._piece(self._pieces, call, None, out)
        else:
            out += (ev.ArgsDelta(self._index, dump_text({} if arguments is None else arguments)), ev.BlockStop(self._index))

    def _use(self, call: JsonObject, name: str, signature: str | None) -> ToolUse:
        """An id that the model did not give is derived from the answer's, so that it is the same wherever it is read."""
        identity = text_or_empty(call.get("id"))
        if not identity and self._response_id:
            identity = derived_id(self._response_id, self._calls)
        self._calls += 1
        extras = {name: value for name, value in call.items() if name not in _CALL}
        use = ToolUse(identity, name, "", extras={"functionCall": extras} if extras else {})
        if signature is not None:
            use.signature, use.origin = signature, self._origin
        return use

    def _piece(self, pieces: PartialArgs, call: JsonObject, signature: str | None, out: list[ev.Event]) -> None:
        pieces.add(call.get("partialArgs"))
        pieces.merge(object_or_empty(call.get("args")))
        if signature is not None:
            self._whole(Thinking("", signature, None, self._origin), out)
        if call.get("willContinue") is not True:
            self.owed(out)

    def owed(self, out: list[ev.Event]) -> None:
        """The rest of a call in pieces, if one is open: its arguments stand only now, as pieces may come in any order."""
        if self._pieces is not None:
            out += (ev.ArgsDelta(self._pieces_at, dump_text(self._pieces.value())), ev.BlockStop(self._pieces_at))
            self._pieces = None

    def _media(self, part: JsonObject, inline: JsonObject, signature: str | None, out: list[ev.Event]) -> None:
        kind, data = text_or_empty(inline.get("mimeType")), text_or_empty(inline.get("data"))
        if kind.startswith("image/"):
            self._whole(Image(Base64Source(kind, data)), out)
        elif kind.startswith("audio/"):
            self._whole(Audio(data, audio_format(kind)), out)
        else:
            self._whole(Native(NAME, part), out)
            return
        if signature is not None:
            self._whole(Thinking("", signature, None, self._origin), out)

    def _whole(self, block: Thinking | Native | Image | Audio, out: list[ev.Event]) -> None:
        self._close(out)
        if isinstance(block, Thinking):
            self._begin(Thinking("", origin=block.origin), out)
            out.append(ev.ThinkingDelta(self._index, "", block.signature))
        else:
            self._begin(block, out)
        out.append(ev.BlockStop(self._index))

    def _begin(self, block: Text | Thinking | ToolUse | Native | Image | Audio, out: list[ev.Event]) -> None:
        self._index += 1
        out.append(ev.BlockStart(self._index, block))

    def _close(self, out: list[ev.Event]) -> None:
        if self._open is not None:
            out.append(ev.BlockStop(self._index))
            self._open = None
        if self._signature is not None:
            signature, self._signature = self._signature, None
            self._whole(Thinking("", signature, None, self._origin), out)

    def end(self) -> list[ev.Event]:
        """Only the end of the stream is the end: usage and sources may follow the finish reason."""
        if self._done:
            return []
        stop = decode_finish(self._word, calls=self._calls > 0)
        if stop is None and self._stop is not None:
            stop = blocked(self._stop)
        if stop is None:
            return self._fail(_INTERRUPTED)
        self._done = True
        out: list[ev.Event] = []
        self.owed(out)
        self._cite(out)
        self._close(out)
        out.append(ev.Finished(stop))
        return out

    def _cite(self, out: list[ev.Event]) -> None:
        """Sources come last: they stand on the text that is still open, else on an empty one."""
        text = "".join(self._text)
        cited = decode_grounding(object_or_empty(self._grounded.get("groundingMetadata")), text)
        cited += decode_attribution(object_or_empty(self._grounded.get("citationMetadata")), text)
        if cited and self._open is not Text:
            self._close(out)
            self._begin(Text(""), out)
            self._open = Text
        out += [ev.CitationDelta(self._index, citation) for citation in cited]

    def _fail(self, error: Error) -> list[ev.Event]:
        self._done = True
        return [ev.Failed(error)]


def derived_id(response_id: str, place: int) -> str:
    """The id of a call without one."""
    return f"call_{response_id}_{place}"
