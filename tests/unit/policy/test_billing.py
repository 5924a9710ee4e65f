"""Bills: every amount can be worked out again from what stands beside it, and nothing is lost between two invoices."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.policy.billing import Bill, Part, Rate, Terms, Used, bill

GPT = Used(model="gpt-5", requests=10, cost_nano=1_000_000_001, tokens={"input": 5, "output": 7})
DOLLAR = 10**9


def part(terms: Terms, *used: Used, days: int = 30) -> Part:
    return Part(plan="Pro", terms=terms, days=days, of_days=30, used=used)


def amounts(found: Bill) -> list[tuple[str, int]]:
    return [(line.kind, line.nano) for line in found.lines]


def test_a_fee_and_usage_with_a_markup() -> None:
    found = bill([part(Terms(price_nano=20 * DOLLAR, markup_bp=1250), GPT)], [])
    assert amounts(found) == [("fee", 20 * DOLLAR), ("usage", ceil(Fraction(1_000_000_001 * 11_250, 10_000)))]
    assert found.lines[1].text == "gpt-5: 10 requests at cost with 12.5 % on it"
    assert found.total_nano == 21_125_000_002


def test_part_of_a_month_pays_part_of_the_fee_and_has_part_of_what_is_included() -> None:
    terms = Terms(price_nano=10 * DOLLAR, included_nano=3 * DOLLAR)
    used = Used(model="m", requests=1, cost_nano=5 * DOLLAR)
    found = bill([part(terms, used, days=10)], [])
    assert amounts(found) == [("fee", 3_333_333_334), ("usage", 5 * DOLLAR), ("included", -DOLLAR)]
    assert "10 of 30 days" in found.lines[0].text


def test_no_more_is_included_than_was_used() -> None:
    found = bill([part(Terms(included_nano=9 * DOLLAR), Used(model="m", requests=1, cost_nano=DOLLAR))], [])
    assert amounts(found) == [("usage", DOLLAR), ("included", -DOLLAR)]
    assert found.total_nano == 0
    assert bill([part(Terms(included_nano=9))], []).lines == ()


def test_rates_by_kind_and_model() -> None:
    terms = Terms(
        rates=(
            Rate(
                model="gpt-*",
                input=1_000_000,
                output=2_000_000,
                cache_read=500_000,
                cache_write_1h=3_000_000,
                web_search=1_000,
                request=2_000,
            ),
            Rate(model="claude", input=1),
        )
    )
    tokens = {"input": 10, "cache_read": 4, "cache_write": 6, "cache_write_1h": 2, "output": 5, "reasoning": 3}
    gpt = Used(model="gpt-5", requests=3, cost_nano=99, unpriced=2, tokens=tokens, web_searches=1)
    found = bill([part(terms, gpt, Used(model="other", requests=1, cost_nano=7, tokens={"input": 9}))], [])
    assert [(line.text.partition(": ")[2], line.nano) for line in found.lines] == [
        ("input tokens", 10),
        ("tokens read from the cache", 2),
        ("tokens written to the cache", 4),
        ("tokens written to the cache for an hour", 6),
        ("output tokens", 10),
        ("web searches", 1),
        ("requests", 6),
    ]
    assert found.unpriced == 1  # what no rate fits; what it cost does not matter where there are rates


def test_corrections_and_what_is_carried_over() -> None:
    found = bill([part(Terms(price_nano=5))], [("sorry", -3), ("set-up", 10)])
    assert amounts(found) == [("fee", 5), ("credit", -3), ("charge", 10)]
    found = bill([part(Terms(price_nano=5))], [("sorry", -8)])
    assert amounts(found) == [("fee", 5), ("credit", -8), ("carried", 3)]
    assert (found.total_nano, found.carried_nano) == (0, 3)


def test_what_has_no_known_cost_is_told() -> None:
    assert bill([part(Terms(), Used(model="m", requests=2, cost_nano=1, unpriced=2))], []).unpriced == 2
    only_gpt = Terms(rates=(Rate(model="gpt-*", input=1),))
    found = bill([part(only_gpt, GPT, Used(model="m", requests=2, cost_nano=1), Used(model="n", requests=0, cost_nano=1))], [])
    assert found.unpriced == 3  # what no rate fits is not free in silence


@given(
    st.integers(0, 10**13),
    st.integers(0, 10**13),
    st.integers(-10_000, 100_000),
    st.integers(0, 10**13),
    st.integers(1, 30),
    st.integers(-(10**13), 10**13),
)
def test_every_line_adds_up(price: int, included: int, markup: int, cost: int, days: int, correction: int) -> None:
    terms = Terms(price_nano=price, included_nano=included, markup_bp=markup)
    found = bill([part(terms, Used(model="m", requests=1, cost_nano=cost), days=days)], [("c", correction)] if correction else [])
    assert all(line.nano == ceil(Fraction(line.quantity * line.unit_nano, line.per)) for line in found.lines)
    assert found.total_nano == sum(line.nano for line in found.lines) >= 0
    assert found.carried_nano == 0 or found.total_nano == 0


@pytest.mark.parametrize("days", [1, 15, 30])
def test_two_halves_of_a_month_are_never_dearer_than_a_nano_dollar_more(days: int) -> None:
    terms = Terms(price_nano=10 * DOLLAR)
    both = bill([part(terms, days=days), *([part(terms, days=30 - days)] if days < 30 else [])], []).total_nano
    assert 10 * DOLLAR <= both <= 10 * DOLLAR + 1
