"""A backup holds all that the database keeps, as of one moment, and restores into either database; what is not whole restores nothing."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, insert, select
from tests.conformance.storage.test_isolation import everything
from tests.conformance.storage.test_leases import DOLLAR, process
from tests.support import databases
from tests.support.clock import FixedClock
from tests.support.usage import usage_event

from tidegate.adapters import backup_file
from tidegate.adapters.backup_file import BadBackup, Reader
from tidegate.adapters.sql import migrate
from tidegate.adapters.sql.backup import LEFT_OUT, back_up, present
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.adapters.sql.restore import NotEmpty, restore
from tidegate.adapters.sql.schema import limit_window, team
from tidegate.adapters.sql.schema_usage import ledger
from tidegate.adapters.sql.version import HEAD, current
from tidegate.records import EVERYONE


async def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, by table."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    async with database.read(EVERYONE) as connection:
        for table in await connection.run_sync(present):
            rows = await connection.execute(select(table))
            found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


@contextlib.asynccontextmanager
async def target(kind: str, request: pytest.FixtureRequest, folder: Path) -> AsyncGenerator[Database]:
    """A new database that has no tables."""
    made = (
        databases.sqlite_url(folder, empty=True)
        if kind == "sqlite"
        else databases.postgres_url(request.getfixturevalue("postgres"), empty=True)
    )
    async with made as url:
        opened = databases.opened(url)
        try:
            yield opened
        finally:
            await opened.aclose()


async def filled(database: Database) -> None:
    await everything(database)
    clock = FixedClock()
    async with process(database, "a", clock) as one:
        await one.settle(await one.reserve(nano=100, tokens=10), nano=60, tokens=7)
        await one.reserve(nano=DOLLAR // 2)
    odd = usage_event(7, tags=["a", "ü"], end_user="é\u2028", receipt=[{"field": "x", "loss": "dropped"}], model="x" * 300)
    await LedgerStore(database).post([odd])


@pytest.mark.parametrize("into", ["sqlite", "postgres"])
async def test_everything_comes_back(database: Database, into: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    await filled(database)
    file = tmp_path / "one.backup"
    counted = await back_up(database, file, 5)
    assert file.stat().st_mode & 0o777 == 0o600
    async with target(into, request, tmp_path) as other:
        restored = await restore(other, Reader(file))
        assert {name: count for name, count in counted.items() if count} == restored
        before, after = await contents(database), await contents(other)
        assert {name: len(rows) for name, rows in before.items()} == {name: len(rows) for name, rows in after.items()}
        place = list(limit_window.columns.keys()).index("held")
        windows = before[limit_window.name]
        before[limit_window.name] = sorted(((*row[:place], 0, *row[place + 1 :]) for row in windows), key=repr)
        assert any(row[place] for row in windows)
        assert after == before
        assert await current(other) == HEAD
        async with other.read(EVERYONE) as connection:
            last = (await connection.execute(select(func.max(ledger.c.seq)))).scalar_one()
        assert await LedgerStore(other).post([usage_event(7), usage_event(99)]) == 1
        async with other.read(EVERYONE) as connection:
            assert (await connection.execute(select(func.max(ledger.c.seq)))).scalar_one() > last
        again = tmp_path / "two.backup"
        await back_up(other, again, 5)
        assert Reader(again).header.tables == Reader(file).header.tables


async def test_it_is_of_one_moment_while_usage_is_posted(database: Database, tmp_path: Path) -> None:
    store = LedgerStore(database)
    stop = asyncio.Event()

    async def posting() -> int:
        count = 0
        while not stop.is_set():
            await store.post([usage_event(count, cost_nano=1)])
            count += 1
        return count

    task = asyncio.create_task(posting())
    seen: list[dict[str, int]] = []
    for number in range(4):
        file = tmp_path / f"{number}.backup"
        await back_up(database, file, 5)
        rows = list(Reader(file).rows())
        days = [dict(zip(columns, row, strict=True)) for name, columns, row in rows if name == "rollup_day"]
        seen.append({"ledger": sum(name == "ledger" for name, _, _ in rows), "rollup": sum(row["attempts"] for row in days)})
    stop.set()
    posted = await task
    assert all(found["ledger"] == found["rollup"] for found in seen)
    assert seen[0]["ledger"] < seen[-1]["ledger"] <= posted


async def test_a_database_that_holds_something_is_refused(database: Database, tmp_path: Path) -> None:
    await everything(database)
    await back_up(database, tmp_path / "x", 5)
    before = await contents(database)
    with pytest.raises(NotEmpty, match=r"the database is not empty: `[a-z_]+` has [0-9]+ rows"):
        await restore(database, Reader(tmp_path / "x"))
    assert await contents(database) == before
    with pytest.raises(FileExistsError):
        await back_up(database, tmp_path / "x", 5)


def changes(whole: bytes) -> list[bytes]:
    """Files that were cut, changed in one bit, or that have something behind their end."""
    places = range(0, len(whole), max(1, len(whole) // 40))
    cut: Sequence[bytes] = [whole[:place] for place in places]
    flipped = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in places]
    return [*cut, *flipped, whole + b"x", b""]


async def test_what_is_not_whole_restores_nothing(tmp_path: Path) -> None:
    async with databases.sqlite_url(tmp_path) as url:
        source = databases.opened(url)
        await everything(source)
        await back_up(source, tmp_path / "whole", 5)
        await source.aclose()
    whole = (tmp_path / "whole").read_bytes()
    harmed = tmp_path / "harmed"
    for content in changes(whole):
        harmed.write_bytes(content)
        with pytest.raises(BadBackup):
            Reader(harmed)


@pytest.mark.parametrize(("version", "told"), [("9999", "use a newer Tidegate"), ("", "use a newer Tidegate")])
async def test_a_newer_schema_is_refused(database: Database, tmp_path: Path, version: str, told: str) -> None:
    with backup_file.written(tmp_path / "x") as file:
        header = backup_file.Header(schema=version, tidegate="9.9", made_at=1, tables=())
        backup_file.Writer(file, header).end()
    with pytest.raises(BadBackup, match=told):
        await restore(database, Reader(tmp_path / "x"))


def test_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"tidegate backup 2\n{}\n")
    with pytest.raises(BadBackup, match="another format"):
        Reader(tmp_path / "x")
    (tmp_path / "y").write_bytes(b"PK\x03\x04")
    with pytest.raises(BadBackup, match="is no backup of Tidegate"):
        Reader(tmp_path / "y")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_an_older_schema_is_raised(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    older = f"{int(HEAD) - 1:04d}"
    async with target(kind, request, tmp_path) as source, target(kind, request, tmp_path) as other:
        await migrate.upgrade(source, older)
        row = {"org_id": "default", "id": "team_1", "name": "x", "created_at": 0, "updated_at": 0, "revision": 1}
        async with source.write(EVERYONE) as connection:
            await connection.execute(insert(team).values(row))
            tables = await connection.run_sync(present)
            rows = {table.name: (await connection.execute(select(table))).all() for table in tables}
        with backup_file.written(tmp_path / "old") as file:
            names = tuple(str(table.name) for table in tables)
            writer = backup_file.Writer(file, backup_file.Header(schema=older, tidegate="0", made_at=1, tables=names))
            for table in tables:
                writer.table(str(table.name), [str(column.name) for column in table.columns])
                for values in rows[table.name]:
                    writer.row(str(table.name), msgspec.to_builtins(list(values)))
            writer.end()
        await restore(other, Reader(tmp_path / "old"))
        assert await current(other) == HEAD
        async with other.read(EVERYONE) as connection:
            assert (await connection.execute(select(team.c.name))).scalars().all() == ["x"]


def test_what_is_left_out_belongs_to_processes() -> None:
    assert {"limit_lease", "limit_owner", "limit_part", "alembic_version"} == LEFT_OUT
