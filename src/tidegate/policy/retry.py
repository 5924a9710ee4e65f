"""Whether an error of one target leaves room for the next: a pure table."""

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


def may_try_next(error: Error) -> bool:
    """Whether the next target of the plan may be tried after `error`, given that the client has seen nothing yet.

    The statuses are 408, 410, 429 and every 5xx, whatever kind the body made of them.
    """
    status = error.http_status
    return error.kind in _NEXT_TARGET or status in (408, 410, 429) or status >= 500
