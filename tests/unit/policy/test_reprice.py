"""The difference that a correction adds."""

import msgspec
import pytest

from tidegate.ir.usage import Usage
from tidegate.policy.reprice import Booked, correction
from tidegate.providers.spec import Price

USAGE = Usage(input=1_000_000, output=500_000, cache_read=1_000_000)
RIGHT = Price(input=3_000, output=15_000, cache_read=300, source="tidegate.yaml")
RIGHT_NANO = 3_000 + 7_500 + 300
BOOKED = Booked(target="openai/gpt-5", at=1.0, usage=USAGE, nano=20_000, saved=0, price_source="catalogue", corrections=0)


def test_the_difference() -> None:
    found = correction(BOOKED, RIGHT)
    assert found is not None
    assert (found.nano, found.saved, found.priced) == (RIGHT_NANO - 20_000, 2_700, False)
    assert [line["kind"] for line in found.lines] == ["input", "cache_read", "output"]
    assert found.price_source == "tidegate.yaml"


def test_done_is_done() -> None:
    found = correction(BOOKED, RIGHT)
    assert found is not None
    after = msgspec.structs.replace(BOOKED, nano=20_000 + found.nano, saved=found.saved, corrections=1)
    assert correction(after, RIGHT) is None


def test_what_had_no_price_gets_one() -> None:
    found = correction(msgspec.structs.replace(BOOKED, nano=None), RIGHT)
    assert found is not None
    assert (found.nano, found.priced) == (RIGHT_NANO, True)


@pytest.mark.parametrize(
    ("booked", "price"),
    [
        (msgspec.structs.replace(BOOKED, price_source="provider"), RIGHT),
        (BOOKED, None),
        (msgspec.structs.replace(BOOKED, usage=Usage()), RIGHT),
        (msgspec.structs.replace(BOOKED, usage=msgspec.structs.replace(USAGE, tier="flex")), RIGHT),
    ],
)
def test_what_stays(booked: Booked, price: Price | None) -> None:
    assert correction(booked, price) is None


def test_the_price_is_that_of_the_day() -> None:
    later = msgspec.structs.replace(RIGHT, input=1, from_="2026-06-02")
    versions = msgspec.structs.replace(RIGHT, later=later)
    at = 1_780_358_400.0  # 2026-06-02, 00:00
    before, after = (correction(msgspec.structs.replace(BOOKED, at=moment), versions) for moment in (at - 1, at))
    assert before is not None
    assert after is not None
    assert before.nano - after.nano == 3_000 - 1
