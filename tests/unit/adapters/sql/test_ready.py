import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.databases import opened, sqlite_url

from tidegate.adapters.sql.ready import ready
from tidegate.adapters.sql.version import HEAD, current


async def test_sqlite_is_migrated_by_itself(tmp_path: Path) -> None:
    async with sqlite_url(tmp_path, empty=True) as url:
        database = opened(url)
        for _ in range(2):
            await ready(database)
            assert await current(database) == HEAD
        await database.aclose()


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("tidegate.adapters.sql.ready, tidegate.adapters.sql.ledger, tidegate.adapters.sql.keys", {"alembic"}),
        (
            "tidegate.app.serve, tidegate.app.storage",
            {"alembic", "uvicorn", "sqlalchemy.dialects.postgresql", "sqlalchemy.orm", "rich", "splintr"},
        ),
        ("tidegate.cli.start", {"sqlalchemy"}),
    ],
)
def test_what_costs_time_and_memory_is_loaded_where_it_is_needed(modules: str, absent: set[str]) -> None:
    code = f"import sys, {modules}; print(sorted({absent!r} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True).stdout == "[]\n"
