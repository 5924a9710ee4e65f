"""What can go wrong, in one vocabulary: a kind, who is to blame, and whether another target may succeed.

Dialects decode provider errors into `Error` and encode `Error` for clients. `GatewayError` is the only exception that
the pure layers raise on purpose.
"""

import enum
from typing import Literal

import msgspec

Blame = Literal["client", "gateway", "provider"]


class ErrorKind(enum.Enum):
    """The kinds, each with the HTTP status it has when no provider gave one, and who is to blame."""

    BAD_REQUEST = ("bad_request", 400, "client")
    UNSUPPORTED = ("unsupported", 400, "client")
    CONTEXT_LENGTH = ("context_length", 400, "client")
    CONTENT_FILTER = ("content_filter", 400, "client")
    AUTHENTICATION = ("authentication", 401, "client")
    BILLING = ("billing", 402, "client")
    PERMISSION = ("permission", 403, "client")
    NOT_FOUND = ("not_found", 404, "client")
    METHOD_NOT_ALLOWED = ("method_not_allowed", 405, "client")
    REQUEST_TIMEOUT = ("request_timeout", 408, "client")
    CONFLICT = ("conflict", 409, "client")
    GONE = ("gone", 410, "provider")
    TOO_LARGE = ("too_large", 413, "client")
    MEDIA_TYPE = ("media_type", 415, "client")
    RATE_LIMIT = ("rate_limit", 429, "client")
    CANCELLED = ("cancelled", 499, "client")
    INTERNAL = ("internal", 500, "gateway")
    UPSTREAM = ("upstream", 502, "provider")
    UNAVAILABLE = ("unavailable", 503, "gateway")
    TIMEOUT = ("timeout", 504, "provider")
    OVERLOADED = ("overloaded", 529, "provider")

    def __init__(self, word: str, status: int, blame: Blame) -> None:
        self.word = word
        self.status = status
        self.blame: Blame = blame


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """One error as a value.

    `status` is the HTTP status to answer with (the provider's own where it gave one); `code` and `type` are the
    provider's or our machine-readable words where there are some; `param` names the field at fault; `retry_after` is
    in seconds.
    """

    kind: ErrorKind
    message: str
    status: int = 0
    code: str | None = None
    type: str | None = None
    param: str | None = None
    retry_after: float | None = None

    @property
    def http_status(self) -> int:
        return self.status or self.kind.status


class GatewayError(Exception):
    """Carries an `Error` up to the one place that encodes it in the client's dialect."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.message)
        self.error = error


def bad_request(message: str, param: str | None = None, code: str | None = None) -> GatewayError:
    """The client sent something that cannot be understood; `param` is the path of the field."""
    return GatewayError(Error(kind=ErrorKind.BAD_REQUEST, message=message, param=param, code=code))


def unsupported(message: str, param: str, code: str = "unsupported_parameter") -> GatewayError:
    """The client asked for something that the target cannot honour."""
    return GatewayError(Error(kind=ErrorKind.UNSUPPORTED, message=message, param=param, code=code))


_KIND_BY_STATUS = {
    401: ErrorKind.AUTHENTICATION,
    402: ErrorKind.BILLING,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    405: ErrorKind.METHOD_NOT_ALLOWED,
    408: ErrorKind.REQUEST_TIMEOUT,
    409: ErrorKind.CONFLICT,
    410: ErrorKind.GONE,
    413: ErrorKind.TOO_LARGE,
    415: ErrorKind.MEDIA_TYPE,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.UNAVAILABLE,
    504: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}


def kind_of_status(status: int) -> ErrorKind:
    """The kind of an HTTP status that came from a provider."""
    known = _KIND_BY_STATUS.get(status)
    if known is not None:
        return known
    return ErrorKind.BAD_REQUEST if 400 <= status < 500 else ErrorKind.UPSTREAM
