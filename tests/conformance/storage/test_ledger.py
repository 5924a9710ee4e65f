"""The ledger: what is posted is there once, the rollups are its sums, and what cannot be stored holds nothing up."""

import asyncio
import random

import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError
from tests.support.usage import NOON, usage_event

from tidegate.adapters.sql import ledger as module
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.schema_usage import MEASURES, ROLLUPS, ledger
from tidegate.ports import PoisonEvents, UsageEvent
from tidegate.records import EVERYONE, Tenant
from tidegate.usage_report import UsageQuery

HOUR = UsageQuery(since=NOON, until=NOON + 3600)


async def rows(database: Database) -> int:
    async with database.read(EVERYONE) as connection:
        return (await connection.execute(select(func.count()).select_from(ledger))).scalar_one()


async def sums(database: Database) -> list[dict[tuple[object, ...], tuple[int, ...]]]:
    """Every row of every rollup: (organisation, bucket, groups) -> measures."""
    found = []
    async with database.read(EVERYONE) as connection:
        for _, table in ROLLUPS:
            result = (await connection.execute(select(table))).all()
            size = len(MEASURES)
            found.append({tuple(row[: len(row) - size]): tuple(row[-size:]) for row in result})
    return found


async def test_what_was_posted_is_not_posted_again(database: Database) -> None:
    store = LedgerStore(database)
    assert await store.post([]) == 0
    assert await store.post([usage_event(n) for n in range(10)]) == 10
    before = await sums(database)
    assert await store.post([usage_event(n) for n in range(10)]) == 0
    assert await sums(database) == before
    assert await store.post([usage_event(n) for n in range(12)]) == 2
    assert await rows(database) == 12
    assert (await store.usage(EVERYONE, HOUR)).total.cost_nano == 1200


async def test_one_batch_may_hold_an_event_twice(database: Database) -> None:
    store = LedgerStore(database)
    assert await store.post([usage_event(1), usage_event(2), usage_event(1)]) == 2
    total = (await store.usage(EVERYONE, HOUR)).total
    assert (total.requests, total.cost_nano) == (2, 200)


