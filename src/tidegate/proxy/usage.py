"""`GET /v1/tidegate/usage`: what the calling key has used and what it cost, from the ledger's sums. For clients of either dialect.

The query is that of the control API: `since` and `until` (RFC 3339, or a date), `bucket` (`hour`, `day`, `month`), `time_zone`, `by`
(`model`, `provider`, `route`, `end_user`, `tag`; may be given often) and `format` (`json` or `csv`). A key never sees another one's usage.
"""

from datetime import UTC, datetime, timedelta
from typing import cast
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.ir.json import JsonObject
from tidegate.ports import StorageUnavailable
from tidegate.proxy.app import App
from tidegate.proxy.call import Call
from tidegate.proxy.reply import JSON, Reply
from tidegate.records import Tenant
from tidegate.usage_report import Dimension, UsageGone, UsageQuery, UsageReport, UsageTooLarge, csv_lines, flat, flat_figures

_CSV = b"text/csv; charset=utf-8"
_NAMES = frozenset(("since", "until", "bucket", "time_zone", "by", "format"))
_BY = ("model", "provider", "route", "end_user", "tag")
_BUCKETS = ("hour", "day", "month")
_SPAN = timedelta(days=30)
_AWAY = Error(
    kind=ErrorKind.UNAVAILABLE, message="The ledger cannot be asked now: try again later.", code="ledger_unavailable", retry_after=5
)


async def usage(app: App, call: Call, reply: Reply) -> None:
    """Raises `GatewayError`."""
    asked = _asked(call)
    query = _query(asked, call)
    if app.late.ledger is None:
        raise GatewayError(_AWAY)
    try:
        report = await app.late.ledger.usage(Tenant(call.key.org), query)
    except UsageTooLarge as error:
        raise bad_request(f"{error}.", "bucket") from None
    except UsageGone as error:
        raise bad_request(f"{error}.", "since") from None
    except StorageUnavailable:
        raise GatewayError(_AWAY) from None
    if asked.get("format") == ["csv"]:
        await reply.whole(200, _CSV, "".join(csv_lines(report, query.by)).encode(), [])
    else:
        await reply.whole(200, JSON, msgspec.json.encode(_body(call, report)), [])


def _body(call: Call, report: UsageReport) -> JsonObject:
    return {
        "object": "usage",
        "key": {"id": call.key.id, "name": call.key.name},
        "since": _moment(report.since),
        "until": _moment(report.until),
        "bucket": report.bucket,
        "time_zone": report.time_zone,
        "total": flat_figures(report.total),
        "rows": [flat(row, report) for row in report.rows],
    }


def _query(asked: dict[str, list[str]], call: Call) -> UsageQuery:
    zone_name = _one(asked, "time_zone") or "UTC"
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise bad_request("`time_zone` is no time zone: it is a name like `Europe/Berlin`.", "time_zone") from None
    until = _time(asked, "until", zone) or datetime.fromtimestamp(call.at, UTC)
    since = _time(asked, "since", zone) or until - _SPAN
    if since >= until:
        raise bad_request("`since` is not before `until`.", "since")
    bucket, by = _one(asked, "bucket"), asked.get("by", [])
    if bucket not in (None, *_BUCKETS):
        raise bad_request("`bucket` is `hour`, `day` or `month`.", "bucket")
    if any(name not in _BY for name in by):
        raise bad_request(f"`by` is one of {', '.join(_BY)}.", "by")
    if {"tag", "end_user"} <= set(by):
        raise bad_request("`by` is `tag` or `end_user`, not both.", "by")
    return UsageQuery(
        since=since.timestamp(),
        until=until.timestamp(),
        by=tuple(dict.fromkeys(cast("list[Dimension]", by))),
        bucket=bucket,
        time_zone=zone_name,
        only={"key": (call.key.id,)},
    )


def _asked(call: Call) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(call.query.decode("latin-1"), keep_blank_values=True):
        if name not in _NAMES:
            raise bad_request(f"There is no `{name[:50]}` here: {', '.join(sorted(_NAMES))} can be asked for.", name[:50])
        found.setdefault(name, []).append(value)
    if found.get("format", ["json"]) not in (["json"], ["csv"]):
        raise bad_request("`format` is `json` or `csv`.", "format")
    return found


def _one(asked: dict[str, list[str]], name: str) -> str | None:
    values = asked.get(name, [])
    if len(values) > 1:
        raise bad_request(f"`{name}` is there more than once.", name)
    return values[0] if values else None


def _time(asked: dict[str, list[str]], name: str, zone: ZoneInfo) -> datetime | None:
    """A date, or a time without an offset, is one of the time zone that was asked for."""
    text = _one(asked, name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_request(f"`{name}` is like `2026-06-01` or `2026-06-01T12:00:00Z`.", name) from None
    if not 1970 < moment.year <= 2200:
        raise bad_request(f"`{name}` is not between the years 1971 and 2200.", name)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
