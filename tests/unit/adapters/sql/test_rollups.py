from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.usage import NOON, usage_event

from tidegate.adapters.sql.ledger_rows import row_of
from tidegate.adapters.sql.rollups import rollups
from tidegate.adapters.sql.schema_usage import FIRST_BYTE, LATENCY, MEASURES, ROLLUPS, WRITTEN


def one(**fields: Any) -> dict[str, Any]:
    """The hour's only row, where it is not zero."""
    _, (row,), _ = rollups([row_of(usage_event(**fields))])[:3]
    return {name: row[name] for name in MEASURES if row[name]}


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({}, {"requests", "attempts"}),
        ({"attempt": 2}, {"attempts"}),
        ({"status": 500}, {"requests", "attempts", "errors"}),
        ({"error": "cut off"}, {"requests", "attempts", "errors"}),
        ({"status": 499, "error": "gone", "estimated": "client_disconnect"}, {"requests", "attempts", "cancelled", "estimated"}),
        ({"cost_nano": None}, {"requests", "attempts", "unpriced"}),
        ({"cost_nano": None, "usage": None, "status": 503}, {"requests", "attempts", "errors"}),
        ({"cost_nano": None, "status": 503}, {"requests", "attempts", "errors", "unpriced"}),
        ({"cost_nano": None, "usage": None, "entry": "void"}, {"requests", "attempts"}),
        ({"entry": "correction"}, set()),
    ],
)
def test_what_an_attempt_counts_as(fields: dict[str, Any], counted: set[str]) -> None:
    found = one(**fields)
    assert found.keys() & {"requests", "attempts", "errors", "cancelled", "estimated", "unpriced"} == counted


@pytest.mark.parametrize(
    ("milliseconds", "step"), [(0.0, 0), (25.0, 0), (25.001, 1), (50.0, 1), (153_600.0, 24), (153_601.0, 25), (1e12, 25)]
)
def test_latency_falls_into_its_step(milliseconds: float, step: int) -> None:
    found = one(duration_ms=milliseconds, first_byte_ms=milliseconds)
    assert [name for name in found if name in LATENCY + FIRST_BYTE] == [f"latency_{step}", f"first_byte_{step}"]


@pytest.mark.parametrize("fields", [{"status": 500}, {"status": 499}, {"entry": "unknown"}, {"error": "cut"}])
def test_latency_is_of_successful_attempts(fields: dict[str, Any]) -> None:
    assert not one(**fields).keys() & {*LATENCY, *FIRST_BYTE}


def test_each_tag_repeats_the_row() -> None:
    for table in rollups([row_of(usage_event(tags=["a", "b"]))])[:3]:
        assert sorted(row["tag"] for row in table) == ["", "a", "b"]
        assert {row["cost_nano"] for row in table} == {100}


def test_buckets_begin_where_their_length_says() -> None:
    tables = rollups([row_of(usage_event(at=NOON + 45 * 60 + 7.5))])
    assert [row["bucket"] / 1e6 - NOON for table in tables for row in table] == [45 * 60, 0, -12 * 3600]


def test_names_that_run_together_are_told_apart() -> None:
    rows = [row_of(usage_event(1, team="ab", user="c")), row_of(usage_event(2, team="a", user="bc"))]
    assert all(len(table) == 2 for table in rollups(rows)[:3])


@given(st.permutations(range(12)), st.integers(0, 12))
def test_sums_do_not_depend_on_order_or_on_batches(order: list[int], at: int) -> None:
    rows = [row_of(usage_event(number, at=NOON + number * 400, key=f"k{number % 2}", tags=["x"] * (number % 3))) for number in range(12)]
    whole = rollups(rows)
    first, second = rollups([rows[n] for n in order[:at]]), rollups([rows[n] for n in order[at:]])
    for table, one_part, other in zip(whole, first, second, strict=True):
        sums = {(row["bucket"], row["dims"]): row["attempts"] for row in table}
        parts: dict[tuple[int, bytes], int] = {}
        for row in (*one_part, *other):
            parts[row["bucket"], row["dims"]] = parts.get((row["bucket"], row["dims"]), 0) + row["attempts"]
        assert sums == parts
        keys = [(row["org_id"], row["bucket"], row["dims"]) for row in one_part]
        assert keys == sorted(keys)


def test_there_is_a_table_for_each_length() -> None:
    assert len(rollups([])) == len(WRITTEN) == 2 * len(ROLLUPS) == 6


def test_end_users_have_sums_of_their_own_and_nobody_else_has() -> None:
    rows = [
        row_of(usage_event(n, end_user=end_user, cost_nano=n, tags=["x", "y"]))
        for n, end_user in ((1, "e1"), (2, "e2"), (4, "e1"), (8, ""))
    ]
    quarters, *_, days = rollups(rows)[3:]
    assert [(found["end_user"], found["cost_nano"]) for found in sorted(quarters, key=lambda found: found["end_user"])] == [
        ("e1", 5),
        ("e2", 2),
    ]
    assert sum(found["cost_nano"] for found in days) == 7
    assert sum(found["cost_nano"] for found in rollups(rows)[2] if not found["tag"]) == 15
