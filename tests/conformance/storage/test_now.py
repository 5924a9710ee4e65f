"""The database's time, which gateways hold their clock against."""

import time

import pytest

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.now import database_now


async def test_it_is_the_time(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has the clock of its gateway")
    before = time.time()
    assert before - 5 <= await database_now(database) <= time.time() + 5
