"""The reader of an Anthropic stream (and of a whole answer) that is passed through untouched. It looks at the name of an event first
and decodes only what carries usage, the stop, an error, or the first content."""

from typing import Any, cast

import msgspec

from tidegate.dialects.anthropic.errors import error_of
from tidegate.dialects.anthropic.usage import decode_usage
from tidegate.dialects.base import Whole
from tidegate.dialects.values import object_of, parse_answer
from tidegate.ir.errors import Error
from tidegate.ir.json import JsonObject
from tidegate.ir.usage import Usage


class _Answer(msgspec.Struct):
    model: Any = None
    usage: Any = None


_ANSWER = msgspec.json.Decoder(_Answer)
_PIECES = ("text", "partial_json", "thinking", "signature")
_SILENT_STARTS = ("text", "thinking")


class AnthropicTap:
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
        """Always False: Anthropic has no event that only tells usage."""
        if (event in ("content_block_delta", "content_block_start") and self.committed) or event in ("ping", "content_block_stop"):
            return False
        try:
            raw = parse_answer(data)
        except ValueError:
            return False
        if type(raw) is dict:
            self._read(cast("JsonObject", raw), event)
        return False

    def _read(self, raw: JsonObject, event: str) -> None:
        kind = raw.get("type") or event
        if kind == "content_block_delta":
            self.committed = self.committed or _says(raw.get("delta"))
        elif kind == "content_block_start":
            block = raw.get("content_block")
            self.committed = self.committed or (type(block) is dict and (block.get("type") not in _SILENT_STARTS or _says(block)))
        elif kind == "message_start":
            message = raw.get("message")
            if type(message) is dict:
                model = message.get("model")
                self.model = model if type(model) is str else None
                self._count(message.get("usage"))
        elif kind == "message_delta":
            self._count(raw.get("usage"))
            delta = raw.get("delta")
            self.finished = self.finished or (type(delta) is dict and delta.get("stop_reason") is not None)
        elif kind == "message_stop":
            self.finished = self.committed = True
        elif kind == "error" or "error" in raw:
            self.error = error_of(0, raw)

    def _count(self, usage: object) -> None:
        if type(usage) is dict:
            self._raw_usage.update({name: value for name, value in cast("JsonObject", usage).items() if value is not None})
            self.usage = decode_usage(self._raw_usage)


def terminates(event: str, _data: bytes) -> bool:
    """Whether an event is the terminator, after which clients read nothing."""
    return event == "message_stop"


def _says(piece: object) -> bool:
    return type(piece) is dict and any(cast("JsonObject", piece).get(name) for name in _PIECES)


def tap_whole(body: bytes) -> Whole:
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = msgspec.convert(object_of(body), _Answer)
    return Whole(answer.model if type(answer.model) is str else None, decode_usage(answer.usage))
