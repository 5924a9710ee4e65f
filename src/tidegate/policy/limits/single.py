"""A limit of one subject by itself, without a call: which counter it has and which window runs. For who tells people how limits stand; the
limits of a call are found by `charges`."""

import msgspec

from tidegate.policy.limits.cells import by_calendar, calendar_of
from tidegate.policy.limits.rules import Charge, Limit, charge
from tidegate.policy.limits.windows import Window, window

_ORG_FIRST = ("tag", "end_user")


def single(limit: Limit, org: str, subject: str) -> Charge | None:
    """The counter of a limit of the organisation's; None where it has many subjects. `subject` is the limit's own, or the first key of the
    line that it is in."""
    if limit.kind == "organisation":
        return charge(limit, org, org=org)
    if not limit.subject:
        return None
    counted = msgspec.structs.replace(limit, subject=subject)
    return charge(counted, f"{org}/{subject}" if limit.kind in _ORG_FIRST else subject, org=org)


def window_of(limit: Limit, at: float) -> Window | None:
    """The window of the calendar that the moment `at` is in; None for a limit that has none."""
    return window(calendar_of(limit), at, limit.zone) if by_calendar(limit) else None
