"""T-CF-1 at the size of a change: edits race the replicas that read them, and no replica ever goes back."""

import asyncio
import random

import msgspec
from tests.conformance.storage.test_kept_live import Replica as KeptReplica
from tests.conformance.storage.test_keys_live import Replica as KeyReplica
from tests.conformance.storage.test_keys_live import add, edit, store
from tests.support.control import ACTOR

from tidegate.adapters.sql.engine import Database
from tidegate.records import StoredRoute, Tenant

EDITS = 120
REPLICAS = 3
DEFAULT = Tenant("default")


class Seen:
    """What one replica served, look by look: the revision of the key and the number in the route."""

    def __init__(self, database: Database) -> None:
        self.keys = KeyReplica(database)
        self.kept = KeptReplica(database)
        self.revisions: list[int] = []
        self.numbers: list[int] = []

    async def look(self) -> None:
        await self.keys.watcher.step()
        await self.kept.watcher.step()
        found = self.keys.directory.find("k1")
        assert found is not None
        self.revisions.append(found.key.revision)
        routes = self.kept.live[-1].routes
        self.numbers.append(int(str(routes[0].entry["number"])))


async def route(database: Database, number: int) -> None:
    async with store(database).change(DEFAULT, ACTOR) as change:
        row = await change.get(StoredRoute, "r1")
        if row is None:
            await change.add(StoredRoute(id="r1", name="smart", entry={"number": number}))
        else:
            await change.replace(msgspec.structs.replace(row, entry={"number": number}), "route.update")


async def test_no_replica_goes_back_to_what_was_before(database: Database) -> None:
    await add(database, "k1")
    await route(database, 0)
    replicas = [Seen(database) for _ in range(REPLICAS)]
    ended = asyncio.Event()

    async def watch(seen: Seen) -> None:
        while not ended.is_set():
            await seen.look()
            await asyncio.sleep(0)
        await seen.look()

    async def edits() -> None:
        chosen = random.Random(7)
        for number in range(1, EDITS + 1):
            if chosen.random() < 0.5:
                await edit(database, "k1", disabled_at=number if number % 2 else None, models=[f"m{number}"])
            else:
                await route(database, number)
        await route(database, EDITS + 1)
        ended.set()

    await asyncio.gather(edits(), *(watch(seen) for seen in replicas))
    for seen in replicas:
        assert seen.revisions == sorted(seen.revisions)
        assert seen.numbers == sorted(seen.numbers)
        assert seen.numbers[-1] == EDITS + 1
    assert len({seen.revisions[-1] for seen in replicas}) == 1
    assert len({str(seen.keys.directory.find("k1")) for seen in replicas}) == 1
