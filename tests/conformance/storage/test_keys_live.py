"""Keys of the database in the data plane, on both databases: what is read at a start, and what an edit changes."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.support.control import ACTOR, SetClock
from tests.support.waiting import soon

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.directory import SqlDirectories
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.listen import ask, listen
from tidegate.control.directory import KeyWatcher, listed
from tidegate.policy.directory import Directory
from tidegate.policy.overload.queue import Priority
from tidegate.records import ApiKey, Organisation, Team, Tenant

DEFAULT = Tenant("default")


class Replica:
    """One gateway's view of the keys."""

    def __init__(self, database: Database) -> None:
        self.clock = SetClock()
        self.directory = Directory()
        self.kept = 0
        self.source = SqlDirectories(Changes(database, self.clock), listed)
        self.watcher = KeyWatcher(self.source, self.directory, interval=3600, kept=self._keep, now=self.clock.now)

    def _keep(self) -> None:
        self.kept += 1

    def state(self, id: str) -> str | None:
        found = self.directory.find(id)
        if found is None:
            return None
        return "off" if self.directory.is_off(found) else found.state


def store(database: Database) -> SqlControlStore:
    return SqlControlStore(Changes(database, SetClock()))


async def add(database: Database, id: str, tenant: Tenant = DEFAULT, **fields: object) -> ApiKey:
    values = {"name": id, "digest": f"{tenant.org_id}{id}".encode(), "owner_id": tenant.org_id, **fields}
    row = ApiKey(id=id, **values)  # pyright: ignore[reportArgumentType] free fields for tests
    async with store(database).change(tenant, ACTOR) as change:
        await change.add(row)
    return row


async def edit(database: Database, id: str, tenant: Tenant = DEFAULT, **fields: object) -> None:
    async with store(database).change(tenant, ACTOR) as change:
        row = await change.get(ApiKey, id)
        assert row is not None
        for name, value in fields.items():
            row = ApiKey(**{**{field: getattr(row, field) for field in row.__struct_fields__}, name: value})
        await change.replace(row, "key.update")


async def test_a_start_reads_all_that_may_call(database: Database) -> None:
    await add(database, "k1")
    await add(database, "k2", env="adm")
    await add(database, "k3", revoked_at=5)
    await add(database, "k4", disabled_at=5, models=["a*"])
    replica = Replica(database)
    assert await replica.watcher.step()
    assert [replica.state(id) for id in ("k1", "k2", "k3", "k4")] == ["active", None, None, "disabled"]
    found = replica.directory.find("k4")
    assert found is not None
    assert (found.key.digest, found.key.models, found.key.org) == (b"defaultk4", ("a*",), "default")
    assert not await replica.watcher.step()
    assert replica.kept == 1


async def test_how_important_a_key_is_follows_an_edit(database: Database) -> None:
    await add(database, "k1")
    await add(database, "k2", priority="batch")
    replica = Replica(database)
    await replica.watcher.step()

    def priorities() -> list[Priority]:
        return [found.key.priority for id in ("k1", "k2") if (found := replica.directory.find(id)) is not None]

    assert priorities() == [Priority.INTERACTIVE, Priority.BATCH]
    await edit(database, "k1", priority="background")
    assert await replica.watcher.step()
    assert priorities() == [Priority.BACKGROUND, Priority.BATCH]


async def test_an_edit_reads_what_it_changed(database: Database) -> None:
    await add(database, "k1")
    replica = Replica(database)
    await replica.watcher.step()
    await add(database, "k2")
    await edit(database, "k1", revoked_at=7)
    assert await replica.watcher.step()
    assert [replica.state(id) for id in ("k1", "k2")] == ["revoked", "active"]
    await edit(database, "k2", tags=["x"], expires_at=9_000_000)
    assert await replica.watcher.step()
    found = replica.directory.find("k2")
    assert found is not None
    assert found.key.reach is not None
    assert (found.key.tags, found.key.revision, found.key.reach.ends_at, found.key.reach.replaced_at) == (("x",), 2, 9.0, None)
    await edit(database, "k2", overlap_until=8_000_000)
    assert await replica.watcher.step()
    found = replica.directory.find("k2")
    assert found is not None and found.key.reach is not None
    assert (found.key.reach.ends_at, found.key.reach.replaced_at) == (8.0, 8.0)


