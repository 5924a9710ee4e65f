"""The taps: usage, model, commit and end of an answer that is passed through untouched. Most events of a stream are told by their name and
never decoded."""

import re
from typing import Any

import msgspec

from tidegate.dialects.base import Whole
from tidegate.dialects.openai_errors import error_of
from tidegate.dialects.openai_responses.usage import decode_usage
from tidegate.dialects.values import object_or_empty, parse
from tidegate.ir.errors import Error
from tidegate.ir.json import JsonObject
from tidegate.ir.usage import Usage

_TYPE = re.compile(rb'"type"\s*:\s*"((?:response\.)?[a-z_.]+)"')
_ENDS = frozenset(("response.completed", "response.incomplete"))
_LIFE = frozenset(("response.created", "response.in_progress", "response.queued", *_ENDS))
_SILENT_ITEMS = ("message", "reasoning")


class ResponsesTap:
    """See `dialects.base.Tap`."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self.committed = False
        self.model: str | None = None
        self.error: Error | None = None

    def feed(self, event: str, data: bytes) -> bool:
        """Always False: no event tells usage alone."""
        kind = event
        if not kind:
            found = _TYPE.match(data, 1) or _TYPE.search(data)
            kind = found.group(1).decode() if found else ""
        if kind.endswith(".delta"):
            self.committed = self.committed or b'"delta":""' not in data
        elif not (self.committed and kind.endswith((".added", ".done", ".in_progress", ".searching")) and kind not in _LIFE):
            self._read(kind, data)
        return False

    def _read(self, kind: str, data: bytes) -> None:
        try:
            raw = parse(data)
        except ValueError:
            return
        if type(raw) is not dict:
            return
        word = raw.get("type")
        self._event(word if type(word) is str else kind, raw)

    def _event(self, kind: str, raw: JsonObject) -> None:
        if kind == "error" or (raw.get("error") and not kind.startswith("response.")):
            self.error = self.error or error_of(raw)
            return
        if kind == "response.failed":
            self.error = self.error or error_of(object_or_empty(raw.get("response")))
        if kind in _LIFE:
            response = object_or_empty(raw.get("response"))
            model = response.get("model")
            self.model = model if type(model) is str and model else self.model
            self.usage = decode_usage(response) or self.usage
        if kind in _ENDS:
            self.finished = self.committed = True
        elif kind in ("response.output_item.added", "response.output_item.done"):
            item = object_or_empty(raw.get("item"))
            self.committed = self.committed or item.get("type") not in _SILENT_ITEMS


class _Answer(msgspec.Struct):
    model: Any = None
    usage: Any = None
    tool_usage: Any = None
    service_tier: Any = None
    output: Any = None


_DECODER = msgspec.json.Decoder(_Answer)


def tap_whole(body: bytes) -> Whole:
    """What a whole answer says of itself; nothing for a body that is none."""
    try:
        answer = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Whole(None, None)
    told: JsonObject = {name: getattr(answer, name) for name in ("usage", "tool_usage", "service_tier", "output")}
    return Whole(answer.model if type(answer.model) is str else None, decode_usage(told))
