"""Periods cut into hours, days or months of a time zone. Pure.

A `Cut` is a list of instants; its `segments` are runs of steps of equal length, so that a database can number a row's bucket by a division.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tidegate.usage_report import Bucket, UsageTooLarge

MOST = 10_000
"""Buckets of one answer."""
_QUARTER = 900


class Cut(msgspec.Struct, frozen=True):
    """`edges` in Unix seconds, one more than there are buckets."""

    edges: tuple[int, ...]

    @property
    def segments(self) -> tuple[tuple[int, int, int, int], ...]:
        """(begin, end, length of a step, number of the first bucket), in seconds."""
        found: list[tuple[int, int, int, int]] = []
        for number, (begin, end) in enumerate(zip(self.edges, self.edges[1:], strict=False)):
            if found and found[-1][2] == end - begin:
                first, _, step, of_first = found[-1]
                found[-1] = (first, end, step, of_first)
            else:
                found.append((begin, end, end - begin, number))
        return tuple(found)


def zone(name: str) -> ZoneInfo:
    """Raises `ValueError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"`{name[:50]}` is not a time zone: it is a name like Europe/Berlin") from None


def cut(since: float, until: float, bucket: Bucket | None, time_zone: str) -> Cut:
    """Whole buckets around the period; without `bucket` one, of whole hours. Raises `UsageTooLarge` and `ValueError`."""
    if not since < until:
        raise ValueError("the period ends before it begins")
    where = zone(time_zone)
    edges = [_floor(since, bucket or "hour", where)]
    if bucket is None:
        last = _floor(until, "hour", where)
        return Cut((edges[0], last if last >= until else _next(last, "hour", where)))
    while edges[-1] < until:
        if len(edges) > MOST:
            raise UsageTooLarge(f"the period has more than {MOST:,} buckets: ask for a shorter one, or for longer buckets")
        edges.append(_next(edges[-1], bucket, where))
    return Cut(tuple(edges))


def place(edges: tuple[int, ...], at: float) -> int:
    """The number of the bucket that `at` is in."""
    return bisect_right(edges, at) - 1


def _floor(seconds: float, bucket: Bucket, where: ZoneInfo) -> int:
    local = datetime.fromtimestamp(seconds, where)
    if bucket == "hour":
        # Hours are cut on the time line and not on the clock: an hour that a clock shows twice is two hours.
        offset = int((local.utcoffset() or timedelta()).total_seconds()) % 3600
        offset -= offset % _QUARTER
        return int((seconds + offset) // 3600 * 3600 - offset)
    return _midnight(local.year, local.month, 1 if bucket == "month" else local.day, where)


def _next(edge: int, bucket: Bucket, where: ZoneInfo) -> int:
    if bucket == "hour":
        return edge + 3600
    local = datetime.fromtimestamp(edge, where)
    if bucket == "month":
        return _midnight(local.year + local.month // 12, local.month % 12 + 1, 1, where)
    following = local.date() + timedelta(days=1)
    # Samoa has no 30 December 2011: where a day is left out, the next one follows.
    while (begin := _midnight(following.year, following.month, following.day, where)) <= edge:
        following += timedelta(days=1)
    return begin


def _midnight(year: int, month: int, day: int, where: ZoneInfo) -> int:
    """The first instant of the day, also where a clock that jumps at midnight has no such time. In whole quarters, as all offsets have been
    for a century."""
    begin = int(datetime(year, month, day, tzinfo=where).timestamp())
    local = datetime.fromtimestamp(begin, where)
    if (local.year, local.month, local.day) != (year, month, day):
        begin = int(datetime(year, month, day, fold=1, tzinfo=where).astimezone(UTC).timestamp())
    return begin - begin % _QUARTER