async def test_whoever_is_disabled_is_off_with_all_keys(database: Database) -> None:
    async with store(database).change(DEFAULT, ACTOR) as change:
        await change.add_organisation(Organisation(org_id="acme", name="acme"))
    acme = Tenant("acme")
    async with store(database).change(acme, ACTOR) as change:
        await change.add(Team(id="core", name="core"))
    await add(database, "k1", acme)
    await add(database, "k2", acme, team_id="core")
    replica = Replica(database)
    await replica.watcher.step()
    async with store(database).change(acme, ACTOR) as change:
        row = await change.get(Team, "core")
        assert row is not None
        await change.replace(Team(id="core", name="core", disabled_at=3, revision=row.revision), "team.update")
    await replica.watcher.step()
    assert [replica.state(id) for id in ("k1", "k2")] == ["active", "off"]
    async with store(database).change(acme, ACTOR) as change:
        organisation = await change.get(Organisation)
        assert organisation is not None
        await change.replace(Organisation(org_id="acme", name="acme", disabled_at=4, revision=organisation.revision), "org.update")
    await replica.watcher.step()
    assert [replica.state(id) for id in ("k1", "k2")] == ["off", "off"]


async def test_nothing_that_was_revoked_comes_back(database: Database) -> None:
    """T-CF-1 at its small size: edits race with replicas that look at any time; each ends where the database is."""
    chance = random.Random(5)
    for number in range(8):
        await add(database, f"k{number}")
    replicas = [Replica(database) for _ in range(3)]
    revoked: set[str] = set()

    async def look(replica: Replica) -> None:
        for _ in range(30):
            await replica.watcher.step()
            seen = {f"k{number}" for number in range(8) if replica.state(f"k{number}") == "revoked"}
            assert seen >= gone[replica]
            gone[replica] = seen
            await asyncio.sleep(0)

    async def change() -> None:
        for number in chance.sample(range(8), 8):
            await edit(database, f"k{number}", tags=["t"])
            if number % 2:
                await edit(database, f"k{number}", revoked_at=1)
                revoked.add(f"k{number}")

    gone: dict[Replica, set[str]] = {replica: set() for replica in replicas}
    await asyncio.gather(change(), *(look(replica) for replica in replicas))
    for replica in replicas:
        await replica.watcher.step()
        assert {f"k{number}" for number in range(8) if replica.state(f"k{number}") == "revoked"} == revoked


async def test_last_use_is_noted_once_a_minute(database: Database) -> None:
    await add(database, "k1")
    replica = Replica(database)
    await replica.watcher.step()
    last: int | None = None
    for seconds in range(120):
        replica.clock.seconds += 1
        replica.directory.used["default", "k1"] = replica.clock.seconds
        await replica.watcher.step()
        async with store(database).view(DEFAULT) as view:
            row = await view.get(ApiKey, "k1")
            assert row is not None
            last = row.last_used_at
        assert (last is None) == (seconds < 59)
    assert last == int(replica.clock.seconds * 1_000_000)


@asynccontextmanager
async def listening(database: Database) -> AsyncGenerator[asyncio.Event]:
    heard = asyncio.Event()
    task = asyncio.create_task(listen(database, heard.set))
    try:
        await asyncio.wait_for(heard.wait(), 10)
        heard.clear()
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_database_is_asked_for_changes(database: Database) -> None:
    heard: list[int] = []
    task = asyncio.create_task(ask(database, lambda: heard.append(1), 0.001))
    try:
        await soon(lambda: len(heard) == 1)
        await add(database, "k1")
        await soon(lambda: len(heard) > 1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_postgresql_tells_of_every_change(postgres_database: Database) -> None:
    async with listening(postgres_database) as heard:
        await add(postgres_database, "k1")
        await asyncio.wait_for(heard.wait(), 10)
