import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text
from tests.support.databases import opened, sqlite_url

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.schema import team
from tidegate.records import EVERYONE

TEAM = {"org_id": "default", "id": "t", "name": "n", "created_at": 0, "updated_at": 0, "revision": 1}


@pytest.fixture
async def database(tmp_path: Path):
    async with sqlite_url(tmp_path) as url:
        made = opened(url)
        yield made
        await made.aclose()


async def _names(database: Database) -> list[str]:
    async with database.read(EVERYONE) as connection:
        return list((await connection.execute(select(team.c.id).order_by(team.c.id))).scalars())


async def test_what_fails_inside_is_undone_and_what_is_around_it_stays(database: Database) -> None:
    async with database.write(EVERYONE) as connection:
        await connection.execute(team.insert().values(TEAM))
        with pytest.raises(RuntimeError):
            async with connection.begin_nested():
                await connection.execute(team.insert().values({**TEAM, "id": "u", "name": "m"}))
                raise RuntimeError
        async with connection.begin_nested():
            await connection.execute(team.insert().values({**TEAM, "id": "v", "name": "o"}))
    assert await _names(database) == ["t", "v"]


async def test_a_connection_without_a_transaction_keeps_nothing(database: Database) -> None:
    async with database.connect() as connection:
        await connection.execute(team.insert().values(TEAM))
    assert await _names(database) == []


async def test_rows_come_in_parts_and_may_be_left_there(database: Database) -> None:
    async with database.write(EVERYONE) as connection:
        await connection.execute(team.insert(), [{**TEAM, "id": str(number), "name": str(number)} for number in range(5)])
    async with database.read(EVERYONE) as connection:
        async with aclosing(connection.parts(select(team.c.id).order_by(team.c.id), 2)) as parts:
            assert [[row.id for row in rows] async for rows in parts] == [["0", "1"], ["2", "3"], ["4"]]
        async with aclosing(connection.parts(select(team.c.id), 2)) as parts:
            assert len(await anext(parts)) == 2
        assert (await connection.execute(select(team.c.id))).all()


async def test_plain_functions_run_on_it_with_their_arguments(database: Database) -> None:
    def added(connection: Connection, left: int, *, right: int) -> int:
        return connection.execute(text(f"SELECT {left} + {right}")).scalar_one()

    async with database.read(EVERYONE) as connection:
        assert await connection.run_sync(added, 1, right=2) == 3


async def test_a_task_that_is_cancelled_gives_its_connection_back_first(database: Database) -> None:
    inside = asyncio.Event()

    async def held() -> None:
        async with database.write(EVERYONE) as connection:
            await connection.execute(team.insert().values(TEAM))
            inside.set()
            await asyncio.Event().wait()

    for _ in range(12):  # more than the pool has
        task = asyncio.create_task(held())
        await inside.wait()
        inside.clear()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert database.engine.pool.checkedout() == 0  # pyright: ignore[reportAttributeAccessIssue] - of every pool that keeps any
    assert await _names(database) == []
