"""Errors of OpenAI's APIs on the wire: every shape in which compatible providers put them to one value, and values to OpenAI's
shape. Used by all dialects of OpenAI's family.

A provider's status is kept where it gave one. What kind of error it is comes from its code and type first, then from words in the
message: most providers answer a plain 400 for a prompt that is too long or a blocked one.
"""

import re

from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir.errors import Error, ErrorKind, kind_of_status
from tidegate.ir.json import Json, JsonObject

_KIND_BY_WORD: dict[str, ErrorKind] = {
    "context_length_exceeded": ErrorKind.CONTEXT_LENGTH,
    "string_above_max_length": ErrorKind.BAD_REQUEST,
    "content_filter": ErrorKind.CONTENT_FILTER,
    "content_policy_violation": ErrorKind.CONTENT_FILTER,
    "responsibleaipolicyviolation": ErrorKind.CONTENT_FILTER,
    "data_inspection_failed": ErrorKind.CONTENT_FILTER,
    "invalid_api_key": ErrorKind.AUTHENTICATION,
    "authentication_error": ErrorKind.AUTHENTICATION,
    "unauthenticated": ErrorKind.AUTHENTICATION,
    "unauthorized": ErrorKind.AUTHENTICATION,
    "insufficient_quota": ErrorKind.BILLING,
    "billing_hard_limit_reached": ErrorKind.BILLING,
    "billing_not_active": ErrorKind.BILLING,
    "insufficient_balance": ErrorKind.BILLING,
    "permission_error": ErrorKind.PERMISSION,
    "permission_denied": ErrorKind.PERMISSION,
    "model_not_found": ErrorKind.NOT_FOUND,
    "not_found_error": ErrorKind.NOT_FOUND,
    "not_found": ErrorKind.NOT_FOUND,
    "deploymentnotfound": ErrorKind.NOT_FOUND,
    "rate_limit_exceeded": ErrorKind.RATE_LIMIT,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "resource_exhausted": ErrorKind.RATE_LIMIT,
    "unsupported_parameter": ErrorKind.UNSUPPORTED,
    "unsupported_value": ErrorKind.UNSUPPORTED,
    "overloaded_error": ErrorKind.OVERLOADED,
    "server_is_overloaded": ErrorKind.OVERLOADED,
    "slow_down": ErrorKind.OVERLOADED,
    "invalid_request_error": ErrorKind.BAD_REQUEST,
    "invalid_argument": ErrorKind.BAD_REQUEST,
    "tool_use_failed": ErrorKind.BAD_REQUEST,
    "server_error": ErrorKind.UPSTREAM,
    "api_error": ErrorKind.UPSTREAM,
    "internal": ErrorKind.UPSTREAM,
    "unavailable": ErrorKind.UNAVAILABLE,
    "deadline_exceeded": ErrorKind.TIMEOUT,
}
_VAGUE = frozenset((ErrorKind.BAD_REQUEST, ErrorKind.UPSTREAM))

_KIND_BY_TEXT = (
    (
        re.compile(
            r"context.?(length|window)|maximum context|prompt is too long|input is too long|too many (input )?tokens"
            r"|reduce the length|input token count|exceeds? the (model'?s )?max(imum)?.{0,20}(tokens|length)",
            re.IGNORECASE,
        ),
        ErrorKind.CONTEXT_LENGTH,
    ),
    (
        re.compile(r"content management policy|content policy|content filter|safety (system|filter)", re.IGNORECASE),
        ErrorKind.CONTENT_FILTER,
    ),
    (
        re.compile(
            r"exceeded your current quota|credit balance|insufficient (balance|credits?|funds|quota)|billing (hard )?limit", re.IGNORECASE
        ),
        ErrorKind.BILLING,
    ),
    (re.compile(r"rate.?limit|too many requests", re.IGNORECASE), ErrorKind.RATE_LIMIT),
    (re.compile(r"overloaded|over capacity|at capacity", re.IGNORECASE), ErrorKind.OVERLOADED),
)
_CLIENT_TEXTS = frozenset((ErrorKind.CONTEXT_LENGTH, ErrorKind.CONTENT_FILTER, ErrorKind.BILLING))
_RETRY = re.compile(r"try again in (?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)(ms|s))?", re.IGNORECASE)
_MESSAGES = ("message", "detail", "error_message", "error_msg", "msg", "errorMessage", "title", "error", "description")
_LONGEST = 4_000


def upstream_error(message: str, code: str | None = None) -> Error:
    """The provider's answer is not what it should be."""
    return Error(kind=ErrorKind.UPSTREAM, message=message, code=code)


def decode_error(status: int, body: bytes) -> Error:
    """An error answer with its HTTP status."""
    try:
        value: Json = parse(body)
    except ValueError:
        value = None
        text = body.decode("utf-8", "replace").strip()
        if text and not text.startswith("<"):
            value = {"message": text}
    return error_of(value, status)


def error_of(value: Json, status: int = 0) -> Error:
    """The error that a JSON value tells. `status` is 0 for one inside a 200 answer: its own code then counts, if it is a status."""
    raw = _object_with_error(value)
    message = _message(raw) or (f"the provider answered {status} without a message" if status else "the provider reported an error")
    code, kind_word = _word(raw.get("code")), _word(raw.get("type"))
    known = status
    if not known:
        known = next((int(str(raw[name])) for name in ("code", "status_code", "status") if _is_status(raw.get(name))), 0)
    if code is None or _is_status(code):
        code = _word(raw.get("status")) if not _is_status(raw.get("status")) else None
    kind = _kind(known, (code, kind_word), message)
    return Error(
        kind=kind,
        message=message[:_LONGEST],
        status=known or kind.status,
        code=code,
        type=kind_word,
        param=_word(raw.get("param")),
        retry_after=_retry_after(message),
    )


