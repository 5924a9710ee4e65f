"""What tenants keep by id: the laws of the store on every database, and on the one that unit tests use."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select, update
from tests.conformance.storage.test_directory import OTHER, OWN
from tests.conformance.storage.test_sealed import sealer
from tests.support import databases
from tests.support.clock import FixedClock
from tests.support.kept import MemoryKept

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.kept_store import SqlKept
from tidegate.adapters.sql.retention import Retention
from tidegate.adapters.sql.schema_kept import kept_object, kept_part
from tidegate.ports import StorageUnavailable, Unsealable
from tidegate.ports.kept import Append, Drop, Kept, KeptStore, Kind, Listing, Put
from tidegate.records import EVERYONE, Tenant

CLOCK = FixedClock()
NOW = CLOCK.now()


@pytest.fixture(params=["sqlite", "postgres", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[KeptStore]:
    if request.param == "memory":
        yield MemoryKept(CLOCK)
        return
    made = databases.sqlite_url(tmp_path) if request.param == "sqlite" else databases.postgres_url(request.getfixturevalue("postgres"))
    async with made as url:
        database = databases.opened(url)
        yield SqlKept(database, sealer(), CLOCK, b"p")
        await database.aclose()


def row(id: str = "resp_1", org: str = OWN.org_id, *, kind: Kind = "response", age: float = 0, **fields: object) -> Kept:
    made = Kept(org=org, id=id, key="k", kind=kind, upstream="", at=NOW - age, expires=NOW + 60, body=b'{"a":"secret words"}')
    return msgspec.structs.replace(made, **fields)


async def test_what_is_put_is_found_by_its_tenant_alone(store: KeptStore) -> None:
    await store.write(OWN, [Put(row(account="acc", upstream="openai", state="x"))])
    assert await store.get(OWN, "resp_1") == row(account="acc", upstream="openai", state="x")
    assert await store.get(OTHER, "resp_1") is None
    await store.write(OTHER, [Put(row(org=OTHER.org_id, body=b"")), Drop(OTHER.org_id, "none")])
    assert await store.remove(OTHER, "resp_1")
    assert not await store.remove(OTHER, "resp_1")
    await store.write(OWN, [Put(row(body=b"newer"))])
    found = await store.get(OWN, "resp_1")
    assert found is not None
    assert found.body == b"newer"


async def test_of_several_that_make_the_same_one_has_made_it(store: KeptStore) -> None:
    made = await asyncio.gather(*(store.make(OWN, row(body=b"%d" % number)) for number in range(5)))
    assert sum(made) == 1
    found = await store.get(OWN, "resp_1")
    assert found is not None
    assert found.body == b"%d" % made.index(True)
    await store.write(OWN, [Put(row(expires=NOW - 1))])
    assert await store.make(OWN, row(body=b"new"))
    assert not await store.make(OWN, row(body=b"newer"))
    assert await store.make(OTHER, row(org=OTHER.org_id))


async def test_whether_an_id_is_anothers(store: KeptStore) -> None:
    await store.write(OWN, [Put(row("file-1")), Put(row("file-2", expires=NOW - 1))])
    assert [await store.is_anothers(OTHER.org_id, id) for id in ("file-1", "file-2", "file-3")] == [True, False, False]
    assert not await store.is_anothers(OWN.org_id, "file-1")


async def test_what_has_expired_is_not_there(store: KeptStore) -> None:
    await store.write(OWN, [Put(row("old", expires=NOW - 1)), Put(row("ever", expires=None))])
    assert await store.get(OWN, "old") is None
    assert await store.get(OWN, "ever") is not None
    assert [one.id for one in await store.page(OWN, Listing(kinds=("response",)))] == ["ever"]


async def test_parts_are_added_in_order_and_go_with_what_they_belong_to(store: KeptStore) -> None:
    await store.write(OWN, [Append(OWN.org_id, "conv", b"nowhere", None), Put(row("conv", kind="conversation"))])
    await store.write(OWN, [Append(OWN.org_id, "conv", b"%d" % number, NOW + 99) for number in range(3)])
    assert await store.parts(OWN, "conv") == [(0, b"0"), (1, b"1"), (2, b"2")]
    assert await store.parts(OWN, "conv", after=0, limit=1) == [(1, b"1")]
    assert await store.parts(OTHER, "conv") == []
    found = await store.get(OWN, "conv")
    assert found is not None
    assert found.expires == NOW + 99
    assert await store.put_part(OWN, "conv", 1, b"new", replace=True)
    assert not await store.put_part(OWN, "conv", 1, b"newer")
    assert not await store.put_part(OWN, "none", 1, b"x")
    await store.remove_part(OWN, "conv", 0)
    assert await store.parts(OWN, "conv") == [(1, b"new"), (2, b"2")]
    await store.write(OWN, [Put(row("conv", kind="conversation", body=b"more"))])
    assert len(await store.parts(OWN, "conv")) == 2
    await store.write(OWN, [Drop(OWN.org_id, "conv")])
    assert await store.parts(OWN, "conv") == []


async def test_nothing_is_lost_where_many_add_at_once(store: KeptStore) -> None:
    await store.write(OWN, [Put(row("conv", kind="conversation"))])
    await asyncio.gather(*(store.write(OWN, [Append(OWN.org_id, "conv", b"%d" % number, None)] * 2) for number in range(8)))
    found = await store.parts(OWN, "conv")
    assert [place for place, _ in found] == list(range(16))
    assert sorted(data for _, data in found) == sorted([b"%d" % number for number in range(8)] * 2)
    assert all(found[at][1] == found[at + 1][1] for at in range(0, 16, 2))


async def test_a_change_that_comes_second_is_refused(store: KeptStore) -> None:
    await store.write(OWN, [Put(row(state="active"))])
    first = await store.get(OWN, "resp_1")
    assert first is not None
    assert await store.change(OWN, msgspec.structs.replace(first, state="done", body=b"1"))
    assert not await store.change(OWN, msgspec.structs.replace(first, state="lost", body=b"2"))
    found = await store.get(OWN, "resp_1")
    assert found is not None
    assert (found.state, found.body, found.revision) == ("done", b"1", 1)
    assert not await store.change(OTHER, found)


async def test_pages_of_some_kinds(store: KeptStore) -> None:
    await store.write(OWN, [Put(row(f"file_{age}", kind="file", age=age, state="s" if age == 1 else "")) for age in range(4)])
    await store.write(OWN, [Put(row("b", kind="batch"))])
    files = Listing(kinds=("file",), limit=2)
    assert [one.id for one in await store.page(OWN, files)] == ["file_0", "file_1"]
    assert [one.id for one in await store.page(OWN, msgspec.structs.replace(files, after="file_1"))] == ["file_2", "file_3"]
    oldest = msgspec.structs.replace(files, newest_first=False)
    assert [one.id for one in await store.page(OWN, oldest)] == ["file_3", "file_2"]
    assert [one.id for one in await store.page(OWN, msgspec.structs.replace(oldest, after="file_2"))] == ["file_1", "file_0"]
    assert [one.id for one in await store.page(OWN, msgspec.structs.replace(files, states=("s",)))] == ["file_1"]
    assert await store.page(OTHER, files) == []


async def test_work_is_one_processes_until_its_time_is_over(store: KeptStore) -> None:
    kinds: tuple[Kind, ...] = ("batch",)
    await store.write(OWN, [Put(row(f"b{age}", kind="batch", age=age, state="active")) for age in range(3)])
    await store.write(OTHER, [Put(row("other", OTHER.org_id, kind="batch", age=9, state="done"))])
    assert [one.id for one in await store.claim(kinds, "one", NOW, NOW + 10, 2)] == ["b2", "b1"]
    assert [one.id for one in await store.claim(kinds, "two", NOW, NOW + 10, 9)] == ["b0"]
    assert [one.id for one in await store.claim(kinds, "one", NOW + 5, NOW + 15, 9)] == ["b2", "b1"]
    assert [one.id for one in await store.claim(kinds, "two", NOW + 11, NOW + 20, 9)] == ["b0"]
    assert len(await store.claim(kinds, "two", NOW + 16, NOW + 20, 9)) == 3


async def test_the_database_tells_nothing_and_rows_do_not_open_elsewhere(database: Database) -> None:
    kept = SqlKept(database, sealer(), CLOCK, b"p")
    await kept.write(
        OWN, [Put(row("a")), Put(row("b")), Append(OWN.org_id, "a", b"secret words", None), Append(OWN.org_id, "a", b"x", None)]
    )
    async with database.read(EVERYONE) as connection:
        told = str((await connection.execute(select(kept_object))).all()) + str((await connection.execute(select(kept_part))).all())
        sealed = (await connection.execute(select(kept_object.c.sealed).where(kept_object.c.id == "a"))).scalar()
        part = (await connection.execute(select(kept_part.c.sealed).where(kept_part.c.place == 0))).scalar()
    assert "secret" not in told
    async with database.write(OWN) as connection:
        await connection.execute(update(kept_object).values(sealed=sealed).where(kept_object.c.id == "b"))
        await connection.execute(update(kept_part).values(sealed=part).where(kept_part.c.place == 1))
    with pytest.raises(Unsealable):
        await kept.get(OWN, "b")
    with pytest.raises(Unsealable):
        await kept.parts(OWN, "a")


async def test_what_is_too_old_is_swept_of_any_organisation(database: Database) -> None:
    kept = SqlKept(database, sealer(), CLOCK, b"p")
    nobody = Tenant("org_of_the_file")
    await kept.write(nobody, [Put(row("old", nobody.org_id, expires=NOW - 1)), Append(nobody.org_id, "old", b"x", NOW - 1)])
    await kept.write(OWN, [Put(row("young")), Put(row("ever", expires=None))])
    assert (await Retention(database, CLOCK).forget(0)).others == 1
    async with database.read(EVERYONE) as connection:
        assert sorted((await connection.execute(select(kept_object.c.id))).scalars()) == ["ever", "young"]
        assert (await connection.execute(select(kept_part))).all() == []


async def test_a_database_that_is_away_is_told() -> None:
    away = databases.opened(databases.url_of({"host": "127.0.0.1", "port": "9"}, "none"))
    kept = SqlKept(away, sealer(), CLOCK, b"p")
    with pytest.raises(StorageUnavailable):
        await kept.get(OWN, "x")
    with pytest.raises(StorageUnavailable):
        await kept.write(OWN, [Put(row())])
    await away.aclose()
