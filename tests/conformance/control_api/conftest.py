"""Every test of this suite asks a control API on a database of its own: SQLite, and PostgreSQL where a test is about what is stored."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import URL
from tests.support import databases, servers
from tests.support.control import World, world

_T = TypeVar("_T")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[dict[str, str]]:
    """The server that all workers share."""
    base = tmp_path_factory.getbasetemp()
    folder = base if worker_id == "master" else base.parent
    with servers.shared(folder, "postgres", databases.postgres_with_template) as facts:
        yield facts


async def _inhabited(url: URL) -> str:
    """Makes a world in a database; the operator's token."""
    database = databases.opened(url)
    async with world(database) as made:
        await database.aclose()
        return made.operator


@pytest.fixture(scope="session")
def sqlite_world(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """A file with a world in it, and the operator's token."""

    async def made() -> tuple[str | None, str]:
        async with databases.sqlite_url(tmp_path_factory.mktemp("world")) as url:
            return url.database, await _inhabited(url)

    file, token = _in_a_thread(made())
    return Path(str(file)).read_bytes(), token


@pytest.fixture(scope="session")
def postgres_world(postgres: dict[str, str]) -> tuple[str, str]:
    """The name of a database with a world in it, and the operator's token."""

    async def made() -> tuple[str, str]:
        connection = await databases.admin(postgres)
        name = await databases.copy(connection, databases.TEMPLATE)
        await connection.close()
        return name, await _inhabited(databases.url_of(postgres, name))

    return _in_a_thread(made())


def _in_a_thread(work: Coroutine[Any, Any, _T]) -> _T:
    """A loop may run in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture
async def api(tmp_path: Path, sqlite_world: tuple[bytes, str]) -> AsyncGenerator[World]:
    """On SQLite."""
    template, token = sqlite_world
    async with databases.sqlite_url(tmp_path, template=template) as url, _served(url, token) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
async def each(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[World]:
    """On SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        template, token = request.getfixturevalue("sqlite_world")
        place = databases.sqlite_url(tmp_path, template=template)
    else:
        name, token = request.getfixturevalue("postgres_world")
        place = databases.postgres_url(request.getfixturevalue("postgres"), template=name)
    async with place as url, _served(url, token) as made:
        yield made


@asynccontextmanager
async def _served(url: URL, token: str) -> AsyncGenerator[World]:
    database = databases.opened(url)
    async with world(database, token) as made:
        yield made
    await database.aclose()