async def test_any_batches_in_any_order_end_the_same(database: Database) -> None:
    """Replays as a drainer makes them after crashes: overlapping, repeated, shuffled."""
    chance = random.Random(7)
    events = [
        usage_event(
            number,
            attempt=chance.choice((1, 1, 2)),
            key=f"k{number % 3}",
            tags=["a", "b"][: number % 3],
            org=chance.choice(("default", "org_b")),
            cost_nano=chance.choice((None, 0, 7, 10**12)),
            status=chance.choice((200, 499, 500)),
            at=NOON + number * 977.0,
        )
        for number in range(60)
    ]
    store = LedgerStore(database)
    posted = 0
    for _ in range(25):
        start = chance.randrange(60)
        batch = events[start : start + chance.randrange(1, 30)]
        chance.shuffle(batch)
        posted += await store.post(batch)
    posted += await store.post(events)
    assert posted == 60 == await rows(database)
    expected: list[dict[tuple[object, ...], list[int]]] = [{} for _ in ROLLUPS]
    for event in events:
        for tag in ("", *event.tags):
            for (seconds, _), table in zip(ROLLUPS, expected, strict=True):
                group = (event.org, int(event.at // seconds * seconds) * 1_000_000, event.key, tag)
                counted = table.setdefault(group, [0, 0])
                counted[0] += event.cost_nano or 0
                counted[1] += 1
    cost, attempts = MEASURES.index("cost_nano"), MEASURES.index("attempts")
    for table, wanted in zip(await sums(database), expected, strict=True):
        # (org, bucket, dims, team, user, key, provider, model, route, tag)
        found = {(key[0], key[1], key[5], key[9]): [values[cost], values[attempts]] for key, values in table.items()}
        assert found == wanted


async def test_several_drainers_at_once_neither_block_nor_double(database: Database) -> None:
    events = [usage_event(number, key=f"k{number % 7}", org=("default", "org_b")[number % 2]) for number in range(300)]
    store = LedgerStore(database)

    async def drain(seed: int) -> int:
        order = random.Random(seed).sample(events, len(events))
        return sum([await store.post(order[start : start + 60]) for start in range(0, len(order), 60)])

    assert sum(await asyncio.gather(*(drain(seed) for seed in range(4)))) == 300
    assert (await store.usage(EVERYONE, HOUR)).total.requests == 300


POISON = [
    ({"cost_nano": 10**18}, "cost_nano"),
    ({"usage": {"input": 1.5}}, "input"),
    ({"usage": {"output": -1}}, "output"),
    ({"usage": {"output": "7"}}, "output"),
    ({"at": float("nan")}, "at"),
    ({"at": -5.0}, "at"),
    ({"request_id": ""}, "request_id"),
    ({"request_id": "a\0b"}, "request_id"),
    ({"org": "o" * 300}, "org"),
    ({"entry": "refund"}, "entry"),
    ({"attempt": -1}, "attempt"),
    ({"status": 1 << 40}, "status"),
]


async def test_poison_is_told_by_its_place_and_all_else_is_stored(database: Database) -> None:
    store = LedgerStore(database)
    events: list[UsageEvent] = []
    for number, (fields, _) in enumerate(POISON):
        events += [usage_event(number), usage_event(100 + number, **fields)]
    with pytest.raises(PoisonEvents) as caught:
        await store.post(events)
    assert caught.value.posted == len(POISON) == await rows(database)
    assert [index for index, _ in caught.value.rows] == list(range(1, 2 * len(POISON), 2))
    for (_, reason), (_, field) in zip(caught.value.rows, POISON, strict=True):
        assert reason.startswith((field, f"usage.{field}"))


async def test_poison_that_only_the_database_finds_is_halved_out(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = module.row_of

    def blind(event: UsageEvent) -> dict[str, object]:
        row = honest(event)
        if event.key == "bad":
            row["cost_nano"] = 1 << 70
        return row

    monkeypatch.setattr(module, "row_of", blind)
    store = LedgerStore(database)
    events = [usage_event(number, key="bad" if number in (3, 40, 41) else "k") for number in range(64)]
    with pytest.raises(PoisonEvents) as caught:
        await store.post(events)
    assert [index for index, _ in caught.value.rows] == [3, 40, 41]
    assert caught.value.posted == 61 == await rows(database)
    assert (await store.usage(EVERYONE, HOUR)).total.requests == 61


async def test_odd_texts_are_mended_and_stored(database: Database) -> None:
    store = LedgerStore(database)
    odd = usage_event(1, error="a\0b\ud800c" + "x" * 9000, status=500, model="m\0", tags=["t\ud83d", ""], receipt=[{"reason": "\0"}])
    assert await store.post([odd]) == 1
    async with database.read(EVERYONE) as connection:
        row = (await connection.execute(select(ledger))).one()
    assert row.error.startswith("a\ufffdb?c") and len(row.error) == 500
    assert (row.model, row.tags, len(row.receipt_digest)) == ("m\ufffd", ["t?"], 32)


async def test_a_database_that_is_away_is_no_poison(database: Database) -> None:
    store = LedgerStore(database)
    async with database.write(EVERYONE) as connection:
        await connection.execute(ledger.insert().values(_any_row()))
        await connection.run_sync(Connection.rollback)
    async with database.connect() as connection, connection.begin():
        await connection.exec_driver_sql("ALTER TABLE ledger RENAME TO elsewhere")
    with pytest.raises(DBAPIError):
        await store.post([usage_event(1)])
    async with database.connect() as connection, connection.begin():
        await connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO ledger")
    assert await store.post([usage_event(1)]) == 1


def _any_row() -> dict[str, object]:
    return module.row_of(usage_event(0))


async def test_a_row_holds_all_of_the_event_but_bodies(database: Database) -> None:
    usage = {"input": 1, "cache_read": 2, "cache_write": 3, "cache_write_1h": 1, "output": 0, "reasoning": 4, "extras": {"x": 1}}
    lines = [
        {"kind": "input", "count": 1, "price": 3_000_000_000, "nano": 3000},
        {"kind": "cache_read", "count": 2_000, "price": 300_000_000, "nano": 600},
        {"kind": "cache_write", "count": 1_000, "price": 3_750_000_000, "nano": 7500},
    ]
    event = usage_event(
        1, usage=usage, lines=lines, saved_nano=77, tags=["b", "a"], team="team_1", user="user_1", end_user="e", request_body="secret"
    )
    await LedgerStore(database).post([event])
    async with database.read(EVERYONE) as connection:
        row = (await connection.execute(select(ledger))).one()
    assert (row.at, row.duration_us, row.first_byte_us) == (int((NOON + 1) * 1e6), 120_000, 30_000)
    assert (row.input_tokens, row.cache_write_1h_tokens, row.output_tokens, row.audio_input_tokens) == (1, 1, 0, None)
    assert (row.other_usage, row.lines, row.tags) == ({"extras": {"x": 1}}, lines, ["a", "b"])
    assert row.saved_nano == 77
    assert (row.team_id, row.user_id, row.end_user, row.stream, row.identity) == ("team_1", "user_1", "e", False, True)
    assert "secret" not in str(tuple(row))


async def test_a_correction_changes_sums_and_counts_nothing(database: Database) -> None:
    store = LedgerStore(database)
    unknown = usage_event(1, entry="unknown", usage={"input": 100}, cost_nano=1000, estimated="lease")
    correction = usage_event(1, entry="correction", usage={"input": -90, "output": 3}, cost_nano=-800)
    assert await store.post([unknown, correction]) == 2
    total = (await store.usage(EVERYONE, HOUR)).total
    assert (total.requests, total.attempts, total.estimated, total.cost_nano) == (1, 1, 1, 200)
    assert (total.tokens.input, total.tokens.output, total.latency_ms) == (10, 3, ())


async def test_a_tenant_sees_its_own(database: Database) -> None:
    store = LedgerStore(database)
    await store.post([usage_event(1), usage_event(2, org="org_b", cost_nano=7)])
    assert (await store.usage(Tenant("org_b"), HOUR)).total.cost_nano == 7
    assert (await store.usage(Tenant("org_c"), HOUR)).total.attempts == 0
    report = await store.usage(EVERYONE, UsageQuery(since=NOON, until=NOON + 1, by=("org",)))
    assert [(row.group, row.figures.cost_nano) for row in report.rows] == [({"org": "default"}, 100), ({"org": "org_b"}, 7)]
