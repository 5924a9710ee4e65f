import stat
from pathlib import Path

import pytest
from sqlalchemy import URL, select, text
from sqlalchemy.exc import OperationalError
from tests.support.databases import opened, sqlite_url

from tidegate.adapters.sql.engine import Database, setting, within
from tidegate.adapters.sql.schema import team
from tidegate.records import EVERYONE, Tenant

TEAM = {"org_id": "default", "id": "t", "name": "n", "created_at": 0, "updated_at": 0, "revision": 1}


@pytest.fixture
async def database(tmp_path: Path):
    async with sqlite_url(tmp_path) as url:
        made = opened(url)
        yield made
        await made.aclose()


async def test_sqlite_is_durable(database: Database) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    async with database.read(EVERYONE) as connection:
        for pragma, value in wanted.items():
            assert (await connection.exec_driver_sql("PRAGMA " + pragma)).scalar_one() == value


def test_a_new_file_and_its_folder_are_private(tmp_path: Path) -> None:
    file = tmp_path / "home" / "x.db"
    Database(URL.create("sqlite+aiosqlite", database=str(file)))
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)


async def test_a_block_that_fails_is_undone(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.write(EVERYONE) as connection:
            await connection.execute(team.insert().values(TEAM))
            raise RuntimeError
    async with database.read(EVERYONE) as connection:
        assert (await connection.execute(select(team))).all() == []


async def test_a_writer_waits_for_another_and_then_gives_up(tmp_path: Path) -> None:
    async with sqlite_url(tmp_path) as url:
        first, second = opened(url), Database(url.set(drivername="sqlite+aiosqlite"), statement_seconds=0.05)
        async with first.write(EVERYONE) as connection:
            await connection.execute(team.insert().values(TEAM))
            with pytest.raises(OperationalError, match="locked"):
                async with second.write(EVERYONE):
                    pass
            async with second.read(EVERYONE) as reader:  # readers never wait
                assert (await reader.execute(select(team))).all() == []
        async with second.write(EVERYONE) as connection:
            assert len((await connection.execute(select(team))).all()) == 1
        await first.aclose()
        await second.aclose()


async def test_an_error_does_not_show_the_values(database: Database) -> None:
    with pytest.raises(OperationalError) as caught:
        async with database.read(EVERYONE) as connection:
            await connection.execute(text("SELECT * FROM nowhere WHERE a = :a"), {"a": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_scope_as_a_setting_and_as_a_condition() -> None:
    assert (setting(EVERYONE), setting(Tenant("org_a"))) == ("*", "org_a")
    assert within(EVERYONE, team) == ()
    assert str(*within(Tenant("org_a"), team)) == "team.org_id = :org_id_1"
