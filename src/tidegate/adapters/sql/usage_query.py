"""A usage query as a statement on the coarsest rollup that can answer it, and its result as a report. Reads no row of the ledger."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, Select, Table, case, cast, func, literal, select

from tidegate.adapters.sql.buckets import Cut, cut
from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import within
from tidegate.adapters.sql.kept_since import kept_since
from tidegate.adapters.sql.percentiles import percentile
from tidegate.adapters.sql.schema_usage import COUNTS, END_USER_ROLLUPS, FIRST_BYTE, KINDS, LATENCY, MEASURES, PASSING, ROLLUPS
from tidegate.records import Scope
from tidegate.usage_report import PERCENTILES, Dimension, Figures, Tokens, UsageGone, UsageQuery, UsageReport, UsageRow, UsageTooLarge

MOST_ROWS = 100_000
"""Of one answer, zero-filled."""
_MICROS = 1_000_000
_DAY = 86_400

_COLUMNS: dict[Dimension, str] = {
    "org": "org_id",
    "team": "team_id",
    "user": "user_id",
    "key": "key_id",
    "provider": "provider",
    "model": "model",
    "route": "route",
    "tag": "tag",
    "end_user": "end_user",
}


async def report(connection: AsyncConnection, scope: Scope, query: UsageQuery) -> UsageReport:
    """Raises `UsageTooLarge`, `UsageGone` and `ValueError`."""
    periods = cut(query.since, query.until, query.bucket, query.time_zone)
    groups: dict[tuple[str, ...], dict[int, list[Row[Any]]]] = defaultdict(lambda: defaultdict(list))
    found: list[Row[Any]] = []
    for table, begin, end in _sources(query, periods, await kept_since(connection)):
        found += (await connection.execute(statement(scope, query, periods, table, begin, end))).all()
    for row in found:
        groups[tuple(row[1 : 1 + len(query.by)])][row[0]].append(row)
    if not query.by:
        groups.setdefault((), defaultdict(list))
    many = len(groups) * (len(periods.edges) - 1)
    if many > MOST_ROWS:
        raise UsageTooLarge(
            f"the answer has {many:,} rows and may have {MOST_ROWS:,}: ask for a shorter period, longer buckets or fewer groups"
        )
    cost = {group: sum(row.cost_nano for rows in numbered.values() for row in rows) for group, numbered in groups.items()}
    rows = [
        UsageRow(
            start=None if query.bucket is None else float(edge),
            group=dict(zip(query.by, group, strict=True)),
            figures=_figures(in_bucket.get(number, [])),
        )
        for group, in_bucket in sorted(groups.items(), key=lambda item: (-cost[item[0]], item[0]))
        for number, edge in enumerate(periods.edges[:-1])
    ]
    return UsageReport(
        since=float(periods.edges[0]),
        until=float(periods.edges[-1]),
        bucket=query.bucket,
        time_zone=query.time_zone,
        rows=tuple(rows),
        total=_figures(found),
    )


def _sources(query: UsageQuery, periods: Cut, kept_since: int) -> list[tuple[Table, int, int]]:
    """Which rollups hold the period, each with the seconds from and to which it is read. Raises `UsageGone`, and `ValueError` for what
    is not counted together."""
    asked = {*query.by, *query.only}
    of_end_users = "end_user" in asked
    if of_end_users and "tag" in asked:
        raise ValueError("tags and end users cannot be asked for together")
    begin, end = periods.edges[0], periods.edges[-1]
    table = table_for(periods, END_USER_ROLLUPS if of_end_users else ROLLUPS)
    if begin * _MICROS >= kept_since or table not in PASSING:
        return [(table, begin, end)]
    days = dict(ROLLUPS)[_DAY]
    # The days that are kept for ever, up to the first whole one of which there is more.
    whole = min(-(-kept_since // (_DAY * _MICROS)) * _DAY, end // _DAY * _DAY)
    if query.bucket is None and not of_end_users and begin % _DAY == 0 and whole * _MICROS >= min(kept_since, end * _MICROS):
        return [(days, begin, whole), (table, whole, end)]
    what = "usage of end users" if of_end_users else "usage by hours, or by days of other time zones than UTC,"
    since = datetime.fromtimestamp(kept_since / _MICROS, UTC).strftime("%Y-%m-%d %H:%M")
    otherwise = "" if of_end_users else "; whole days of UTC are kept for ever"
    raise UsageGone(f"{what} is kept since {since} UTC only{otherwise}")


def statement(scope: Scope, query: UsageQuery, periods: Cut, table: Table, begin: int, end: int) -> Select[Any]:
    """(number of the bucket, groups…, sums…) of what `table` has between two times in seconds."""
    asked = {*query.by, *query.only}
    number = _number(table, periods).label("number")
    groups = [table.c[_COLUMNS[dimension]] for dimension in query.by]
    sums = [cast(func.sum(table.c[name]), BigInteger).label(name) for name in MEASURES]
    # Without end users, a row without a tag has everything; the rows of end users hold nothing but those that are named.
    chosen = [] if "end_user" in asked else [table.c.tag != "" if "tag" in asked else table.c.tag == ""]
    chosen += [table.c[_COLUMNS[dimension]].in_(values) for dimension, values in query.only.items()]
    return (
        select(number, *groups, *sums)
        .where(*within(scope, table), table.c.bucket >= begin * _MICROS, table.c.bucket < end * _MICROS, *chosen)
        .group_by(number, *groups)
    )


def table_for(periods: Cut, rollups: tuple[tuple[int, Table], ...]) -> Table:
    """The coarsest rollup none of whose buckets lies across an edge."""
    return next(table for seconds, table in reversed(rollups) if all(edge % seconds == 0 for edge in periods.edges))


def _number(table: Table, periods: Cut) -> ColumnElement[int]:
    """Of the bucket that a row is in: a division for each run of equal buckets."""
    cases: list[tuple[ColumnElement[bool], ColumnElement[int]]] = []
    for begin, end, step, first in periods.segments:
        count = (table.c.bucket - begin * _MICROS) // (step * _MICROS) + first
        cases.append((table.c.bucket < end * _MICROS, count))
    return case(*cases, else_=literal(-1)) if len(cases) > 1 else cases[0][1]


def _figures(rows: Sequence[Row[Any]]) -> Figures:
    sums = {name: sum(values) for name, values in zip(MEASURES, zip(*(row[-len(MEASURES) :] for row in rows), strict=True), strict=False)}
    if not rows:
        sums = dict.fromkeys(MEASURES, 0)
    return Figures(
        **{name: sums[name] for name in COUNTS},
        tokens=Tokens(**{kind: sums[f"{kind}_tokens"] for kind in KINDS}),
        web_searches=sums["web_searches"],
        images=sums["images"],
        cost_nano=sums["cost_nano"],
        saved_nano=sums["saved_nano"],
        latency_ms=_percentiles([sums[name] for name in LATENCY]),
        first_byte_ms=_percentiles([sums[name] for name in FIRST_BYTE]),
    )


def _percentiles(counts: Sequence[int]) -> tuple[tuple[int, float], ...]:
    told = ((percent, percentile(counts, percent)) for percent in PERCENTILES)
    return tuple((percent, value) for percent, value in told if value is not None)
