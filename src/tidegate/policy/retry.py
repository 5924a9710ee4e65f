"""Whether an error of one target leaves room for the next, or for the same once more, and how long to wait: pure tables."""

from collections.abc import Iterable
from email.utils import mktime_tz, parsedate_tz

from tidegate.ir.errors import Error, ErrorKind

_NEXT_TARGET = frozenset(
    {
        ErrorKind.UNSUPPORTED,  # this target cannot do what was asked; another may
        ErrorKind.REQUEST_TIMEOUT,
        ErrorKind.GONE,
        ErrorKind.RATE_LIMIT,
        ErrorKind.UPSTREAM,
        ErrorKind.UNAVAILABLE,
        ErrorKind.TIMEOUT,
        ErrorKind.OVERLOADED,
    }
)
_REPEATED = frozenset({408, 429, 500, 502, 503, 504, 529})
_TROUBLE = frozenset({ErrorKind.UPSTREAM, ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT, ErrorKind.OVERLOADED})


def may_try_next(error: Error) -> bool:
    """Whether the next target of the plan may be tried after `error`, given that the client has seen nothing yet.

    The statuses are 408, 410, 429 and every 5xx, whatever kind the body made of them.
    """
    status = error.http_status
    return error.kind in _NEXT_TARGET or status in (408, 410, 429) or status >= 500


def may_repeat(error: Error) -> bool:
    """Whether the same target may do better a moment later."""
    return error.kind is not ErrorKind.UNSUPPORTED and error.http_status in _REPEATED


def is_trouble(error: Error) -> bool:
    """Whether an error says that its target is not well, rather than that the call was not."""
    return error.kind in _TROUBLE or error.http_status >= 500


def is_overload(error: Error) -> bool:
    """Whether an error says that its target has more to do than it can."""
    return error.kind in (ErrorKind.OVERLOADED, ErrorKind.TIMEOUT, ErrorKind.RATE_LIMIT) or error.http_status in (429, 503, 529)


def asked_to_wait(error: Error, headers: Iterable[tuple[bytes, bytes]], now: float) -> float | None:
    """Seconds that a provider asks to wait: `retry-after-ms`, else `retry-after` (seconds or a date), else what its error says. `now` is
    Unix time."""
    found = dict(headers)
    millis = _number(found.get(b"retry-after-ms"))
    if millis is not None:
        return millis / 1000
    text = found.get(b"retry-after")
    seconds = _number(text)
    if seconds is None and text is not None:
        seconds = _until(text.decode("latin-1"), now)
    return error.retry_after if seconds is None else seconds


def _until(text: str, now: float) -> float | None:
    """Seconds until a date; None for what is none that can be counted to."""
    date = parsedate_tz(text)
    try:
        return None if date is None else max(0.0, mktime_tz(date) - now)
    except (ValueError, OverflowError):
        return None


def _number(text: bytes | None) -> float | None:
    if text is None or len(text) > 16 or not text.replace(b".", b"", 1).isdigit():
        return None
    return float(text)
