"""`tidegate usage`: what was used and what it cost, from the ledger's sums."""

import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

import msgspec
from cyclopts import Parameter

from tidegate.adapters.sql.address import BadAddress
from tidegate.adapters.sql.buckets import zone
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.ready import ready
from tidegate.adapters.sql.version import Behind
from tidegate.cli.database import Unusable, with_database
from tidegate.cli.options import Home, complain, say, table
from tidegate.control.problems import ConfigError
from tidegate.records import EVERYONE, Scope, Tenant
from tidegate.usage_report import Bucket, Dimension, Figures, UsageQuery, UsageReport, csv_lines, date_text, flat

By = Annotated[list[Dimension] | None, Parameter(negative=(), help="What to split by. May be given often.")]
Since = Annotated[str, Parameter(help="How long ago (`90m`, `24h`, `7d`, `4w`), or a date or time (`2026-06-01`, `2026-06-01T12:00`).")]
Until = Annotated[str, Parameter(help="As `--since`; `now`, if it is not given.")]
In = Annotated[Bucket | None, Parameter(name="--bucket", help="One row for each hour, day or month, also where nothing was used.")]
TimeZone = Annotated[str, Parameter(help="Where days begin, and what dates mean: a name like Europe/Berlin.")]
Only = Annotated[list[str] | None, Parameter(negative=(), help="Count only this, like `team=core` or `model=gpt-5`. May be given often.")]
Org = Annotated[str | None, Parameter(help="One organisation; else all of them.")]
AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="One JSON object per line; money in nano-dollars.")]
AsCsv = Annotated[bool, Parameter(name="--csv", negative=(), help="Comma-separated values with a line of names; money in nano-dollars.")]

_NANO = 10**9
_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_HEAD = ("REQUESTS", "ATTEMPTS", "ERRORS", "INPUT", "CACHED", "OUTPUT", "COST $", "SAVED $", "P50 MS", "P95 MS", "FIRST BYTE MS")


def usage(
    *,
    by: By = None,
    since: Since = "24h",
    until: Until = "now",
    bucket: In = None,
    time_zone: TimeZone = "UTC",
    only: Only = None,
    org: Org = None,
    json: AsJson = False,
    csv: AsCsv = False,
    home: Home = None,
) -> int:
    """See `texts.USAGE`."""
    scope: Scope = EVERYONE if org is None else Tenant(org)
    try:
        now = time.time()
        query = UsageQuery(
            since=_time(since, now, time_zone),
            until=_time(until, now, time_zone),
            by=tuple(dict.fromkeys(by or ())),
            bucket=bucket,
            time_zone=time_zone,
            only=_only(only or []),
        )

        async def ask(database: Database) -> UsageReport:
            await ready(database)
            return await LedgerStore(database).usage(scope, query)

        report = with_database(home, ask)
    except (BadAddress, Behind, ConfigError, Unusable, ValueError) as error:
        complain(f"error: {error}")
        return 1
    _print(report, query, json=json, as_csv=csv)
    return 0


def _print(report: UsageReport, query: UsageQuery, *, json: bool, as_csv: bool) -> None:
    if json:
        for row in report.rows:
            say(msgspec.json.encode(flat(row, report)).decode())
    elif as_csv:
        sys.stdout.writelines(csv_lines(report, query.by))
    elif not report.total.attempts:
        complain(f"No usage from {date_text(report.since, report)} to {date_text(report.until, report)}.")
    else:
        _table(report, query)


def _table(report: UsageReport, query: UsageQuery) -> None:
    when = () if report.bucket is None else ("FROM",)
    rows = [(*when, *(dimension.upper() for dimension in query.by), *_HEAD)]
    for row in report.rows:
        start = () if row.start is None else (date_text(row.start, report),)
        rows.append((*start, *(value or "-" for value in row.group.values()), *_cells(row.figures)))
    if len(report.rows) > 1 and "tag" not in query.by:
        rows.append(("total", *[""] * (len(rows[0]) - len(_HEAD) - 1), *_cells(report.total)))
    table(rows)
    if report.total.unpriced:
        complain(f"{report.total.unpriced:,} attempts have no known price and are not in the cost.")
    if report.total.estimated:
        complain(f"{report.total.estimated:,} attempts are estimated: the provider did not say all of it, or a part has no known price.")


def _cells(figures: Figures) -> tuple[str, ...]:
    tokens, latency, first = figures.tokens, dict(figures.latency_ms), dict(figures.first_byte_ms)
    counts = (figures.requests, figures.attempts, figures.errors)
    counts += (tokens.input + tokens.cache_read + tokens.cache_write, tokens.cache_read, tokens.output)
    times = (latency.get(50), latency.get(95), first.get(50))
    return (
        *(f"{count:,}" for count in counts),
        _cost(figures),
        dollars(figures.saved_nano),
        *("-" if value is None else f"{value:,.0f}" for value in times),
    )


def _cost(figures: Figures) -> str:
    """What has no known price is not in it, and is not free."""
    if not figures.unpriced:
        return dollars(figures.cost_nano)
    return f"{dollars(figures.cost_nano)}+?" if figures.cost_nano else "?"


def dollars(nano: int) -> str:
    """Exact, with two decimals at least."""
    whole, rest = divmod(abs(nano), _NANO)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nano < 0 else ''}{whole:,}.{decimals}"


def nano(text: str) -> int:
    """Nano-dollars of an amount in dollars. Raises `ValueError`."""
    try:
        amount = Decimal(text.strip().removeprefix("$")) * _NANO
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount != amount.to_integral_value():
        raise ValueError(f"`{text[:40]}` is no amount: it is in dollars, with at most nine decimals, like 20 or 0.50")
    return int(amount)


def _time(text: str, now: float, time_zone: str) -> float:
    """Raises `ValueError`."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if found:
        return now - int(found[1]) * _SECONDS[found[2]]
    if text == "now":
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{text[:40]}` is no time: it is like 7d, 24h, 2026-06-01 or 2026-06-01T12:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone(time_zone))).timestamp()


def _only(given: Sequence[str]) -> dict[Dimension, tuple[str, ...]]:
    """Raises `ValueError`."""
    found: dict[Dimension, tuple[str, ...]] = {}
    for text in given:
        name, sign, value = text.partition("=")
        try:
            dimension = msgspec.convert(name, Dimension)
        except msgspec.ValidationError:
            sign = ""
        else:
            found[dimension] = (*found.get(dimension, ()), value)
        if not sign:
            raise ValueError(
                f"--only `{text[:40]}`: it is like team=core; one of org, team, user, key, provider, model, route, tag and end_user"
            )
    return found
