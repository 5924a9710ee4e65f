"""Retention: what is older than its days goes, from every tenant, in batches; the sums of days stay, and so does what is young."""

import msgspec
import pytest
from sqlalchemy import Table, func, insert, select
from tests.support.clock import FixedClock
from tests.support.usage import NOON, usage_event

from tidegate.adapters.sql import retention
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.retention import Forgotten, Retention
from tidegate.adapters.sql.schema import idempotency_record, organisation, outbox
from tidegate.adapters.sql.schema_usage import ROLLUPS, ledger
from tidegate.records import EVERYONE, Tenant
from tidegate.usage_report import UsageGone, UsageQuery

DAY = 86_400.0


async def filled(database: Database) -> LedgerStore:
    async with database.write(EVERYONE) as connection:
        await connection.execute(insert(organisation).values(org_id="other", name="other", created_at=0, updated_at=0, revision=1))
    store = LedgerStore(database)
    old = [usage_event(n, at=NOON - 500 * DAY + n * 60, org=org) for org in ("default", "other") for n in range(6)]
    await store.post([*[event for event in old if event.org == "default"], *[usage_event(100 + n, at=NOON - n * DAY) for n in range(3)]])
    await store.post([usage_event(200 + n, at=event.at, org="other") for n, event in enumerate(old) if event.org == "other"])
    return store


async def count(database: Database, table: Table) -> int:
    async with database.read(EVERYONE) as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


async def test_what_is_too_old_goes_and_days_stay(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 4)
    store = await filled(database)
    days = dict(ROLLUPS)[86_400]
    kept_days = await count(database, days)
    gone = await Retention(database, FixedClock(NOON)).forget(400)
    assert (gone.ledger, gone.others) == (12, 0)
    assert gone.rollups > 0
    assert await count(database, ledger) == 3
    assert await count(database, days) == kept_days
    long_ago = UsageQuery(since=NOON - 501 * DAY, until=NOON - 499 * DAY, bucket="day")
    assert (await store.usage(EVERYONE, long_ago)).total.attempts == 12
    assert (await store.usage(Tenant("other"), long_ago)).total.attempts == 6
    assert await Retention(database, FixedClock(NOON)).forget(400) == Forgotten()


async def test_nothing_is_answered_out_of_what_is_left(database: Database) -> None:
    store = LedgerStore(database)
    await store.post([usage_event(n, at=NOON - n * 10 * DAY, end_user="e1", tags=["t"]) for n in range(7)])
    midnight = NOON - NOON % DAY
    ever, now = midnight - 100 * DAY, NOON + 3600
    queries = {
        "whole": UsageQuery(since=ever, until=now),
        "by tag": UsageQuery(since=ever, until=now, by=("tag",)),
        "days": UsageQuery(since=ever, until=now, bucket="day"),
        "hours": UsageQuery(since=ever, until=now, bucket="hour"),
        "at noon": UsageQuery(since=NOON - 40 * DAY, until=now),
        "berlin": UsageQuery(since=ever, until=now, bucket="day", time_zone="Europe/Berlin"),
        "end users": UsageQuery(since=ever, until=now, only={"end_user": ("e1",)}, bucket="day"),
        "before": UsageQuery(since=ever, until=midnight - 40 * DAY + 3600),
    }
    for query in queries.values():
        assert (await store.usage(EVERYONE, query)).total.attempts > 0
    await Retention(database, FixedClock(NOON)).forget(35)
    for name in ("whole", "by tag", "days"):
        found = await store.usage(EVERYONE, queries[name])
        assert sum(row.figures.attempts for row in found.rows) == found.total.attempts == 7, name
    for name in ("hours", "at noon", "berlin", "end users", "before"):
        with pytest.raises(UsageGone, match="is kept since"):
            await store.usage(Tenant(), queries[name])
    for query in (queries["hours"], queries["end users"], queries["at noon"]):
        young = msgspec.structs.replace(query, since=NOON - 34 * DAY)
        assert (await store.usage(Tenant(), young)).total.attempts == 4
    # A longer time from now on brings nothing back.
    await Retention(database, FixedClock(NOON)).forget(400)
    with pytest.raises(UsageGone):
        await store.usage(Tenant(), queries["end users"])


async def test_nothing_of_usage_goes_where_it_is_kept_for_ever(database: Database) -> None:
    await filled(database)
    assert await Retention(database, FixedClock(NOON)).forget(0) == Forgotten()
    assert await count(database, ledger) == 15


async def test_answers_and_messages_that_are_over_go(database: Database) -> None:
    micros = int(NOON * 1_000_000)
    answer = {"owner": "o", "fingerprint": b"", "state": "done", "created_at": 0}
    message = {"topic": "t", "message": {}, "created_at": 0, "due_at": 0, "tries": 0, "failure": ""}
    async with database.write(Tenant()) as connection:
        for key, expires in (("past", micros), ("present", micros + 1)):
            await connection.execute(insert(idempotency_record).values(org_id="default", key=key, expires_at=expires, **answer))
        for id, done in (("sent long ago", micros - 40 * retention.DAY), ("just sent", micros), ("waits", None)):
            await connection.execute(insert(outbox).values(org_id="default", id=id, done_at=done, **message))
    assert await Retention(database, FixedClock(NOON)).forget(400) == Forgotten(others=2)
    assert (await count(database, idempotency_record), await count(database, outbox)) == (1, 2)
