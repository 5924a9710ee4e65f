"""A usage query as one statement on the coarsest rollup that can answer it, and its result as a report. Reads no row of the ledger."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, Select, Table, case, cast, func, literal, select

from tidegate.adapters.sql.buckets import Cut, cut
from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import within
from tidegate.adapters.sql.percentiles import percentile
from tidegate.adapters.sql.schema_usage import COUNTS, END_USER_ROLLUPS, FIRST_BYTE, KINDS, LATENCY, MEASURES, ROLLUPS
from tidegate.records import Scope
from tidegate.usage_report import PERCENTILES, Dimension, Figures, Tokens, UsageQuery, UsageReport, UsageRow, UsageTooLarge

MOST_ROWS = 100_000
"""Of one answer, zero-filled."""
_MICROS = 1_000_000

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
    """Raises `UsageTooLarge` and `ValueError`."""
    periods = cut(query.since, query.until, query.bucket, query.time_zone)
    found = (await connection.execute(statement(scope, query, periods))).all()
    groups: dict[tuple[str, ...], dict[int, Row[Any]]] = defaultdict(dict)
    for row in found:
        groups[tuple(row[1 : 1 + len(query.by)])][row[0]] = row
    if not query.by:
        groups.setdefault((), {})
    many = len(groups) * (len(periods.edges) - 1)
    if many > MOST_ROWS:
        raise UsageTooLarge(
            f"the answer has {many:,} rows and may have {MOST_ROWS:,}: ask for a shorter period, longer buckets or fewer groups"
        )
    cost = {group: sum(row.cost_nano for row in rows.values()) for group, rows in groups.items()}
    rows = [
        UsageRow(
            start=None if query.bucket is None else float(edge),
            group=dict(zip(query.by, group, strict=True)),
            figures=_figures([in_bucket[number]] if number in in_bucket else []),
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


def statement(scope: Scope, query: UsageQuery, periods: Cut) -> Select[Any]:
    """(number of the bucket, groups…, sums…)."""
    asked = {*query.by, *query.only}
    of_end_users = "end_user" in asked
    if of_end_users and "tag" in asked:
        raise ValueError("tags and end users cannot be asked for together")
    table = table_for(periods, END_USER_ROLLUPS if of_end_users else ROLLUPS)
    number = _number(table, periods).label("number")
    groups = [table.c[_COLUMNS[dimension]] for dimension in query.by]
    sums = [cast(func.sum(table.c[name]), BigInteger).label(name) for name in MEASURES]
    # Without end users, a row without a tag has everything; the rows of end users hold nothing but those that are named.
    chosen = [] if of_end_users else [table.c.tag != "" if "tag" in asked else table.c.tag == ""]
    chosen += [table.c[_COLUMNS[dimension]].in_(values) for dimension, values in query.only.items()]
    return (
        select(number, *groups, *sums)
        .where(
            *within(scope, table),
            table.c.bucket >= periods.edges[0] * _MICROS,
            table.c.bucket < periods.edges[-1] * _MICROS,
            *chosen,
        )
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
