"""The reader of a Gemini stream (and of a whole answer) that is passed through untouched."""

import msgspec

from tidegate.dialects.base import Whole
from tidegate.dialects.gemini.errors import error_of
from tidegate.dialects.gemini.finish import decode_finish
from tidegate.dialects.gemini.names import camel
from tidegate.dialects.gemini.stream_decoder import first_candidate
from tidegate.dialects.gemini.usage import decode_usage
from tidegate.dialects.values import object_or_empty, parse, text_or_empty
from tidegate.ir.errors import Error
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.usage import Usage

_NOTHING_YET = frozenset(("thought", "thoughtSignature"))


class GeminiTap:
    """One stream."""

    __slots__ = ("_raw_usage", "committed", "error", "finished", "model", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self.committed = False
        self.model: str | None = None
        self.error: Error | None = None
        self._raw_usage: JsonObject = {}

    def feed(self, event: str, data: bytes) -> bool:
        """Always False: Gemini has no event that only tells usage."""
        del event
        try:
            value = parse(data)
        except ValueError:
            return False
        if type(value) is dict:
            self._read(camel(value))
        return False

    def _read(self, raw: JsonObject) -> None:
        if "error" in raw:
            self.error = error_of(raw)
            return
        if self.model is None:
            self.model = text_or_empty(raw.get("modelVersion"))
        told = raw.get("usageMetadata")
        if type(told) is dict:
            self._raw_usage.update({name: value for name, value in camel(told).items() if value is not None})
            self.usage = decode_usage(self._raw_usage)
        first = first_candidate(raw)
        if not self.committed:
            parts = object_or_empty(first.get("content")).get("parts")
            self.committed = any(_says(part) for part in parts) if type(parts) is list else False
        feedback = raw.get("promptFeedback")
        blocked = camel(feedback).get("blockReason") is not None if type(feedback) is dict else False
        if blocked or decode_finish(first.get("finishReason"), calls=False) is not None:
            self.finished = self.committed = True


def _says(part: Json) -> bool:
    """Whether a part is content: not an empty text."""
    if type(part) is not dict:
        return False
    text = part.get("text")
    return bool(text) if type(text) is str else any(name not in _NOTHING_YET for name in part)


_ANSWER = msgspec.json.Decoder(dict[str, msgspec.Raw])


def tap_whole(body: bytes) -> Whole:
    """An answer without candidates and without a refused prompt has no model here, so that it is looked at as an error."""
    try:
        raw = _ANSWER.decode(body)
        found = {name: parse(bytes(raw[name])) for name in ("modelVersion", "usageMetadata") if name in raw}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return Whole(None, None)
    told = found.get("usageMetadata")
    usage = decode_usage(camel(told)) if type(told) is dict else None
    known = "candidates" in raw or "promptFeedback" in raw
    return Whole(text_or_empty(found.get("modelVersion")) if known else None, usage)
