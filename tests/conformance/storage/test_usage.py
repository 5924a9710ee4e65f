"""Usage queries: groups, buckets in any time zone, filters, and the figures themselves, always from the rollups."""

from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event
from tests.support.usage import NOON, usage_event

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.records import EVERYONE, Tenant
from tidegate.usage_report import Bucket, Dimension, UsageQuery, UsageReport, UsageTooLarge

OWN = Tenant()
DAY = 86400.0


async def ask(database: Database, **fields: Any) -> UsageReport:
    return await LedgerStore(database).usage(OWN, UsageQuery(**{"since": NOON, "until": NOON + 3600, **fields}))


async def test_nothing_used_is_zeros_for_every_bucket(database: Database) -> None:
    report = await ask(database, until=NOON + 3 * 3600, bucket="hour")
    assert [(row.start, row.figures.attempts, row.figures.latency_ms) for row in report.rows] == [
        (NOON + n * 3600, 0, ()) for n in range(3)
    ]
    assert (await ask(database)).rows[0].start is None
    assert (await ask(database, by=("model",))).rows == ()


async def test_every_dimension_splits_and_filters(database: Database) -> None:
    await LedgerStore(database).post(
        [
            usage_event(1, team="t1", user="u1", key="k1", provider="p1", model="m1", route="r1", tags=["x", "y"], cost_nano=1),
            usage_event(2, team="t2", user="u2", key="k2", provider="p2", model="m2", route="r2", tags=["y"], cost_nano=10),
            usage_event(3, team="t2", user="u2", key="k2", provider="p2", model="m2", route="r2", cost_nano=100),
        ]
    )
    values: dict[Dimension, tuple[str, str]] = {"team": ("t1", "t2"), "user": ("u1", "u2"), "key": ("k1", "k2"), "provider": ("p1", "p2")}
    for dimension, (first, second) in values.items():
        report = await ask(database, by=(dimension,))
        assert [(row.group[dimension], row.figures.cost_nano) for row in report.rows] == [(second, 110), (first, 1)]
    report = await ask(database, by=("model", "route"))
    assert [(row.group, row.figures.cost_nano) for row in report.rows] == [
        ({"model": "m2", "route": "r2"}, 110),
        ({"model": "m1", "route": "r1"}, 1),
    ]
    report = await ask(database, by=("tag",))
    assert [(row.group["tag"], row.figures.cost_nano) for row in report.rows] == [("y", 11), ("x", 1)]
    assert (await ask(database, only={"tag": ("y",)})).total.cost_nano == 11
    assert (await ask(database, only={"key": ("k2", "k9"), "model": ("m2",)})).total.cost_nano == 110
    assert (await ask(database, only={"key": ("k1",), "model": ("m2",)})).total.attempts == 0
    assert (await ask(database)).total.cost_nano == 111


async def test_end_users_are_asked_for_apart_from_tags(database: Database) -> None:
    store = LedgerStore(database)
    await store.post([usage_event(n, end_user=name, tags=["x", "y"], cost_nano=1 << n) for n, name in enumerate(("e1", "e2", "e1", ""))])
    report = await ask(database, by=("end_user",))
    assert [(row.group["end_user"], row.figures.cost_nano) for row in report.rows] == [("e1", 5), ("e2", 2)]
    assert (await ask(database, only={"end_user": ("e2",)}, by=("model",))).total.cost_nano == 2
    assert (await ask(database)).total.cost_nano == 15
    with pytest.raises(ValueError, match="together"):
        await ask(database, by=("end_user", "tag"))


