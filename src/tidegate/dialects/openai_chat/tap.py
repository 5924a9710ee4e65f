"""The taps: usage, model, commit and end of an answer that is passed through untouched. Most chunks of a stream are searched for a few
names and never decoded."""

import re
from typing import Any

import msgspec

from tidegate.dialects.base import Whole
from tidegate.dialects.openai_chat.decode_response import first_choice
from tidegate.dialects.openai_chat.fields import object_or_empty, parse_answer
from tidegate.dialects.openai_chat.usage import decode_usage, usage_of
from tidegate.dialects.openai_errors import error_of
from tidegate.dialects.values import object_of
from tidegate.ir.errors import Error
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.usage import Usage

# Quotes inside a JSON string are escaped, so text of the model cannot look like one of these.
_TELLING = re.compile(rb'"(?:usage|error|finish_reason)"\s*:\s*[{"\[]')
_CONTENT = (
    "content",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "refusal",
    "tool_calls",
    "function_call",
    "images",
    "audio",
)


class ChatTap:
    """See `dialects.base.Tap`."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self.committed = False
        self.model: str | None = None
        self.error: Error | None = None
        self._tier: Json = None

    def feed(self, event: str, data: bytes) -> bool:
        if self.committed and self.model and not event and (_is_quiet(data) or _TELLING.search(data) is None):
            if data == b"[DONE]":
                self.finished = True
            return False
        return self._read(event, data)

    def _read(self, event: str, data: bytes) -> bool:
        if data.strip() == b"[DONE]":
            self.finished = True
            return False
        try:
            chunk = parse_answer(data)
        except ValueError:
            return False
        if type(chunk) is not dict:
            return False
        usage = usage_of(chunk)
        self._tier = chunk.get("service_tier") or self._tier
        if usage is not None:
            self.usage = decode_usage(usage, self._tier)
        if chunk.get("error") or event == "error":
            self.error = error_of(chunk)
            return False
        model = chunk.get("model")
        if type(model) is str and model:
            self.model = model
        choices = chunk.get("choices")
        if choices == []:
            return type(chunk.get("usage")) is dict
        self._choice(first_choice(choices))
        return False

    def _choice(self, choice: JsonObject | None) -> None:
        if choice is None:
            return
        if choice.get("error"):
            self.error = error_of(choice)
        elif choice.get("finish_reason"):
            self.finished = self.committed = True
            usage = usage_of(choice) if self.usage is None else None
            if usage is not None:
                self.usage = decode_usage(usage, self._tier)
        elif not self.committed:
            delta = object_or_empty(choice.get("delta") or choice.get("message"))
            self.committed = any(delta.get(name) for name in _CONTENT)


def _is_quiet(data: bytes) -> bool:
    """Whether a chunk has nothing to tell, by what most providers write in every one: cheaper than the pattern."""
    count = data.count
    return (
        count(b'"finish_reason"') == count(b'"finish_reason":null')
        and count(b'"usage"') == count(b'"usage":null')
        and b'"error"' not in data
    )


def tap() -> ChatTap:
    return ChatTap()


def terminates(_event: str, data: bytes) -> bool:
    """Whether a chunk is the terminator, after which clients read nothing."""
    return data.strip() == b"[DONE]"


class _Answer(msgspec.Struct):
    model: Any = None
    usage: Any = None
    x_groq: Any = None
    service_tier: Any = None


_DECODER = msgspec.json.Decoder(_Answer)


def tap_whole(body: bytes) -> Whole:
    """What a whole answer says of itself; nothing for a body that is none."""
    try:
        answer = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = msgspec.convert(object_of(body), _Answer)
    usage = usage_of({"usage": answer.usage, "x_groq": answer.x_groq})
    return Whole(answer.model if type(answer.model) is str else None, None if usage is None else decode_usage(usage, answer.service_tier))
