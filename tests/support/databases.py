"""A database of its own for a test, already migrated: a new SQLite file, or a clone of a migrated PostgreSQL database.

The PostgreSQL role `tidegate` owns its databases and is bound by row-level security, as in a deployment; `admin` is a superuser.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from sqlalchemy import URL
from tests.support import servers

from tidegate.adapters.sql import migrate
from tidegate.adapters.sql.address import address
from tidegate.adapters.sql.engine import ADMIN_SECONDS, Database
from tidegate.adapters.sql.fresh import fill

TEMPLATE = "tidegate_template"

_MIGRATED: list[bytes] = []


def postgres_with_template() -> tuple[dict[str, str], int, str]:
    """For `servers.shared`."""
    facts, pid, home = servers.postgres()
    try:
        with ThreadPoolExecutor(1) as thread:  # a loop may run in this one
            thread.submit(asyncio.run, _prepare(facts)).result()
    except BaseException:
        servers.end(pid, home)
        raise
    return facts, pid, home


async def admin(facts: dict[str, str], database: str = "postgres") -> asyncpg.Connection:
    return await asyncpg.connect(
        host=facts["host"], port=int(facts["port"]), user=facts["user"], password=facts["password"], database=database
    )


def url_of(facts: dict[str, str], database: str) -> URL:
    """As a user would write it, of the role `tidegate`."""
    return URL.create("postgresql", "tidegate", servers.PASSWORD, facts["host"], int(facts["port"]), database)


def opened(url: URL) -> Database:
    text = url.render_as_string(hide_password=False)
    return Database(address({"TIDEGATE_DATABASE_URL": text}, Path()), statement_seconds=ADMIN_SECONDS)


@asynccontextmanager
async def postgres_url(facts: dict[str, str], *, empty: bool = False, template: str = TEMPLATE) -> AsyncGenerator[URL]:
    """A new database, a copy of `template` unless it is to be empty; dropped afterwards."""
    connection = await admin(facts)
    name = await copy(connection, "template0" if empty else template)
    try:
        yield url_of(facts, name)
    finally:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.close()


async def copy(connection: asyncpg.Connection, template: str) -> str:
    """The name of a new database, which is there as long as the server unless it is dropped."""
    name = f"t_{uuid.uuid4().hex}"
    await connection.execute(f"CREATE DATABASE {name} OWNER tidegate TEMPLATE {template}")
    return name


@asynccontextmanager
async def sqlite_url(folder: Path, *, empty: bool = False, template: bytes | None = None) -> AsyncGenerator[URL]:
    """A new file in `folder`, with the bytes of `template` where there is one. The migrated one is made once in a process, and copied."""
    file = folder / f"{uuid.uuid4().hex}.db"
    if template is not None:
        file.write_bytes(template)
    elif not empty:
        if not _MIGRATED:
            await _migrate(folder / "migrated.db")
            _MIGRATED.append((folder / "migrated.db").read_bytes())
        file.write_bytes(_MIGRATED[0])
    yield URL.create("sqlite", database=str(file))


async def _migrate(file: Path) -> None:
    database = opened(URL.create("sqlite", database=str(file)))
    await fill(database)
    await database.aclose()  # the last connection that closes writes everything into the file


async def _prepare(facts: dict[str, str]) -> None:
    connection = await admin(facts)
    await connection.execute(f"CREATE ROLE tidegate LOGIN PASSWORD '{servers.PASSWORD}' NOSUPERUSER NOBYPASSRLS")
    await connection.execute(f"CREATE DATABASE {TEMPLATE} OWNER tidegate TEMPLATE template0")
    await connection.close()
    database = opened(url_of(facts, TEMPLATE))
    await migrate.upgrade(database)
    await database.aclose()
