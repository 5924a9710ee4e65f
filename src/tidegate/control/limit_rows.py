"""Limits of the database as limits of the snapshot, and what is wrong with one: the same rules for the control API, the command line and
whoever loads the rows. Those of tidegate.yaml are `control.limits`."""

import datetime
import zoneinfo
from collections.abc import Iterable

from tidegate.policy.limits.rules import Limit
from tidegate.records import LimitRule

MOST = 10**12
"""Of requests, tokens and calls at once."""
MOST_NANO = 9_000_000 * 1_000_000_000
"""Nano-dollars of a window stay below 2^53, so that every store that counts with doubles is exact."""
MOST_ALERTS = 20
WAS_ROTATED = "this key was rotated: limit the one that takes its place, and both count as one"

KINDS = ("organisation", "team", "user", "key", "end_user", "route", "model", "tag")
PERIODS: dict[str, tuple[str, ...]] = {
    "requests": ("minute", "hour", "day"),
    "tokens": ("minute", "hour", "day"),
    "concurrent": ("moment",),
    "spend": ("hour", "day", "week", "month", "total"),
}
"""Of each measure."""
_NAMED = ("team", "user", "key", "tag", "route")
"""Kinds that have no limit of each one of them."""


def flaws(row: LimitRule) -> dict[str, str]:
    """What is wrong, by field; empty where nothing is."""
    found: dict[str, str] = {}
    if row.per not in PERIODS[row.measure]:
        found["per"] = f"for {row.measure} it is one of {', '.join(PERIODS[row.measure])}"
    if row.scope_kind in _NAMED and not row.scope_id:
        found["scope_id"] = f"say which {row.scope_kind.replace('_', ' ')}"
    if row.scope_kind == "organisation" and row.scope_id:
        found["scope_id"] = "it is this organisation's: leave it out"
    most = MOST_NANO if row.measure == "spend" else MOST
    if not 0 <= row.amount <= most:
        found["amount"] = f"it lies between 0 and {most}"
    if row.measure != "spend" and (row.alerts or row.ceiling_nano is not None or row.output_cap is not None or not row.hard):
        found["measure"] = "alerts, a ceiling, an output cap and soft are for spend"
    if len(row.alerts) > MOST_ALERTS or any(not 1 <= percent <= 1000 for percent in row.alerts):
        found["alerts"] = f"at most {MOST_ALERTS} percentages from 1 to 1000"
    if row.ceiling_nano is not None and not 0 <= row.ceiling_nano <= MOST_NANO:
        found["ceiling_nano"] = f"it lies between 0 and {MOST_NANO}"
    if row.output_cap is not None and not 1 <= row.output_cap <= MOST:
        found["output_cap"] = "it is at least 1"
    if zone_of(row.time_zone) is None:
        found["time_zone"] = "there is no such time zone; they are called like Europe/Berlin"
    return found


def zone_of(name: str) -> datetime.tzinfo | None:
    if name == "UTC":
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def limit_of(org_id: str, row: LimitRule) -> Limit | None:
    """None for one that is switched off, or that this version does not understand."""
    zone = zone_of(row.time_zone)
    if row.disabled_at is not None or zone is None or row.scope_kind not in KINDS or flaws(row):
        return None
    return Limit(
        id=row.id,
        kind=row.scope_kind,
        subject=row.scope_id,
        org=org_id,
        what=row.measure,
        per=row.per,
        amount=row.amount,
        mode=row.mode,
        hard=row.hard,
        strict=row.reserve == "strict",
        alerts=tuple(sorted(set(row.alerts))),
        ceiling=row.ceiling_nano,
        output_cap=row.output_cap,
        zone=zone,
    )


def limits_of(rows: Iterable[tuple[str, LimitRule]]) -> tuple[Limit, ...]:
    """(organisation, row) as the snapshot has them."""
    return tuple(limit for org_id, row in rows if (limit := limit_of(org_id, row)) is not None)
