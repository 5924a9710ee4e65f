from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.adapters.sql.buckets import MOST, cut
from tidegate.usage_report import Bucket, UsageTooLarge

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kathmandu")
ZONES += ("Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo")
BUCKETS: tuple[Bucket | None, ...] = (None, "hour", "day", "month")


@given(st.integers(1_262_304_000, 1_893_456_000), st.floats(1, 40 * 86400.0), st.sampled_from(BUCKETS), st.sampled_from(ZONES))
def test_buckets_cover_the_period_and_begin_where_the_clock_says(since: int, length: float, bucket: Bucket | None, zone: str) -> None:
    made = cut(since, since + length, bucket, zone)
    edges = made.edges
    assert list(edges) == sorted(set(edges))
    assert edges[0] <= since < edges[1]
    assert edges[-2] < since + length <= edges[-1]
    assert all(edge % 900 == 0 for edge in edges)
    for edge in edges:
        before, local = (datetime.fromtimestamp(at, ZoneInfo(zone)) for at in (edge - 1, edge))
        if bucket == "day":
            assert before.date() != local.date()
        elif bucket == "month":
            assert before.month != local.month and local.day == 1
    if bucket == "hour":
        assert {after - before for before, after in pairwise(edges)} == {3600}


@given(st.integers(1_262_304_000, 1_893_456_000), st.integers(1, 400 * 86400), st.sampled_from(BUCKETS[2:]), st.sampled_from(ZONES))
def test_segments_number_every_bucket_by_a_division(since: int, length: int, bucket: Bucket, zone: str) -> None:
    made = cut(since, since + length, bucket, zone)
    segments = made.segments
    assert [begin for begin, *_ in segments] == [made.edges[0], *(end for _, end, *_ in segments[:-1])]
    for number, (start, end) in enumerate(pairwise(made.edges)):
        for at in (start, end - 900):
            begin, _, step, first = next(segment for segment in segments if at < segment[1])
            assert (at - begin) // step + first == number


def test_a_year_of_days_is_few_segments() -> None:
    assert len(cut(1_767_225_600, 1_798_761_600, "day", "Europe/Berlin").segments) <= 6
    assert len(cut(1_767_225_600, 1_798_761_600, "day", "UTC").segments) == 1


def test_a_period_is_bounded() -> None:
    assert len(cut(0, MOST * 3600, "hour", "UTC").edges) == MOST + 1
    with pytest.raises(UsageTooLarge):
        cut(0, MOST * 3600 + 1, "hour", "UTC")


@pytest.mark.parametrize("zone", ["", "Nowhere/Land", "../../etc/passwd", "/etc/passwd", "a" * 999])
def test_a_time_zone_has_a_known_name(zone: str) -> None:
    with pytest.raises(ValueError, match="not a time zone"):
        cut(0, 1, "day", zone)


def test_a_day_that_the_calendar_left_out_is_no_bucket() -> None:
    """Samoa went from 29 to 31 December 2011."""
    zone = ZoneInfo("Pacific/Apia")
    days = [datetime.fromtimestamp(edge, zone).day for edge in cut(1_325_000_000, 1_325_400_000, "day", "Pacific/Apia").edges]
    assert days == [27, 28, 29, 31, 1, 2]
