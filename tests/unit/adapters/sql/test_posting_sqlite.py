import sqlite3
from pathlib import Path

from tests.support.databases import opened, sqlite_url
from tests.support.usage import usage_event

from tidegate.adapters.sql.ledger_rows import row_of
from tidegate.adapters.sql.posting_sqlite import ShortWay


def counted(file: str) -> tuple[int, int]:
    """(rows of the ledger, attempts in the hours)."""
    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT count(*) FROM ledger").fetchone()[0]
        return rows, connection.execute("SELECT coalesce(sum(attempts), 0) FROM rollup_hour").fetchone()[0]


async def test_new_rows_are_stored_and_others_change_nothing(tmp_path: Path) -> None:
    async with sqlite_url(tmp_path) as url:
        short = ShortWay(opened(url).engine.url, 1.0)
        rows = [row_of(usage_event(number)) for number in range(5)]
        assert short.post(rows[:3]) is not None
        assert short.post(rows) is None
        assert counted(str(url.database)) == (3, 3)
        assert short.post(rows[3:]) is not None
        assert counted(str(url.database)) == (5, 5)
        short.close()


async def test_a_row_that_the_database_refuses_changes_nothing(tmp_path: Path) -> None:
    async with sqlite_url(tmp_path) as url:
        short = ShortWay(opened(url).engine.url, 1.0)
        bad = {**row_of(usage_event(2)), "cost_nano": 1 << 70}
        assert short.post([row_of(usage_event(1)), bad]) is None
        assert counted(str(url.database)) == (0, 0)
        assert short.post([row_of(usage_event(1))]) is not None
        short.close()
