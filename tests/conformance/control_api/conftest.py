"""Every test of this suite asks a control API on a database of its own: SQLite, and PostgreSQL where a test is about what is stored."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from tests.support import databases, servers
from tests.support.control import World, world


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[dict[str, str]]:
    """The server that all workers share."""
    base = tmp_path_factory.getbasetemp()
    folder = base if worker_id == "master" else base.parent
    with servers.shared(folder, "postgres", databases.postgres_with_template) as facts:
        yield facts


@pytest.fixture
async def api(tmp_path: Path) -> AsyncGenerator[World]:
    """On SQLite."""
    async with databases.sqlite_url(tmp_path) as url:
        database = databases.opened(url)
        async with world(database) as made:
            yield made
        await database.aclose()


@pytest.fixture(params=["sqlite", "postgres"])
async def each(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[World]:
    """On SQLite and on PostgreSQL."""
    made = databases.sqlite_url(tmp_path) if request.param == "sqlite" else databases.postgres_url(request.getfixturevalue("postgres"))
    async with made as url:
        database = databases.opened(url)
        async with world(database) as found:
            yield found
        await database.aclose()
