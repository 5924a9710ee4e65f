from typing import Any

import pytest
from tests.support.usage import NOON, usage_event

from tidegate.adapters.sql.ledger_rows import LARGEST, TAG_LIMIT, Unstorable, row_of
from tidegate.adapters.sql.schema_usage import ledger


def test_a_row_has_every_column_but_the_number_that_the_database_gives() -> None:
    assert row_of(usage_event()).keys() == {column.name for column in ledger.columns} - {"seq"}


def test_what_is_not_told_is_none_and_an_explicit_zero_is_zero() -> None:
    row = row_of(usage_event(usage={"input": 0}, cost_nano=0))
    assert (row["input_tokens"], row["output_tokens"], row["cost_nano"]) == (0, None, 0)
    row = row_of(usage_event(usage=None, cost_nano=None))
    assert (row["input_tokens"], row["cost_nano"]) == (None, None)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"usage": {"reasoning": True}}, "reasoning"),
        ({"usage": {"input": LARGEST + 1}}, "input"),
        ({"cost_nano": -1}, "cost_nano"),
        ({"cost_nano": 0.5}, "cost_nano"),
        ({"attempt": 1 << 31}, "attempt"),
        ({"at": float("inf")}, "at"),
        ({"entry": ""}, "entry"),
        ({"org": ""}, "org"),
    ],
)
def test_what_cannot_be_a_row_is_refused_by_name(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unstorable, match=f"^(usage[.])?{reason}"):
        row_of(usage_event(**fields))


def test_only_corrections_are_negative() -> None:
    assert row_of(usage_event(entry="correction", cost_nano=-5, usage={"input": -7}))["input_tokens"] == -7


def test_times_are_microseconds_and_odd_ones_are_zero() -> None:
    row = row_of(usage_event(at=NOON + 0.000001, duration_ms=float("nan"), first_byte_ms=-3.0))
    assert (row["at"], row["duration_us"], row["first_byte_us"]) == (int(NOON) * 1_000_000 + 1, 0, 0)


def test_tags_are_sorted_unique_and_few() -> None:
    tags = [f"t{number:03}" for number in range(90)]
    assert row_of(usage_event(tags=[*reversed(tags), *tags, ""]))["tags"] == tags[:TAG_LIMIT]


def test_a_receipt_has_the_same_digest_whatever_the_order_of_its_words() -> None:
    one = row_of(usage_event(receipt=[{"kind": "dropped", "field": "seed"}]))
    two = row_of(usage_event(receipt=[{"field": "seed", "kind": "dropped"}]))
    assert one["receipt_digest"] == two["receipt_digest"] != row_of(usage_event(receipt=[{"field": "user"}]))["receipt_digest"]


@pytest.mark.parametrize(("given", "kept"), [(0, 0), (9, 9), (-10, -10), (10**18, LARGEST), (-(10**18), -LARGEST)])
def test_what_a_cache_saves(given: int, kept: int) -> None:
    assert row_of(usage_event(saved_nano=given))["saved_nano"] == kept


@pytest.mark.parametrize(
    "fields", [{"surface": 5}, {"tags": [5]}, {"usage": [1]}, {"at": "noon"}, {"entry": None}, {"duration_ms": "1"}, {"org": 7}]
)
def test_a_field_of_another_version_s_type_makes_no_row(fields: dict[str, Any]) -> None:
    with pytest.raises(Unstorable):
        row_of(usage_event(**fields))
