import datetime
from zoneinfo import ZoneInfo

import pytest
from tests.unit.policy.limits.values import charged, limit

from tidegate.ir.errors import ErrorKind
from tidegate.policy.limits.rules import Left, Refusal, Reservation, charge
from tidegate.policy.limits.verdict import duration, headers, moment, refusal_headers, refused, usd

MINUTE = charged("requests", "minute", 60, subject="ci")
TOKENS = charged("tokens", "day", 1000, subject="ci")
MONTH = charged("spend", "month", 25 * 10**9, subject="ci", zone=ZoneInfo("Europe/Berlin"))
TOTAL = charged("spend", "total", 10**9, subject="ci")
ACCOUNT = charge(limit("requests", "minute", 2, kind="credential"), "cred_1", "openai")
SLOTS = charged("concurrent", "moment", 5, subject="ci", kind="end_user")
DECEMBER = datetime.datetime(2026, 12, 1, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()


@pytest.mark.parametrize(
    ("refusal", "message", "retry_after"),
    [
        (
            Refusal(MINUTE, 60, 0, 1, 0.2),
            "The key `ci` may use 60 requests per minute; 60 are used. It opens again in 1s.",
            1.0,
        ),
        (
            Refusal(TOKENS, 700, 200, 150, 7200.0, 1_790_000_000.0),
            "The key `ci` may use 1000 tokens per day; 900 are used or reserved, and this call may need 150. "
            "It opens again at 2026-09-21T14:13:20Z (in 2h0m0s).",
            7200.0,
        ),
        (
            Refusal(TOKENS, 0, 0, 1500, None),
            "This call needs about 1500 tokens, and the key `ci` may use 1000 per day: make it smaller, or let "
            "the operator raise the limit.",
            None,
        ),
        (
            Refusal(MONTH, 24_980_000_000, 0, 50_000_000, 1000.0, DECEMBER),
            "The budget of the key `ci` of $25.00 per month is used up: $24.98 is spent, $0.00 is reserved by calls that run, and this one "
            "may cost $0.05. It opens again at 2026-12-01T00:00:00+01:00 (in 16m40s).",
            1000.0,
        ),
        (
            Refusal(MONTH, 0, 24_980_000_000, 50_000_000, 1.0, busy=True),
            "The budget of the key `ci` of $25.00 per month has no room while other calls run: $0.00 is spent, $24.98 is reserved by "
            "calls that run, and this one may cost $0.05. Try again when they have ended.",
            None,
        ),
        (
            Refusal(TOTAL, 10**9, 0, 1, None),
            "The budget of the key `ci` of $1.00 in total is used up: $1.00 is spent, $0.00 is reserved by calls that run, and this one "
            "may cost $0.000000001. It does not open again by itself: let the operator raise it.",
            None,
        ),
        (
            Refusal(TOTAL, 0, 0, 2 * 10**9, None),
            "The budget of the key `ci` of $1.00 in total is smaller than what this call may cost: $0.00 is spent, $0.00 is reserved by "
            "calls that run, and this one may cost $2.00. Set a lower `max_tokens`, or let the operator raise the budget.",
            None,
        ),
        (
            Refusal(SLOTS, 0, 5, 1, 1.0),
            "The end user `ci` has 5 calls running, of 5 at the same time. Try again when one of them has ended.",
            1.0,
        ),
        (
            Refusal(ACCOUNT, 2, 0, 1, 29.5),
            "The gateway's own limit of requests at `openai` is reached. It opens again in 30s.",
            30.0,
        ),
    ],
)
def test_a_refusal_says_which_limit_whose_and_when_it_opens(refusal: Refusal, message: str, retry_after: float | None) -> None:
    error = refused(refusal)
    assert error.message == message
    assert error.retry_after == retry_after
    assert error.kind is ErrorKind.RATE_LIMIT
    assert error.http_status == 429
    assert error.code == ("budget_exceeded" if refusal.charge.limit.what == "spend" else "rate_limit_exceeded")


@pytest.mark.parametrize(
    ("refusal", "final"),
    [
        (Refusal(MINUTE, 60, 0, 1, 5.0), False),
        (Refusal(TOKENS, 0, 0, 1500, None), True),
        (Refusal(MONTH, 0, 0, 1, 5.0), True),
        (Refusal(MONTH, 0, 0, 1, 1.0, busy=True), False),
    ],
)
def test_clients_are_told_not_to_try_again_where_that_is_of_no_use(refusal: Refusal, final: bool) -> None:
    assert ((b"x-should-retry", b"false") in refusal_headers(refusal, "openai_chat", 0)) == final


RESERVED = Reservation("r", 1, Left(MINUTE, 59, 1.0), Left(TOKENS, -5, None))


def test_openai_clients_get_openai_headers() -> None:
    assert headers(RESERVED, "openai_chat", 0) == [
        (b"x-ratelimit-limit-requests", b"60"),
        (b"x-ratelimit-remaining-requests", b"59"),
        (b"x-ratelimit-reset-requests", b"1s"),
        (b"x-ratelimit-limit-tokens", b"1000"),
        (b"x-ratelimit-remaining-tokens", b"0"),
        (b"x-ratelimit-reset-tokens", b"0ms"),
    ]


def test_anthropic_clients_get_anthropic_headers() -> None:
    assert headers(RESERVED, "anthropic", 1_790_000_000.5)[:3] == [
        (b"anthropic-ratelimit-requests-limit", b"60"),
        (b"anthropic-ratelimit-requests-remaining", b"59"),
        (b"anthropic-ratelimit-requests-reset", b"2026-09-21T14:13:22Z"),
    ]
    assert headers(Reservation("r", 1), "anthropic", 0) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0001, "1ms"),
        (0.25, "250ms"),
        (1, "1s"),
        (1.5, "1.5s"),
        (60, "1m0s"),
        (360, "6m0s"),
        (7200, "2h0m0s"),
        (59.9999, "1m0s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("nano", "text"), [(0, "$0.00"), (25 * 10**9, "$25.00"), (500_000_000, "$0.50"), (1, "$0.000000001"), (-1_250_000_000, "-$1.25")]
)
def test_dollars(nano: int, text: str) -> None:
    assert usd(nano) == text


def test_a_moment_is_never_told_too_early() -> None:
    assert moment(0.1) == "1970-01-01T00:00:01Z"
