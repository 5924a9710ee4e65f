"""An error inside a stream, and the error of a failed response."""

from tidegate.dialects.openai_errors import stream_error_body
from tidegate.dialects.values import dump, object_or_empty
from tidegate.ir.errors import Error, ErrorKind
from tidegate.ir.json import JsonObject
from tidegate.wire.sse import frame

_CODES = {ErrorKind.RATE_LIMIT: "rate_limit_exceeded", ErrorKind.BAD_REQUEST: "invalid_prompt", ErrorKind.CONTEXT_LENGTH: "invalid_prompt"}
"""The published schema of a failed response knows a handful of codes; every other error is the server's."""


def encode_stream_error(error: Error, request_id: str) -> bytes:
    """The event where a stream breaks off. How many came before is not known here, so it is numbered 0."""
    return error_event(error, 0, request_id)


def error_event(error: Error, number: int, request_id: str = "") -> bytes:
    """The fields of the published schema, and the object in which OpenAI's servers send the same and which the official clients raise."""
    inner = object_or_empty(stream_error_body(error, request_id)["error"])
    raw: JsonObject = {
        "type": "error",
        "sequence_number": number,
        "code": inner["code"],
        "message": inner["message"],
        "param": inner["param"],
        "error": inner,
    }
    return frame(dump(raw), "error")


def failure_of(error: Error) -> JsonObject:
    """The `error` of a response that failed."""
    return {"code": _CODES.get(error.kind, "server_error"), "message": error.message}
