import pytest

from tidegate.ir.errors import Error, ErrorKind
from tidegate.policy.retry import asked_to_wait, is_trouble, may_repeat, may_try_next

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


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([(b"retry-after", b"7")], 7.0),
        ([(b"retry-after", b"1.5")], 1.5),
        ([(b"retry-after-ms", b"250"), (b"retry-after", b"1")], 0.25),
        ([(b"retry-after", b"Thu, 01 Jan 1970 00:01:40 GMT")], 90.0),
        ([(b"retry-after", b"Thu, 01 Jan 1970 00:00:00 GMT")], 0.0),
        ([(b"retry-after", b"soon")], 3.0),
        ([(b"retry-after", b"-7")], 3.0),
        ([(b"retry-after", b"Fri, 01 Jan 10000 00:00:00 GMT")], 3.0),
        ([(b"retry-after", b"1 Jan 99999999999999999999 00:00:00 GMT")], 3.0),
        ([], 3.0),
    ],
)
def test_how_long_a_provider_asks_to_wait(headers: list[tuple[bytes, bytes]], seconds: float) -> None:
    assert asked_to_wait(Error(kind=ErrorKind.RATE_LIMIT, message="m", retry_after=3.0), headers, 10.0) == seconds


def test_what_may_do_better_a_moment_later_and_what_says_that_a_target_is_not_well() -> None:
    assert may_repeat(Error(kind=ErrorKind.RATE_LIMIT, message="m"))
    assert not may_repeat(Error(kind=ErrorKind.GONE, message="m"))
    assert not may_repeat(Error(kind=ErrorKind.UNSUPPORTED, message="m", status=500))
    assert is_trouble(Error(kind=ErrorKind.TIMEOUT, message="m"))
    assert is_trouble(Error(kind=ErrorKind.BAD_REQUEST, message="m", status=500))
    assert not is_trouble(Error(kind=ErrorKind.RATE_LIMIT, message="m"))
