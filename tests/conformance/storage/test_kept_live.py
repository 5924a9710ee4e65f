"""What the database defines besides keys, on both databases: what a look reads, and how soon and how often it goes live."""

import msgspec
from tests.support.control import ACTOR, SetClock

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.kept import KeptRows
from tidegate.control.kept_watch import REFRESH, TOUCH, KeptWatcher
from tidegate.records import Credential, Kept, StoredPrice, StoredRoute, Team, Tenant

DEFAULT = Tenant("default")
ROW = Credential(id="c1", name="c", provider="openai", origin="https://api.openai.com", sealed=b"\x01sealed", kek_id="k")

PRICE = StoredPrice(id="p1", provider="openai", model="gpt-4o", valid_from=86_400_000_000, price={"input": 0.1, "output": "2.5"})


class Replica:
    """One gateway's view."""

    def __init__(self, database: Database) -> None:
        self.clock = SetClock()
        self.live: list[Kept] = []
        self.stored: list[tuple[int, Kept]] = []
        self.used: dict[tuple[str, str], int] = {}
        self.watcher = KeptWatcher(
            KeptRows(database),
            self._take,
            keep=lambda generation, kept: self.stored.append((generation, kept)),
            used=lambda: self.used,
            interval=3600,
            now=self.clock.monotonic,
        )

    async def _take(self, kept: Kept) -> None:
        self.live.append(kept)


def store(database: Database) -> SqlControlStore:
    return SqlControlStore(Changes(database, SetClock()))


async def test_a_change_is_taken_once_with_its_sealed_bytes(database: Database) -> None:
    replica = Replica(database)
    assert await replica.watcher.step()
    assert replica.live == [Kept()]
    async with store(database).change(DEFAULT, ACTOR) as change:
        await change.add(ROW)
        await change.add(StoredRoute(id="r1", name="smart", entry={"targets": ["openai/gpt-4o"]}))
        await change.add(PRICE)
    assert await replica.watcher.step()
    assert not await replica.watcher.step()
    assert replica.live[-1].credentials == (("default", ROW),)
    assert [row.name for row in replica.live[-1].routes] == ["smart"]
    assert replica.live[-1].prices == (PRICE,)
    assert replica.stored[-1][1] == replica.live[-1]
    async with store(database).change(DEFAULT, ACTOR) as change:
        await change.remove(ROW)
    assert await replica.watcher.step()
    assert replica.live[-1].credentials == ()


async def test_a_change_of_something_else_compiles_nothing(database: Database) -> None:
    replica = Replica(database)
    await replica.watcher.step()
    async with store(database).change(DEFAULT, ACTOR) as change:
        await change.add(Team(id="t1", name="t"))
    assert not await replica.watcher.step()
    assert len(replica.live) == 1
    assert len(replica.stored) == 1
    replica.clock.seconds += REFRESH + 1
    assert not await replica.watcher.step()
    assert len(replica.stored) == 2


async def test_use_is_noted_without_a_change(database: Database) -> None:
    async with store(database).change(DEFAULT, ACTOR) as change:
        await change.add(ROW)
    replica = Replica(database)
    await replica.watcher.step()
    replica.used = {("default", "c1"): 5_000_000, ("other", "c1"): 6_000_000}
    assert not await replica.watcher.step()
    replica.clock.seconds += TOUCH + 1
    assert not await replica.watcher.step()
    async with store(database).view(DEFAULT) as view:
        assert await view.get(Credential, "c1") == msgspec.structs.replace(ROW, sealed=b"", last_used_at=5_000_000)
    assert len(replica.live) == 1
