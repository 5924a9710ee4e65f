import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from scripts.write_schema import dump, schema
from tests.support.databases import opened, sqlite_url

from tidegate.adapters.sql.fresh import FILE, fill
from tidegate.adapters.sql.version import HEAD, current


def test_the_text_is_what_the_migrations_come_to() -> None:
    assert FILE.read_text(encoding="utf-8") == schema(), "run `python scripts/write_schema.py`"


async def test_an_empty_database_is_filled_once(tmp_path: Path) -> None:
    async with sqlite_url(tmp_path, empty=True) as url:
        databases = [opened(url) for _ in range(3)]
        assert sorted(await asyncio.gather(*map(fill, databases))) == [False, False, True]
        assert await current(databases[0]) == HEAD
        for database in databases:
            await database.aclose()
        with closing(sqlite3.connect(str(url.database))) as connection:
            assert dump(connection) == FILE.read_text(encoding="utf-8")
            times = connection.execute("SELECT changed_at FROM config_generation UNION SELECT created_at FROM organisation").fetchall()
    assert len(times) == 1
