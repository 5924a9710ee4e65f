import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.policy.limits.values import limit

from tidegate.policy.limits.cells import Calendar
from tidegate.policy.limits.windows import TOTAL, WindowPer, window

ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Havana", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Beirut",
    "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "Atlantic/Azores", "America/St_Johns",
]  # fmt: skip
PERS: list[WindowPer] = ["hour", "day", "week", "month"]
TIMES = st.integers(int(datetime.datetime(2008, 1, 1, tzinfo=datetime.UTC).timestamp()), 2_000_000_000)


def at(zone: str, *parts: int) -> float:
    return datetime.datetime(*parts, tzinfo=ZoneInfo(zone)).timestamp()  # pyright: ignore[reportArgumentType]  a variable number of parts


@given(per=st.sampled_from(PERS), zone=st.sampled_from(ZONES), moment=TIMES)
@settings(max_examples=500, deadline=None)
def test_windows_lie_side_by_side_over_every_change_of_the_clock(per: WindowPer, zone: str, moment: int) -> None:
    zoned = ZoneInfo(zone)
    found = window(per, moment, zoned)
    assert found.start <= moment < found.end
    assert window(per, found.start, zoned) == found
    assert window(per, found.end - 0.001, zoned) == found
    assert window(per, found.end, zoned).start == found.end
    local = datetime.datetime.fromtimestamp(found.start, zoned)
    if per in ("week", "month"):
        assert (local.weekday() == 0) if per == "week" else (local.day == 1)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", (2026, 3, 29), 23),
        ("Europe/Berlin", (2026, 10, 25), 25),
        ("Australia/Lord_Howe", (2026, 10, 4), 23.5),
        ("America/Havana", (2026, 11, 1), 25),
        ("Asia/Beirut", (2026, 3, 29), 23),
        ("UTC", (2026, 3, 29), 24),
    ],
)
def test_days_on_which_the_clock_changes(zone: str, day: tuple[int, int, int], hours: float) -> None:
    found = window("day", at(zone, *day, 12), ZoneInfo(zone))
    assert (found.end - found.start) / 3600 == hours
    assert datetime.datetime.fromtimestamp(found.start, ZoneInfo(zone)).date() == datetime.date(*day)


def test_a_day_that_is_left_out() -> None:
    zone = ZoneInfo("Pacific/Apia")
    before = window("day", at("Pacific/Apia", 2011, 12, 29, 12), zone)
    assert window("day", before.end, zone) == window("day", at("Pacific/Apia", 2011, 12, 31, 12), zone)


def test_months_have_their_own_ends_in_each_zone() -> None:
    moment = at("UTC", 2026, 2, 28, 20)
    assert window("month", moment, ZoneInfo("UTC")).end == at("UTC", 2026, 3, 1)
    assert window("month", moment, ZoneInfo("Asia/Kolkata")).start == at("Asia/Kolkata", 2026, 3, 1)
    assert window("month", at("UTC", 2028, 12, 31, 23), datetime.UTC).end == at("UTC", 2029, 1, 1)
    assert window("total", moment, datetime.UTC) is TOTAL


STEPS = st.lists(
    st.tuples(st.sampled_from([1, 1700, 3600, 40_000, 86_400, 700_000]), st.integers(0, 50), st.integers(1, 60)), min_size=1, max_size=40
)


@given(zone=st.sampled_from(ZONES), per=st.sampled_from(PERS), start=TIMES, steps=STEPS)
@settings(max_examples=500, deadline=None)
def test_balances_are_the_sums_of_their_windows_whatever_is_edited(
    zone: str, per: WindowPer, start: int, steps: list[tuple[int, int, int]]
) -> None:
    """T-LG-8: amounts change between calls; what counts is always what was used in the window of the calendar."""
    cell, booked, now = Calendar(per), [(0, 0)], start
    for seconds, amount, size in steps:
        now += seconds
        edited = limit("tokens", per, size, zone=ZoneInfo(zone))
        here = window(per, now, edited.zone).start
        used = sum(taken for index, taken in booked if index == here)
        left = cell.take(edited, amount, 0, now, force=False)
        assert left == size - used - amount
        if left >= 0:
            cell.settle(cell.row, edited, amount, amount, 0)
            booked.append((here, amount))


def test_a_clock_that_goes_back_opens_no_older_window() -> None:
    cell, daily = Calendar("day"), limit("tokens", "day", 10)
    cell.take(daily, 4, 0, 86_400.0, force=False)
    assert cell.take(daily, 4, 0, 86_399.0, force=False) == 2
    assert cell.take(daily, 4, 0, 86_401.0, force=False) == -2
