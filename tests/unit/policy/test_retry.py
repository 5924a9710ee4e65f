import pytest

from tidegate.ir.errors import Error, ErrorKind
from tidegate.policy.retry import may_try_next

NEXT = {
    ErrorKind.UNSUPPORTED,
    ErrorKind.REQUEST_TIMEOUT,
    ErrorKind.GONE,
    ErrorKind.RATE_LIMIT,
    ErrorKind.INTERNAL,
    ErrorKind.UPSTREAM,
    ErrorKind.UNAVAILABLE,
    ErrorKind.TIMEOUT,
    ErrorKind.OVERLOADED,
}


@pytest.mark.parametrize("kind", ErrorKind)
def test_kinds(kind: ErrorKind) -> None:
    assert may_try_next(Error(kind=kind, message="m")) is (kind in NEXT)


@pytest.mark.parametrize("status", [*range(400, 425), 500, 502, 503, 520, 529, 599])
def test_statuses_whatever_kind_the_body_made_of_them(status: int) -> None:
    assert may_try_next(Error(kind=ErrorKind.BAD_REQUEST, message="m", status=status)) is (status in (408, 410, 429) or status >= 500)
