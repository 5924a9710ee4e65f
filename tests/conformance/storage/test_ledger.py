"""The ledger on both databases."""

from tests.support.usage import NOON, usage_event

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.records import EVERYONE
from tidegate.usage_report import UsageQuery


async def test_post(database: Database):
    store = LedgerStore(database)
    assert await store.post([usage_event(n) for n in range(10)]) == 10
    assert await store.post([usage_event(n) for n in range(12)]) == 2
    r = await store.usage(EVERYONE, UsageQuery(since=NOON, until=NOON + 100))
    assert r.total.cost_nano == 1200, r
