from typing import Any

import pytest

from tidegate.dialects.reading import count, merge, take_bool, take_int, take_number, take_str
from tidegate.ir.errors import GatewayError
from tidegate.ir.json import JsonObject


def test_readers_take_fields_out_and_name_the_wrong_ones() -> None:
    raw: JsonObject = {"a": "x", "b": True, "c": 2.0, "d": 1, "e": None, "f": True}
    assert (take_str(raw, "a", "p"), take_bool(raw, "b", "p"), take_int(raw, "c", "p"), take_number(raw, "d", "p")) == ("x", True, 2, 1)
    assert take_int(raw, "e", "p") is None
    assert raw == {"f": True}
    with pytest.raises(GatewayError) as raised:
        take_int(raw, "f", "p")
    assert (raised.value.error.param, raised.value.error.code) == ("p.f", "invalid_type")
    with pytest.raises(GatewayError) as raised:
        take_str(raw, "gone", "")
    assert (raised.value.error.param, raised.value.error.code) == ("gone", "missing_required_parameter")


def test_merge_adds_and_never_replaces() -> None:
    out: JsonObject = {"a": {"b": 1}, "c": 2}
    merge(out, {"a": {"b": 9, "d": 3}, "c": {"e": 4}, "f": 5})
    assert out == {"a": {"b": 1, "d": 3}, "c": 2, "f": 5}


@pytest.mark.parametrize(
    ("value", "tokens"),
    [(7, 7), (0, 0), (7.0, 7), (7.5, None), (-3, 0), ("7", None), (None, None), (True, None), (10**18, 10**9), (1e300, 10**9), ([], None)],
)
def test_odd_numbers_never_crash(value: Any, tokens: int | None) -> None:
    assert count(value) == tokens
