"""The windows of the calendar: which hour, day, week or month a moment belongs to, in a time zone.

A window is a half-open interval of Unix time, and its start is its identity: a new window is a new counter, and nothing is ever set to
zero. Windows of one kind lie side by side without gaps, over changes of the clock too. Hours are those of UTC in every zone.
"""

import datetime
from typing import Literal, TypeAlias

import msgspec

WindowPer: TypeAlias = Literal["hour", "day", "week", "month", "total"]

_HOUR = 3600


class Window(msgspec.Struct, frozen=True, gc=False):
    """`[start, end)` in Unix seconds."""

    start: int
    end: float


TOTAL = Window(0, float("inf"))


def window(per: WindowPer, at: float, zone: datetime.tzinfo) -> Window:
    """The window of the moment `at`. Weeks begin on Monday."""
    if per == "total":
        return TOTAL
    if per == "hour":
        start = int(at // _HOUR) * _HOUR
        return Window(start, start + _HOUR)
    today = datetime.datetime.fromtimestamp(at, zone).date()
    if per == "day":
        first, then = today, today + datetime.timedelta(days=1)
    elif per == "week":
        first = today - datetime.timedelta(days=today.weekday())
        then = first + datetime.timedelta(days=7)
    else:
        first = today.replace(day=1)
        then = (first + datetime.timedelta(days=32)).replace(day=1)
    return Window(_midnight(first, zone), _midnight(then, zone))


def _midnight(day: datetime.date, zone: datetime.tzinfo) -> int:
    """When `day` begins. Where midnight is left out that is the moment of the change, where it comes twice the first of them: what
    Python makes of `fold=0`."""
    return int(datetime.datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
