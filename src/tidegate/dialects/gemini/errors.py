"""Errors in the shape of google.rpc.Status: reading those of Google (also in the list that streams without `alt=sse` wrap them in), and
writing ours for clients. Codes: https://cloud.google.com/apis/design/errors"""

import re

from tidegate.dialects.values import dump, object_or_empty, parse, text_or_empty
from tidegate.ir.errors import Error, ErrorKind, kind_of_status
from tidegate.ir.json import Json, JsonObject
from tidegate.wire.sse import frame

_LONGEST = 4_000
_STATUSES: dict[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_WORDS: dict[int, str] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    410: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
# Google answers 400 to these and says the rest in words, or in the reason of an ErrorInfo.
_PHRASES = (
    (re.compile(r"api key (not valid|expired|not found)|API_KEY_INVALID", re.IGNORECASE), ErrorKind.AUTHENTICATION),
    (re.compile(r"exceeds? the maximum number of tokens|token count.*exceeds", re.IGNORECASE), ErrorKind.CONTEXT_LENGTH),
    (re.compile(r"billing", re.IGNORECASE), ErrorKind.BILLING),
)
_SECONDS = re.compile(r"([0-9]+(?:\.[0-9]+)?)s")
_TYPE = "type.googleapis.com/google.rpc."
_DOMAIN = "tidegate"


def decode_error(status: int, body: bytes) -> Error:
    """An error answer with HTTP `status`, whatever its body is."""
    value: Json
    try:
        value = parse(body)
    except ValueError:
        text = body.decode("utf-8", "replace").strip()
        value = {} if text.startswith("<") else {"message": text}
    return error_of(value, status)


def error_of(value: Json, status: int = 0) -> Error:
    """The error that a JSON value tells. `status` is 0 for one inside a stream: its own code counts then."""
    if type(value) is list:
        value = next((item for item in value if type(item) is dict and "error" in item), value[0] if value else {})
    outer = object_or_empty(value)
    inner = outer.get("error")
    raw = inner if type(inner) is dict else {**outer, "message": inner} if type(inner) is str else outer
    word = text_or_empty(raw.get("status"))
    code = raw.get("code")
    known = status or (code if type(code) is int and 400 <= code < 600 else _STATUSES.get(word, 0))
    message = text_or_empty(raw.get("message")).strip() or (f"HTTP status {known}" if known else "the provider reported an error")
    details = raw.get("details")
    infos = [item for item in details if type(item) is dict] if type(details) is list else []
    return Error(
        kind=_kind(known, word, message, infos),
        message=message[:_LONGEST],
        status=known,
        code=next((reason for item in infos if (reason := text_or_empty(item.get("reason")))), None) or word or None,
        type=word or None,
        retry_after=_retry_after(infos),
    )


def _kind(status: int, word: str, message: str, infos: list[JsonObject]) -> ErrorKind:
    base = kind_of_status(status) if status else ErrorKind.UPSTREAM
    if base is ErrorKind.BAD_REQUEST:
        told = " ".join([message, *(text_or_empty(item.get("reason")) for item in infos)])
        return next((kind for phrase, kind in _PHRASES if phrase.search(told)), base)
    return ErrorKind.OVERLOADED if base is ErrorKind.UNAVAILABLE and word == "UNAVAILABLE" and "overloaded" in message else base


def _retry_after(infos: list[JsonObject]) -> float | None:
    """The delay of a `RetryInfo`."""
    for item in infos:
        found = _SECONDS.fullmatch(text_or_empty(item.get("retryDelay")))
        if found is not None:
            return float(found[1])
    return None


def _body(error: Error) -> JsonObject:
    status = error.http_status
    word = error.type if error.type in _STATUSES else _WORDS.get(status) or ("INVALID_ARGUMENT" if status < 500 else "INTERNAL")
    details: list[Json] = []
    if error.code and error.code != word:
        details.append({"@type": f"{_TYPE}ErrorInfo", "reason": error.code.upper(), "domain": _DOMAIN})
    if error.param:
        violation: JsonObject = {"field": error.param, "description": error.message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    if error.retry_after:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after:g}s"})
    inner: JsonObject = {"code": status, "message": error.message, "status": word}
    if details:
        inner["details"] = details
    return {"error": inner}


def encode_error(error: Error, request_id: str) -> bytes:
    """The body of an error answer; Google names no request in it."""
    del request_id
    return dump(_body(error))


def encode_stream_error(error: Error, request_id: str) -> bytes:
    """An event with the error, as Google sends it. Nothing follows."""
    return frame(encode_error(error, request_id))


def encode_array_error(error: Error, request_id: str) -> bytes:
    """The last element of a stream that is a JSON array."""
    return b",\r\n" + encode_error(error, request_id) + b"]"
