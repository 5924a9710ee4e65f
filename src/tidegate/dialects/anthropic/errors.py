"""Anthropic's error bodies: reading those of any provider that speaks (or nearly speaks) the dialect, and writing ours for clients."""

from typing import cast

import msgspec

from tidegate.ir.errors import Error, ErrorKind, kind_of_status
from tidegate.ir.json import JsonObject
from tidegate.wire.sse import frame

_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()
_LONGEST = 2000

_KINDS = {
    "invalid_request_error": ErrorKind.BAD_REQUEST,
    "authentication_error": ErrorKind.AUTHENTICATION,
    "billing_error": ErrorKind.BILLING,
    "permission_error": ErrorKind.PERMISSION,
    "not_found_error": ErrorKind.NOT_FOUND,
    "request_too_large": ErrorKind.TOO_LARGE,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "timeout_error": ErrorKind.TIMEOUT,
    "api_error": ErrorKind.UPSTREAM,
    "overloaded_error": ErrorKind.OVERLOADED,
}
_TYPES = {
    ErrorKind.AUTHENTICATION: "authentication_error",
    ErrorKind.BILLING: "billing_error",
    ErrorKind.PERMISSION: "permission_error",
    ErrorKind.NOT_FOUND: "not_found_error",
    ErrorKind.GONE: "not_found_error",
    ErrorKind.REQUEST_TIMEOUT: "timeout_error",
    ErrorKind.TOO_LARGE: "request_too_large",
    ErrorKind.RATE_LIMIT: "rate_limit_error",
    ErrorKind.CANCELLED: "api_error",
    ErrorKind.INTERNAL: "api_error",
    ErrorKind.UPSTREAM: "api_error",
    ErrorKind.UNAVAILABLE: "api_error",
    ErrorKind.TIMEOUT: "timeout_error",
    ErrorKind.OVERLOADED: "overloaded_error",
}
# Anthropic has one type for these and says the rest in the message.
_PHRASES = (
    ("prompt is too long", ErrorKind.CONTEXT_LENGTH),
    ("exceed context limit", ErrorKind.CONTEXT_LENGTH),
    ("content filtering policy", ErrorKind.CONTENT_FILTER),
    ("credit balance is too low", ErrorKind.BILLING),
)


def decode_error(status: int, body: bytes) -> Error:
    """An error answer with HTTP `status` (0 inside a stream), whatever its body is: JSON of any shape, text, HTML or nothing."""
    try:
        value: object = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = body.decode("utf-8", "replace").strip()
        return _error(status, text, None, None)
    return error_of(status, value)


def error_of(status: int, value: object) -> Error:
    """The same for decoded JSON."""
    if type(value) is not dict:
        return _error(status, str(value)[:_LONGEST], None, None)
    raw = cast("JsonObject", value)
    inner = raw.get("error", raw)
    if type(inner) is str:
        return _error(status, inner, None, None)
    found = cast("JsonObject", inner) if type(inner) is dict else raw
    message = next((v for v in (found.get(k) for k in ("message", "detail", "error_message", "reason")) if isinstance(v, str) and v), None)
    if message is None:
        message = _ENCODER.encode(found or raw).decode("utf-8", "replace")
    kind = found.get("type")
    code = found.get("code")
    return _error(status, message, kind if type(kind) is str and kind != "error" else None, code if type(code) is str else None)


def _error(status: int, message: str, kind: str | None, code: str | None) -> Error:
    message = message if message.strip() else f"HTTP status {status}"
    known = _KINDS.get(kind) if kind is not None else None
    if known is None:
        known = kind_of_status(status) if status >= 400 else ErrorKind.UPSTREAM
    elif known is ErrorKind.BAD_REQUEST and status not in (0, 400):
        known = kind_of_status(status)
    if known is ErrorKind.BAD_REQUEST:
        lower = message.lower()
        known = next((phrase_kind for phrase, phrase_kind in _PHRASES if phrase in lower), known)
    return Error(kind=known, message=message[:_LONGEST], status=status if status >= 400 else 0, type=kind, code=code)


def encode_error(error: Error, request_id: str) -> bytes:
    """The body of an error answer. The provider's own type stands where it is one of Anthropic's. The dialect has no slot for the name
    of a field, so the gateway's own errors say it in the message."""
    kind = error.type if error.type in _KINDS else _TYPES.get(error.kind, "invalid_request_error")
    message = error.message
    if error.param and not error.status and error.param not in message:
        message = f"{error.param}: {message}"
    body: JsonObject = {"type": "error", "error": {"type": kind, "message": message}}
    if request_id:
        body["request_id"] = request_id
    return _ENCODER.encode(body)


def encode_stream_error(error: Error, request_id: str) -> bytes:
    """The `error` event, after which nothing comes: no `message_stop`."""
    return frame(encode_error(error, request_id), "error")
