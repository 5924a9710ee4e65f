"""Errors as values."""

import pytest

from tidegate.ir.errors import Error, ErrorKind, bad_request, kind_of_status, unsupported


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ErrorKind.BAD_REQUEST),
        (401, ErrorKind.AUTHENTICATION),
        (404, ErrorKind.NOT_FOUND),
        (418, ErrorKind.BAD_REQUEST),
        (422, ErrorKind.BAD_REQUEST),
        (429, ErrorKind.RATE_LIMIT),
        (500, ErrorKind.UPSTREAM),
        (502, ErrorKind.UPSTREAM),
        (503, ErrorKind.UNAVAILABLE),
        (529, ErrorKind.OVERLOADED),
    ],
)
def test_kinds_by_status(status: int, kind: ErrorKind) -> None:
    assert kind_of_status(status) is kind


def test_the_providers_status_goes_before_the_kinds() -> None:
    assert Error(kind=ErrorKind.RATE_LIMIT, message="m").http_status == 429
    assert Error(kind=ErrorKind.BAD_REQUEST, message="m", status=422).http_status == 422


def test_words_are_distinct() -> None:
    assert len({kind.word for kind in ErrorKind}) == len(ErrorKind)


def test_short_ways() -> None:
    refused = unsupported("no", "n")
    assert (str(refused), refused.error.param, refused.error.http_status) == ("no", "n", 400)
    assert bad_request("no", "a.b").error.kind is ErrorKind.BAD_REQUEST
