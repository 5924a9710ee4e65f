"""Errors of Bedrock: answers of any status, exceptions inside a stream, and ours for clients of AWS.

A body has a `message`; the exception's name stands in the header `x-amzn-errortype`, or in the body as `__type` or `code`, where all of
AWS's SDKs look for it too (https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization).
"""

import re

from tidegate.dialects.values import dump, object_or_empty, parse, text_or_empty
from tidegate.ir.errors import Error, ErrorKind, kind_of_status
from tidegate.ir.json import Json
from tidegate.wire.eventstream import EXCEPTION, frame

_LONGEST = 2000
_KINDS = {
    "validationexception": ErrorKind.BAD_REQUEST,
    "accessdeniedexception": ErrorKind.PERMISSION,
    "unrecognizedclientexception": ErrorKind.AUTHENTICATION,
    "invalidsignatureexception": ErrorKind.AUTHENTICATION,
    "expiredtokenexception": ErrorKind.AUTHENTICATION,
    "resourcenotfoundexception": ErrorKind.NOT_FOUND,
    "throttlingexception": ErrorKind.RATE_LIMIT,
    "servicequotaexceededexception": ErrorKind.RATE_LIMIT,
    "modelnotreadyexception": ErrorKind.UNAVAILABLE,
    "modeltimeoutexception": ErrorKind.TIMEOUT,
    "modelerrorexception": ErrorKind.UPSTREAM,
    "modelstreamerrorexception": ErrorKind.UPSTREAM,
    "internalserverexception": ErrorKind.UPSTREAM,
    "serviceunavailableexception": ErrorKind.UNAVAILABLE,
}
# The model failed at what it was given, says status 424 (API reference, Converse): not the client's fault.
_BY_STATUS = {424: ErrorKind.UPSTREAM}
_TOO_LONG = re.compile(r"input is too long|too many input tokens|prompt is too long|exceeds? the (model'?s )?(max|context)", re.IGNORECASE)
_CREDENTIAL = re.compile(r"security token|signature|api key", re.IGNORECASE)
_PHRASES = ((_TOO_LONG, ErrorKind.CONTEXT_LENGTH), (_CREDENTIAL, ErrorKind.AUTHENTICATION))
_FITTING = {ErrorKind.CONTEXT_LENGTH: ErrorKind.BAD_REQUEST, ErrorKind.AUTHENTICATION: ErrorKind.PERMISSION}
"""Which kind a phrase makes more precise."""
_NAMES = {
    ErrorKind.AUTHENTICATION: "UnrecognizedClientException",
    ErrorKind.BILLING: "ServiceQuotaExceededException",
    ErrorKind.PERMISSION: "AccessDeniedException",
    ErrorKind.NOT_FOUND: "ResourceNotFoundException",
    ErrorKind.GONE: "ResourceNotFoundException",
    ErrorKind.REQUEST_TIMEOUT: "ModelTimeoutException",
    ErrorKind.RATE_LIMIT: "ThrottlingException",
    ErrorKind.CANCELLED: "InternalServerException",
    ErrorKind.INTERNAL: "InternalServerException",
    ErrorKind.UPSTREAM: "InternalServerException",
    ErrorKind.UNAVAILABLE: "ServiceUnavailableException",
    ErrorKind.TIMEOUT: "ModelTimeoutException",
    ErrorKind.OVERLOADED: "ServiceUnavailableException",
}
_OTHER = "ValidationException"
_STREAMED = frozenset(
    ("internalServerException", "modelStreamErrorException", "validationException", "throttlingException", "serviceUnavailableException")
)
"""The exceptions that ConverseStream's event stream has members for; clients refuse others."""


def decode_error(status: int, body: bytes) -> Error:
    """An error answer with its HTTP status, whatever its body is."""
    try:
        value: Json = parse(body)
    except ValueError:
        return _error(status, body.decode("utf-8", "replace").strip(), "")
    raw = object_or_empty(value)
    inner = object_or_empty(raw.get("error")) or raw
    message = next(filter(None, (text_or_empty(inner.get(name)) for name in ("message", "Message", "detail"))), "")
    word = next(filter(None, (text_or_empty(inner.get(name)) for name in ("__type", "code", "type"))), "")
    return _error(status, message or (dump(value).decode() if value else ""), word)


def exception_of(event: str, raw: Json) -> Error:
    """An exception frame of a stream: `event` is its name in the framing."""
    found = object_or_empty(raw)
    message = found.get("message")
    return _error(0, message if type(message) is str else "", event.removeprefix(EXCEPTION))


def _error(status: int, message: str, word: str) -> Error:
    """Types may be of the form `namespace#Name` and `Name:address`."""
    name = word.rpartition("#")[2].partition(":")[0]
    base = _BY_STATUS.get(status) or (kind_of_status(status) if status else ErrorKind.UPSTREAM)
    kind = _KINDS.get(name.lower(), base)
    for phrase, precise in _PHRASES:
        if _FITTING[precise] is kind and phrase.search(message):
            kind = precise
            break
    return Error(
        kind=kind,
        message=(message or name or f"HTTP status {status}")[:_LONGEST],
        status=status if status >= 400 else 0,
        type=name or None,
    )


def _name(error: Error) -> str:
    """The provider's own exception where it is one of AWS's."""
    kept = error.type or ""
    if error.kind is ErrorKind.UPSTREAM and error.http_status == 503:
        return _NAMES[ErrorKind.UNAVAILABLE]
    return kept[:1].upper() + kept[1:] if kept.lower() in _KINDS else _NAMES.get(error.kind, _OTHER)


def encode_error(error: Error, request_id: str) -> bytes:
    """AWS names the request in a header only. The dialect has no slot for the name of a field, so the gateway's own errors say it in the
    message."""
    del request_id
    message = error.message
    if error.param and not error.status and error.param not in message:
        message = f"{error.param}: {message}"
    return dump({"message": message, "__type": _name(error)})


def encode_stream_error(error: Error, request_id: str) -> bytes:
    """The exception frame, after which nothing comes."""
    del request_id
    name = _name(error)
    name = name[:1].lower() + name[1:]
    if name not in _STREAMED:
        name = "modelStreamErrorException" if error.kind is ErrorKind.TIMEOUT else "internalServerException"
    return frame(dump({"message": error.message}), EXCEPTION + name)
