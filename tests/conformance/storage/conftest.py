"""Every test of this suite runs on SQLite and on PostgreSQL, each time on a database of its own."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL
from tests.support import databases, servers

from tidegate.adapters.sql.engine import Database


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[dict[str, str]]:
    """The server that all workers share."""
    base = tmp_path_factory.getbasetemp()
    folder = base if worker_id == "master" else base.parent
    with servers.shared(folder, "postgres", databases.postgres_with_template) as facts:
        yield facts


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Database]:
    """Migrated and otherwise empty."""
    made = databases.sqlite_url(tmp_path) if request.param == "sqlite" else databases.postgres_url(request.getfixturevalue("postgres"))
    async with made as url:
        opened = databases.opened(url)
        yield opened
        await opened.aclose()


@pytest.fixture
async def postgres_url(postgres: dict[str, str]) -> AsyncGenerator[URL]:
    """The address of such a database of PostgreSQL, for whole gateways."""
    async with databases.postgres_url(postgres) as url:
        yield url


@pytest.fixture
async def postgres_database(postgres: dict[str, str]) -> AsyncGenerator[Database]:
    """As `database`, for what only PostgreSQL has."""
    async with databases.postgres_url(postgres) as url:
        opened = databases.opened(url)
        yield opened
        await opened.aclose()
