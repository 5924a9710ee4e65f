from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.ir.usage import Usage
from tidegate.policy.price import cost, in_force
from tidegate.providers.spec import Price

SONNET = Price(
    input=3_000_000_000,
    output=15_000_000_000,
    cache_read=300_000_000,
    cache_write=3_750_000_000,
    cache_write_1h=6_000_000_000,
    web_search=10_000_000_000,
    source="https://example/prices",
    date="2026-11-23",
)


def nano(usage: Usage | None, price: Price | None) -> int | None:
    found = cost(usage, price)
    return None if found is None else found.nano


def test_every_kind_has_its_price():
    usage = Usage(input=1000, cache_read=2000, cache_write=300, cache_write_1h=100, output=50, reasoning=20, web_searches=2)
    found = cost(usage, SONNET)
    assert found is not None
    by_kind = {line.kind: line.nano for line in found.lines}
    assert by_kind == {
        "input": 3_000_000,
        "cache_read": 600_000,
        "cache_write": 750_000,
        "cache_write_1h": 600_000,
        "output": 750_000,
        "web_search": 20_000_000,
    }
    assert found.nano == 25_700_000
    assert (found.source, found.date, found.over) == ("https://example/prices", "2026-11-23", None)
    assert found.label == "https://example/prices 2026-11-23"


def test_each_line_is_rounded_up_once():
    price = Price(input=1, output=1_000_001)
    assert nano(Usage(input=1, output=1), price) == 1 + 2
    assert nano(Usage(input=1_000_000, output=0), price) == 1


def test_reported_cost_wins_also_where_no_price_is_known():
    found = cost(Usage(input=1_000_000, output=1, cost_nano=42), SONNET)
    assert found is not None
    assert (found.nano, found.source, found.lines) == (42, "provider", ())
    assert nano(Usage(cost_nano=0), None) == 0


def test_what_is_not_known_is_none_and_never_zero():
    assert cost(None, SONNET) is None
    assert cost(Usage(), SONNET) is None
    assert cost(Usage(input=1, output=1), None) is None
    assert cost(Usage(input=1, output=1), Price(input=5)) is None
    assert cost(Usage(input=1, output=1, web_searches=1), Price(input=5, output=5)) is None


def test_a_free_model_costs_nothing_and_that_is_known():
    assert nano(Usage(input=10, output=10), Price(input=0, output=0)) == 0
    assert nano(Usage(input=10, output=0), Price(input=1_000_000)) == 10


def test_kinds_without_a_price_cost_what_plain_tokens_cost():
    price = Price(input=2_000_000, output=4_000_000)
    assert nano(Usage(input=10, cache_read=1, cache_write=2, cache_write_1h=1, audio_input=5, output=3, audio_output=2), price) == 26 + 12


def test_audio_is_taken_out_of_what_includes_it():
    price = Price(input=1_000_000, output=2_000_000, audio_input=10_000_000, audio_output=20_000_000)
    assert nano(Usage(input=10, audio_input=4, output=5, audio_output=5), price) == 6 + 40 + 100


def test_a_price_per_request_is_counted_once():
    assert nano(Usage(input=1, output=0), Price(input=1_000_000, output=1, request=5_000_000_001)) == 1 + 5_000_001


def test_the_long_context_step_holds_for_the_whole_request_above_the_threshold():
    price = Price(input=1_000_000, output=1_000_000, over=100, long=Price(input=2_000_000, output=3_000_000), source="s", date="d")
    assert nano(Usage(input=60, cache_read=40, output=1), price) == 101
    found = cost(Usage(input=60, cache_read=41, output=1), price)
    assert found is not None
    assert found.nano == 205
    assert found.over == 100
    assert found.label == "s d (above 100 prompt tokens)"


def test_steps_follow_one_another():
    top = Price(input=3)
    price = Price(input=1, over=10, long=Price(input=2, over=20, long=top))
    assert in_force(price, 10) == (price, None)
    assert in_force(price, 20) == (price.long, 10)
    assert in_force(price, 21) == (top, 20)


COUNT = st.integers(0, 10**18)
UNIT = st.integers(0, 10**13)


@given(COUNT, COUNT, COUNT, COUNT, UNIT, UNIT, UNIT, UNIT)
def test_the_sum_is_exact_whatever_the_numbers(a: int, b: int, c: int, d: int, pa: int, pb: int, pc: int, pd: int):
    found = cost(
        Usage(input=a, cache_read=b, cache_write=c, output=d),
        Price(input=pa, cache_read=pb, cache_write=pc, output=pd, source="s", date="d"),
    )
    assert found is not None
    assert found.nano == sum(ceil(Fraction(n * p, 10**6)) for n, p in ((a, pa), (b, pb), (c, pc), (d, pd)))


@pytest.mark.parametrize("hour", [7, 100])
def test_more_one_hour_writes_than_writes_are_capped(hour: int):
    assert (
        nano(Usage(input=0, cache_write=5, cache_write_1h=hour, output=0), Price(input=0, cache_write=1_000_000, cache_write_1h=2_000_000))
        == 10
    )
