import sqlite3
from typing import Any

import pytest
from tests.support.usage import usage_event

from tidegate.adapters.sql.ledger_rows import row_of
from tidegate.adapters.sql.posting import Posting
from tidegate.adapters.sql.rollups import rollups
from tidegate.adapters.sql.schema_usage import MEASURES, ROLLUPS, WRITTEN, ledger

TABLES = [ledger, *(table for _, table in WRITTEN)]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize("is_sqlite", [True, False])
def test_every_row_that_is_posted_names_its_tenant(table: Any, is_sqlite: bool) -> None:
    """T-ISO-2, for the statements that are text."""
    posting = Posting(table, is_sqlite=is_sqlite)
    columns = posting.nothing.partition("(")[2].partition(")")[0].split(", ")
    assert columns[0] == "org_id"


@pytest.mark.parametrize(("seconds", "table"), ROLLUPS)
def test_sums_are_added_under_the_tenants_key(seconds: int, table: Any) -> None:
    posting = Posting(table, is_sqlite=True)
    sums = rollups([row_of(usage_event())])[[length for length, _ in ROLLUPS].index(seconds)]
    text = posting.adding(sums, MEASURES)
    assert " ON CONFLICT (org_id, bucket, dims) DO UPDATE SET requests = " in text
    assert "web_searches" not in text.partition("DO UPDATE")[2]


def test_documents_are_json_and_numbers_stay_numbers() -> None:
    posting = Posting(ledger, is_sqlite=True)
    names = posting.nothing.partition("(")[2].partition(")")[0]
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE ledger ({names}, UNIQUE (request_id, attempt, entry))")
    rows = [row_of(usage_event(1, tags=["b", "a"])), row_of(usage_event(1))]
    assert connection.executemany(*posting.storing(rows)).rowcount == 1
    assert connection.execute("SELECT tags, cost_nano, receipt FROM ledger").fetchone() == ('["a","b"]', 100, None)


def test_columns_that_are_empty_in_all_rows_are_left_out() -> None:
    text, tuples = Posting(ledger, is_sqlite=True).storing([row_of(usage_event(1, error="late")), row_of(usage_event(2))])
    names = text.partition("(")[2].partition(")")[0].split(", ")
    told = [dict(zip(names, values, strict=True)) for values in tuples]
    assert [row["error"] for row in told] == ["late", None]
    assert "reasoning_tokens" not in names and "receipt" not in names
