from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.ir.usage import Usage
from tidegate.policy.price import MOST_NANO, cost, day_of, followed, in_force, version_at
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


COUNT = st.integers(0, 10**9)
UNIT = st.integers(0, 10**11)


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


def test_no_cost_is_beyond_all_sense_so_that_every_row_can_be_stored():
    assert nano(Usage(input=10**9, cache_read=10**9, output=10**9), Price(input=10**12, output=10**12)) == MOST_NANO
    assert nano(Usage(cost_nano=10**18), None) == MOST_NANO


def test_a_service_tier_has_its_own_price_or_none():
    price = Price(input=2_000_000, output=2_000_000, tiers={"batch": Price(input=1_000_000, output=1_000_000, source="b", date="d")})
    assert nano(Usage(input=10, output=1), price) == 22
    found = cost(Usage(input=10, output=1, tier="batch"), price)
    assert found is not None
    assert (found.nano, found.label) == (11, "b d (batch)")
    assert cost(Usage(input=10, output=1, tier="priority"), price) is None


def test_reasoning_with_a_price_of_its_own_is_taken_out_of_output():
    usage = Usage(input=0, output=10, reasoning=4)
    assert nano(usage, Price(output=1_000_000, reasoning=3_000_000)) == 6 + 12
    assert nano(usage, Price(output=1_000_000)) == 10


def test_images_are_paid_by_token_or_by_piece_and_not_twice():
    usage = Usage(input=10, image_input=4, output=9, image_output=5, images=2)
    assert (
        nano(usage, Price(input=1_000_000, image_input=2_000_000, output=1_000_000, image_output=3_000_000, image=10**6)) == 6 + 8 + 4 + 15
    )
    assert nano(Usage(input=1, output=0, images=2), Price(input=1_000_000, image=5_000)) == 1 + 10


NEW_YEAR = 1_798_761_600
"""2027-01-01 00:00 UTC."""


def test_the_version_that_holds_when_the_call_begins_is_the_one():
    later = Price(input=3, from_="2027-01-01", later=Price(input=4, from_="2027-02-01"))
    price = Price(input=2, from_="2026-06-01", later=later)
    at = [version_at(price, moment) for moment in (0, NEW_YEAR - 0.001, NEW_YEAR, NEW_YEAR + 31 * 86_400)]
    assert [found.input for found in at if found is not None] == [2, 2, 3, 4]
    assert version_at(None, NEW_YEAR) is None
    told = cost(Usage(input=1, output=0), version_at(price, NEW_YEAR))
    assert told is not None
    assert told.version == "2027-01-01"
    assert "from 2027-01-01" in told.label


def test_what_the_cache_saved_is_the_difference_to_plain_input():
    found = cost(Usage(input=0, cache_read=1_000_000, cache_write=2_000_000, cache_write_1h=1_000_000, output=1), SONNET)
    assert found is not None
    assert found.saved == (3_000_000_000 - 300_000_000) + (3_000_000_000 - 3_750_000_000) + (3_000_000_000 - 6_000_000_000)
    reported = cost(Usage(input=0, cache_read=1_000_000, output=1, cost_nano=7), SONNET)
    assert reported is not None
    assert (reported.nano, reported.saved) == (7, 2_700_000_000)
    assert cost(Usage(input=0, cache_read=5, output=1, cost_nano=7), None) is not None


@pytest.mark.parametrize(
    ("before", "own", "holds"),
    [
        ((), ("",), "own own own"),
        ((), ("2026-06-01",), "none own own"),
        (("",), ("",), "own own own"),
        (("",), ("2026-06-01",), "before own own"),
        (("", "2026-06-01"), ("2027-01-01",), "before before own"),
        (("", "2027-01-01"), ("2026-06-01",), "before own own"),
        (("", "2026-06-01", "2027-01-01"), ("2026-06-01",), "before own own"),
        (("2026-06-01",), ("2026-06-01",), "none own own"),
        (("2026-06-01",), ("2027-01-01",), "none before own"),
    ],
)
def test_an_own_price_holds_from_its_first_day_on(before: tuple[str, ...], own: tuple[str, ...], holds: str):
    def versions(days: tuple[str, ...], source: str) -> Price | None:
        price: Price | None = None
        for day in reversed(days):
            price = Price(input=1, output=1, source=source, from_=day, later=price)
        return price if price is None or not price.from_ or source == "own" else Price(source="none", later=price)

    of_own = versions(own, "own")
    assert of_own is not None
    found = followed(versions(before, "before"), of_own)
    days = (1_779_000_000, 1_785_000_000, 1_800_000_000)
    told = [version_at(found, day) for day in days]
    assert " ".join(price.source or "none" for price in told if price is not None) == holds


def test_days_are_those_of_utc():
    assert (day_of(0), day_of(86_399 + 86_400), day_of(1_798_761_600)) == ("", "1970-01-02", "2027-01-01")