async def test_the_figures(database: Database) -> None:
    await LedgerStore(database).post(
        [
            usage_event(1, attempt=1, status=503, error="overloaded", usage=None, cost_nano=None, first_byte_ms=None),
            usage_event(1, attempt=2, usage={"input": 5, "cache_read": 6, "output": 7, "reasoning": 2, "web_searches": 1}),
            usage_event(2, status=499, estimated="client_disconnect", usage={"input": 1}, cost_nano=3),
            usage_event(3, usage={"input": 1}, cost_nano=None),
            usage_event(4, error="cut off", usage={"input": 1}, cost_nano=4),
        ]
    )
    total = (await ask(database)).total
    assert (total.requests, total.attempts, total.errors, total.cancelled, total.estimated, total.unpriced) == (4, 5, 2, 1, 1, 1)
    assert (total.tokens.input, total.tokens.cache_read, total.tokens.output, total.tokens.reasoning) == (8, 6, 7, 2)
    assert (total.web_searches, total.cost_nano) == (1, 107)
    # Two attempts succeeded, after 120 ms each, with the first byte after 30 ms: the steps are 100 to 150 and 25 to 50.
    assert dict(total.latency_ms).keys() == {50, 90, 95, 99}
    assert all(100 < value <= 150 for _, value in total.latency_ms)
    assert all(25 < value <= 50 for _, value in total.first_byte_ms)


def midnight(zone: str, year: int, month: int, day: int) -> float:
    return datetime(year, month, day, tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize("bucket", ["hour", "day", "month"])
async def test_buckets_of_any_zone_sum_exactly_what_is_in_them(database: Database, zone: str, bucket: Bucket) -> None:
    """Around the end of summer time in Europe, with an event at each quarter of an hour for three days."""
    begin = midnight("UTC", 2026, 10, 24)
    events = [usage_event(n, at=begin + n * 900.0 + 450, cost_nano=1 << (n % 40)) for n in range(288)]
    await LedgerStore(database).post(events)
    report = await ask(database, since=begin, until=begin + 3 * DAY, bucket=bucket, time_zone=zone)
    edges = [row.start for row in report.rows if row.start is not None] + [report.until]
    assert edges == sorted(set(edges)) and edges[0] <= begin and edges[-1] >= begin + 3 * DAY
    for row, (start, end) in zip(report.rows, pairwise(edges), strict=True):
        assert row.figures.cost_nano == sum(found.cost_nano or 0 for found in events if start <= found.at < end)
        local = datetime.fromtimestamp(start, ZoneInfo(zone))
        assert local.minute == 0 and (bucket == "hour" or local.hour == 0) and (bucket != "month" or local.day == 1)
    assert report.total.attempts == 288


async def test_days_of_summer_time_have_their_own_length(database: Database) -> None:
    zone = "Europe/Berlin"
    report = await ask(database, since=midnight(zone, 2026, 10, 24), until=midnight(zone, 2026, 10, 27), bucket="day", time_zone=zone)
    starts = [row.start or 0 for row in report.rows] + [report.until]
    assert [(after - before) / 3600 for before, after in pairwise(starts)] == [24, 25, 24]


async def test_too_much_is_refused(database: Database) -> None:
    with pytest.raises(UsageTooLarge, match="buckets"):
        await ask(database, since=0.0, bucket="hour")
    with pytest.raises(ValueError, match="not a time zone"):
        await ask(database, time_zone="../../etc/passwd")
    with pytest.raises(ValueError, match="before it begins"):
        await ask(database, until=NOON)


async def test_no_query_reads_the_ledger(database: Database) -> None:
    store = LedgerStore(database)
    await store.post([usage_event(1, tags=["x"])])
    seen: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: seen.append(statement))
    buckets: tuple[Bucket | None, ...] = (None, "hour", "day", "month")
    for bucket in buckets:
        asked: tuple[tuple[Dimension, ...], ...] = (
            (),
            ("org", "team", "user", "key", "provider", "model", "route", "tag"),
            ("end_user", "model"),
        )
        for by in asked:
            await store.usage(EVERYONE, UsageQuery(since=NOON, until=NOON + 3600, by=by, bucket=bucket))
    assert sum("rollup_" in statement for statement in seen) == 12
    assert not any("ledger" in statement for statement in seen)
