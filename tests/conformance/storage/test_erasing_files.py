"""An erasure as a gateway carries it out: what waits in the spool, what its segments still hold, and the file for people."""

import os
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.support.control import ACTOR, PEPPER, SetClock
from tests.support.usage import usage_event
from tests.unit.adapters.spool.making import small

from tidegate.adapters.spool.drainer import Drainer
from tidegate.adapters.spool.spool import Spool
from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.erasing import WAIT, Erasing
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.schema_usage import ledger
from tidegate.adapters.system_secrets import SystemSecrets
from tidegate.app.erasing import HANDLED, Erasures, erasing_sink
from tidegate.control.erasures import begin, erasure
from tidegate.records import Subject, Tenant, User

HERS = Tenant()


class Gateway:
    """The parts of one that an erasure is about, on a clock of its own."""

    def __init__(self, home: Path, database: Database, clock: SetClock) -> None:
        self.home = home
        self.store = LedgerStore(database)
        self.spool: Spool = small(home / "spool")
        self.sink = erasing_sink(self.store, home / "usage.jsonl")
        self.drainer = Drainer(self.spool, self.sink, gather=0.001)
        worker = Erasing(Changes(database, clock))
        self.erasures = Erasures(worker, self.sink, self.spool, home / HANDLED, PEPPER, clock)

    async def drained(self) -> None:
        self.drainer.start()
        await self.drainer.aclose(30)

    async def ended(self) -> None:
        await self.spool.aclose()
        await self.store.aclose()

    def files_with(self, told: str) -> list[str]:
        return sorted(path.name for path in self.home.rglob("*") if path.is_file() and told.encode() in path.read_bytes())


async def erase(database: Database, clock: SetClock) -> None:
    async with SqlControlStore(Changes(database, clock)).change(HERS, ACTOR) as change:
        await begin(change, erasure(HERS, Subject("user", "user_grace"), PEPPER, SystemSecrets(), by="x", now=int(clock.now() * 1_000_000)))


async def test_nothing_under_the_home_tells_of_an_erased_user(tmp_path: Path, database: Database) -> None:
    clock = SetClock()
    async with SqlControlStore(Changes(database, clock)).change(HERS, ACTOR) as change:
        await change.add(User(id="user_grace", name="Grace"))
    gateway = Gateway(tmp_path / "one", database, clock)
    gateway.spool.emit(usage_event(1, user="user_grace", key="hers"))
    await gateway.drained()
    other = Gateway(tmp_path / "two", database, clock)
    other.spool.emit(usage_event(2, user="user_grace", key="hers"))  # waits: this gateway ends before it is drained
    await other.ended()
    assert gateway.files_with("user_grace") == ["00000001.seg", "usage.jsonl"]
    await erase(database, clock)
    await gateway.erasures.step()
    clock.seconds += WAIT / 1_000_000
    await gateway.erasures.step()
    assert gateway.files_with("user_grace") == []
    assert (gateway.home / HANDLED).exists()
    await gateway.ended()
    other = Gateway(tmp_path / "two", database, clock)
    await other.erasures.load()
    await other.drained()
    await other.erasures.step()
    assert other.files_with("user_grace") == []
    async with database.read(HERS) as connection:
        told = (await connection.execute(select(ledger.c.request_id, ledger.c.user_id, ledger.c.key_id))).all()
    assert [row.request_id for row in told] == ["r000001", "r000002"]
    assert len({(row.user_id, row.key_id) for row in told}) == 1
    assert told[0].user_id.startswith("erased_")
    await other.ended()


async def test_files_are_cleaned_once_for_an_erasure(tmp_path: Path, database: Database) -> None:
    clock = SetClock()
    async with SqlControlStore(Changes(database, clock)).change(HERS, ACTOR) as change:
        await change.add(User(id="user_grace", name="Grace"))
    await erase(database, clock)
    gateway = Gateway(tmp_path / "one", database, clock)
    await gateway.erasures.load()
    handled = (tmp_path / "one" / HANDLED).read_text()
    (tmp_path / "one" / HANDLED).write_text(handled)
    before = gateway.spool.state.written
    await gateway.ended()
    again = Gateway(tmp_path / "one", database, clock)
    (tmp_path / "one" / "usage.jsonl").write_bytes(b'{"org":"default","at":1,"user":"user_grace"}\n')
    await again.erasures.load()
    assert b"user_grace" in (tmp_path / "one" / "usage.jsonl").read_bytes()  # it was cleaned before, and nobody writes such a line since
    assert again.spool.state.written == before
    await again.ended()


async def test_a_disk_that_takes_no_file_stops_nothing_and_is_asked_again(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SetClock()
    async with SqlControlStore(Changes(database, clock)).change(HERS, ACTOR) as change:
        await change.add(User(id="user_grace", name="Grace"))
    gateway = Gateway(tmp_path / "one", database, clock)
    gateway.spool.emit(usage_event(1, user="user_grace"))
    await gateway.drained()
    await erase(database, clock)
    with monkeypatch.context() as full:

        def fsync(_fd: int) -> None:
            raise OSError("no space left")

        full.setattr(os, "fsync", fsync)
        await gateway.erasures.load()
        await gateway.erasures.step()
        assert "usage.jsonl" in gateway.files_with("user_grace")
    await gateway.erasures.step()
    assert gateway.files_with("user_grace") == []
    await gateway.ended()
