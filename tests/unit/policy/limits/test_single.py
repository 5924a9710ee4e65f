import math

import pytest
from tests.unit.policy.limits.values import limit

from tidegate.policy.charges import Book
from tidegate.policy.limits.single import single, window_of
from tidegate.policy.snapshot import Key


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("organisation", ""),
        ("team", "t"),
        ("user", "u"),
        ("key", "first"),
        ("end_user", "bob"),
        ("route", "r"),
        ("model", "a/b"),
        ("tag", "x"),
    ],
)
def test_a_limit_by_itself_has_the_counter_that_calls_have(kind: str, subject: str) -> None:
    each = limit(id="lim", kind=kind, subject=subject, org="o", what="spend", per="month")
    caller = Key(id="second", name="k", digest=b"", org="o", team="t", user="u", tags=("x",), line="first")
    (charged,) = Book(None, (each,)).charges(caller, "r", "a/b", "bob")
    found = single(each, "o", subject)
    assert found is not None and (found.key, found.scope, found.open) == (charged.key, charged.scope, charged.open)


def test_one_of_many_subjects_has_no_counter() -> None:
    assert single(limit(kind="end_user", subject="", org="o"), "o", "") is None


def test_only_windows_of_the_calendar_are_told() -> None:
    assert [window_of(limit(what=what, per=per), 90_000.0) for what, per in (("requests", "minute"), ("concurrent", "moment"))] == [
        None
    ] * 2
    day, total = window_of(limit(what="tokens", per="day"), 90_000.0), window_of(limit(what="spend", per="total"), 90_000.0)
    assert day is not None and total is not None and (day.start, day.end, total.end) == (86_400, 172_800, math.inf)
