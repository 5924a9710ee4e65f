import asyncio
import contextlib
from collections.abc import Sequence

import msgspec
import pytest
from tests.support.clock import FixedClock
from tests.support.kept import MemoryKept

from tidegate.adapters.kept_behind import BATCH, WriteBehind
from tidegate.ports import StorageUnavailable
from tidegate.ports.kept import Kept, Put, Write
from tidegate.records import Tenant

CLOCK = FixedClock()
A = Kept(org="a", id="1", key="k", kind="response", upstream="", at=0, expires=CLOCK.now() + 9, body=b"x")


def behind(**options: float) -> tuple[WriteBehind, MemoryKept]:
    made = WriteBehind(CLOCK, limit=int(options.get("limit", 1 << 20)), second_look=options.get("second_look", 0), start=0.01)
    return made, MemoryKept(CLOCK)


async def test_what_was_taken_is_found_before_it_is_written() -> None:
    kept, store = behind()
    kept.put(A)
    assert await kept.get("a", "1") == A
    with pytest.raises(StorageUnavailable):
        await kept.get("b", "1")
    kept.ready(store)
    assert await kept.get("b", "1") is None
    kept.remove("a", "1")
    assert await kept.get("a", "1") is None
    kept.put(msgspec.structs.replace(A, expires=1))
    assert await kept.get("a", "1") is None
    assert store.rows == {}


async def test_it_is_written_in_order_whatever_the_tenant() -> None:
    kept, store = behind()
    kept.ready(store)
    for number in range(BATCH * 2 + 3):
        kept.put(msgspec.structs.replace(A, org=f"org{number % 3}"))
        kept.add(f"org{number % 3}", "1", b"%d" % number, None)
    found = await kept.parts("org1", "1")
    assert [int(data) for _, data in found] == list(range(1, BATCH * 2 + 3, 3))
    assert len(store.rows) == 3
    assert (await kept.get("org1", "1")) is not None


async def test_a_database_that_was_away_gets_everything() -> None:
    kept, store = behind()
    store.fails = StorageUnavailable("away")
    kept.ready(store)
    kept.put(A)
    task = asyncio.create_task(kept.run())
    await asyncio.sleep(0)
    assert store.rows == {}
    with pytest.raises(StorageUnavailable):
        await kept.get("a", "2")
    store.fails = None
    kept.put(msgspec.structs.replace(A, id="2"))
    await kept.flush()
    assert set(store.rows) == {("a", "1"), ("a", "2")}
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_one_that_cannot_be_stored_is_left_out() -> None:
    kept, store = behind()

    class Picky(MemoryKept):
        async def write(self, tenant: Tenant, writes: Sequence[Write]) -> None:
            if any(isinstance(one, Put) and one.row.id == "bad" for one in writes):
                raise ValueError("no")
            await super().write(tenant, writes)

    store = Picky(CLOCK)
    kept.ready(store)
    for id in ("1", "bad", "2"):
        kept.put(msgspec.structs.replace(A, id=id))
    await kept.flush()
    assert [id for _, id in store.rows] == ["1", "2"]
    assert await kept.get("a", "bad") is None


async def test_the_oldest_makes_room() -> None:
    kept, store = behind(limit=BATCH * 1000)
    for number in range(BATCH * 4):
        kept.put(msgspec.structs.replace(A, id=str(number), body=b"x" * 500))
    kept.ready(store)
    await kept.flush()
    assert BATCH <= len(store.rows) < BATCH * 2
    assert ("a", str(BATCH * 4 - 1)) in store.rows


async def test_another_gateways_row_is_looked_for_twice() -> None:
    kept, store = behind(second_look=0.001)
    kept.ready(store)
    looks: list[str] = []

    class Late(MemoryKept):
        async def get(self, tenant: Tenant, id: str) -> Kept | None:
            looks.append(id)
            return A if len(looks) == 2 else None

    kept.ready(Late(CLOCK))
    assert await kept.get("a", "1") == A


async def test_an_end_in_the_middle_of_writing_adds_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway ends while a write is under way: what the database has already is not given to it again."""
    kept, store = behind()
    kept.ready(store)
    wrote, may_end, write = asyncio.Event(), asyncio.Event(), store.write

    async def slow(tenant: Tenant, writes: Sequence[Write]) -> None:
        await write(tenant, writes)
        wrote.set()
        await may_end.wait()

    monkeypatch.setattr(store, "write", slow)
    kept.put(A)
    kept.add("a", "1", b"said once", None)
    running = asyncio.create_task(kept.run())
    await wrote.wait()
    running.cancel()
    asyncio.get_running_loop().call_soon(may_end.set)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await kept.flush()
    assert [*store.held["a", "1"].values()] == [b"said once"]