def _is_status(value: Json) -> bool:
    return (type(value) is int and 400 <= value <= 599) or (
        type(value) is str and len(value) == 3 and value.isdecimal() and value[0] in "45"
    )


def _object_with_error(value: Json) -> JsonObject:
    """The object that holds the message: `error` of the body, the first of `errors` or of a list (Gemini's compatible endpoint wraps its
    error in one), or the body itself (Mistral, vLLM, Cohere, FastAPI)."""
    if type(value) is list and value:
        value = value[0]
    if type(value) is not dict:
        return {"message": value} if type(value) is str else {}
    inner = value.get("error")
    if type(inner) is dict:
        return inner
    if type(inner) is str and inner:
        return {"message": inner, **value} if type(value.get("message")) is str else {**value, "message": inner}
    if type(inner) is list and inner:
        return _object_with_error(inner)
    errors = value.get("errors")
    if type(errors) is list and errors and "message" not in value:
        return _object_with_error(errors)
    return value


def _message(raw: JsonObject) -> str:
    for name in _MESSAGES:
        text = _flat(raw.get(name))
        if text:
            return text + _upstream(raw, text)
    return ""


def _upstream(raw: JsonObject, text: str) -> str:
    """OpenRouter says `Provider returned error` and what the provider said in `metadata.raw`."""
    said = object_or_empty(raw.get("metadata")).get("raw")
    return f": {said}" if type(said) is str and said and said not in text else ""


def _flat(value: Json) -> str:
    """A message as text: itself, or the messages of a list of complaints (`detail: [{loc, msg}]`), or of an object."""
    if type(value) is str:
        return value.strip()
    if type(value) is list:
        return "; ".join(text for item in value[:5] if (text := _flat(item)))
    if type(value) is dict:
        place = value.get("loc")
        where = ".".join(str(step) for step in place) + ": " if type(place) is list and place else ""
        for name in _MESSAGES:
            text = _flat(value.get(name))
            if text:
                return where + text
    return ""


def _word(value: Json) -> str | None:
    if type(value) is str:
        return value or None
    return str(value) if type(value) is int else None


def _kind(status: int, words: tuple[str | None, ...], message: str) -> ErrorKind:
    base = kind_of_status(status) if status else ErrorKind.UPSTREAM
    named = next((kind for word in words if word and (kind := _KIND_BY_WORD.get(word.lower())) is not None), None)
    if named is not None and named not in _VAGUE:
        return named
    if base in _VAGUE or base in (ErrorKind.RATE_LIMIT, ErrorKind.TOO_LARGE, ErrorKind.PERMISSION):
        for pattern, kind in _KIND_BY_TEXT:
            if (kind in _CLIENT_TEXTS or base is ErrorKind.UPSTREAM) and pattern.search(message):
                return kind
    if not status and named is not None:
        return named
    return base


def _retry_after(message: str) -> float | None:
    found = _RETRY.search(message)
    if found is None or not any(found.groups()):
        return None
    hours, minutes, amount, unit = found.groups()
    try:
        rest = float(amount or 0) / (1000 if unit and unit.lower() == "ms" else 1)
    except ValueError:
        return None
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + rest


_TYPES: dict[ErrorKind, str] = {
    ErrorKind.AUTHENTICATION: "authentication_error",
    ErrorKind.BILLING: "insufficient_quota",
    ErrorKind.PERMISSION: "permission_error",
    ErrorKind.NOT_FOUND: "not_found_error",
    ErrorKind.RATE_LIMIT: "rate_limit_error",
    ErrorKind.INTERNAL: "server_error",
    ErrorKind.UPSTREAM: "server_error",
    ErrorKind.UNAVAILABLE: "server_error",
    ErrorKind.TIMEOUT: "server_error",
    ErrorKind.OVERLOADED: "server_error",
    ErrorKind.GONE: "server_error",
}
_CODES: dict[ErrorKind, str] = {
    ErrorKind.CONTEXT_LENGTH: "context_length_exceeded",
    ErrorKind.CONTENT_FILTER: "content_filter",
    ErrorKind.AUTHENTICATION: "invalid_api_key",
    ErrorKind.BILLING: "insufficient_quota",
    ErrorKind.RATE_LIMIT: "rate_limit_exceeded",
    ErrorKind.OVERLOADED: "overloaded",
    ErrorKind.TIMEOUT: "timeout",
}


def error_body(error: Error) -> JsonObject:
    """`type` is OpenAI's word for the kind, so that a client sees the same for every provider; `code` is the provider's if it has one."""
    return {
        "error": {
            "message": error.message,
            "type": _TYPES.get(error.kind, "invalid_request_error"),
            "param": error.param,
            "code": error.code or _CODES.get(error.kind),
        }
    }


def stream_error_body(error: Error, request_id: str) -> JsonObject:
    """The same for an event of a stream, whose headers were read long ago: it names the request where it is known."""
    body = error_body(error)
    return {"error": {**object_or_empty(body["error"]), "request_id": request_id}} if request_id else body


def encode_error(error: Error, request_id: str) -> bytes:
    """The body of an error answer. OpenAI names the request in a header only, so `request_id` is not in it."""
    del request_id
    return dump(error_body(error))
