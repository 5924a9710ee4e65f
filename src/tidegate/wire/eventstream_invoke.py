"""Anthropic's events as Bedrock's `invoke-with-response-stream` carries them: each in an event-stream frame `chunk` whose JSON holds it
in base64. Its frames have the event inside as their data, so that they read like those of Anthropic's own streams; exceptions of Bedrock
read as Anthropic's `error` event, and are written where that event is.
"""

import base64
import binascii
from typing import Any, cast

import msgspec

from tidegate.wire import eventstream
from tidegate.wire.eventstream import EXCEPTION, LIMIT, EventStreamParser
from tidegate.wire.frame import Frame, FrameError

_ERRORS = {
    "throttlingException": "rate_limit_error",
    "validationException": "invalid_request_error",
    "modelTimeoutException": "timeout_error",
    "serviceUnavailableException": "overloaded_error",
    "internalServerException": "api_error",
    "modelStreamErrorException": "api_error",
}
"""The members of Bedrock's ResponseStream that are exceptions (API reference, InvokeModelWithResponseStream), and Anthropic's types."""
_EXCEPTIONS = {error: exception for exception, error in reversed(_ERRORS.items())}
_OTHER = "internalServerException"
_TYPE = b'{"type":"'
_JSON = msgspec.json.Decoder()


class _Chunk(msgspec.Struct):
    bytes: str


_CHUNK = msgspec.json.Decoder(_Chunk)


class InvokeParser:
    """A `Framer`."""

    __slots__ = ("_frames",)

    def __init__(self, limit: int = LIMIT) -> None:
        self._frames = EventStreamParser(limit)

    def feed(self, chunk: bytes) -> list[Frame]:
        """Raises `FrameError`."""
        return [_opened(found) for found in self._frames.feed(chunk)]

    def end(self) -> list[Frame]:
        """Raises `FrameError`."""
        return self._frames.end()


def _opened(found: Frame) -> Frame:
    if found.event.startswith(EXCEPTION):
        return Frame("error", _error(found.event.removeprefix(EXCEPTION), found.data or b""), found.raw)
    if found.event != "chunk" or found.data is None:
        return Frame(found.event, None, found.raw)
    try:
        event = base64.b64decode(_CHUNK.decode(found.data).bytes, validate=True)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise FrameError("a chunk of the stream holds no base64") from None
    return Frame(_type_of(event), event, found.raw)


def _type_of(event: bytes) -> str:
    if event.startswith(_TYPE):
        return event[len(_TYPE) : event.find(b'"', len(_TYPE))].decode("utf-8", "replace")
    kind = _object(event).get("type")
    return kind if isinstance(kind, str) else ""


def _error(exception: str, payload: bytes) -> bytes:
    message = _object(payload).get("message")
    kind = _ERRORS.get(exception[:1].lower() + exception[1:], "api_error")
    return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": message if isinstance(message, str) else exception}})


def _object(data: bytes) -> dict[str, Any]:
    try:
        value: object = _JSON.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def frame(data: bytes, event: str) -> bytes:
    """One of Anthropic's events on this wire."""
    if event != "error":
        return eventstream.frame(b'{"bytes":"' + base64.b64encode(data) + b'"}', "chunk")
    error = _object(data).get("error")
    told = cast("dict[str, Any]", error) if isinstance(error, dict) else {}
    exception = _EXCEPTIONS.get(told.get("type", ""), _OTHER)
    return eventstream.frame(msgspec.json.encode({"message": told.get("message", "")}), EXCEPTION + exception)
