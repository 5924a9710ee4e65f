"""Migrations on real servers: the schema they make is the one that the code states, in one step, by one of many."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, select
from tests.support import databases

from tidegate.adapters.sql import migrate, schema_billing, schema_kept, version
from tidegate.adapters.sql.columns import METADATA
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.schema import organisation
from tidegate.adapters.sql.schema_usage import TENANT_FREE
from tidegate.records import DEFAULT_ORG, EVERYONE


@pytest.fixture(params=["sqlite", "postgres"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Database]:
    made = (
        databases.sqlite_url(tmp_path, empty=True)
        if request.param == "sqlite"
        else databases.postgres_url(request.getfixturevalue("postgres"), empty=True)
    )
    async with made as url:
        database = databases.opened(url)
        yield database
        await database.aclose()


LEAVING = frozenset({"end_user"})
"""Tables that the code no longer uses, and the version before still reads: they go when that one does (docs/storage.md)."""


def differences(connection: Connection) -> list[object]:
    options = {"compare_type": True, "include_name": lambda name, kind, _parents: kind != "table" or name not in LEAVING}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


async def test_migrated_is_what_the_code_states(database: Database) -> None:
    assert {schema_billing.invoice.name, schema_kept.kept_object.name} <= METADATA.tables.keys()
    async with database.read(EVERYONE) as connection:
        assert await connection.run_sync(differences) == []
        assert (await connection.execute(select(organisation.c.org_id))).scalars().all() == [DEFAULT_ORG]


async def test_an_empty_database_is_behind_and_one_step_away(empty: Database) -> None:
    assert await version.current(empty) is None
    with pytest.raises(version.Behind, match="tidegate migrate upgrade"):
        await version.require(empty)
    assert await migrate.upgrade(empty) == (None, version.HEAD)
    await version.require(empty)
    assert await migrate.upgrade(empty) == (version.HEAD, version.HEAD)


async def test_of_many_that_start_at_once_one_migrates(empty: Database) -> None:
    results = await asyncio.gather(*(migrate.upgrade(empty) for _ in range(3)))
    assert sorted(results, key=str) == [(version.HEAD, version.HEAD), (version.HEAD, version.HEAD), (None, version.HEAD)]


async def test_a_migration_that_fails_leaves_nothing(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: Connection, to: str) -> None:
        migrate.command.upgrade(migrate.configuration(connection), to)
        raise RuntimeError("power")

    monkeypatch.setattr(migrate, "_upgrade", broken)
    with pytest.raises(RuntimeError):
        await migrate.upgrade(empty)
    async with empty.read(EVERYONE) as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == []


async def test_every_tenant_table_has_its_wall(postgres_database: Database) -> None:
    async with postgres_database.read(EVERYONE) as connection:
        found = await connection.exec_driver_sql(
            "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS forced, count(p.polname) AS policies FROM pg_class c"
            " LEFT JOIN pg_policy p ON p.polrelid = c.oid WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1, 2"
        )
        walls = {row["relname"]: (row["forced"], row["policies"]) for row in found.mappings()}
    walls.pop("alembic_version")
    assert walls.keys() == METADATA.tables.keys() | LEAVING
    assert {name for name, wall in walls.items() if wall == (True, 1)} == walls.keys() - set(TENANT_FREE)
