"""The `prices` section: what stands in it, and what is wrong with it."""

import pytest
from tests.unit.control.configs import Place

from tidegate.policy.price import version_at
from tidegate.policy.route import Planner
from tidegate.policy.snapshot import Key

NOBODY = Key(id="k", name="k", digest=b"")
LAB = "providers:\n  lab: {kind: custom, dialect: openai_chat, base_url: 'http://10.0.0.1/v1'}\n"


def test_an_own_price_stands_in_place_of_the_catalogues(place: Place) -> None:
    snapshot = place.load(
        LAB
        + """
prices:
  lab/big:
    - {input: 1.25, output: "10", cache_read: 0.125, tiers: {batch: {input: 0.625, output: 5}}}
    - {from: 2027-01-01, input: 1, output: 8, above: {tokens: 272000, input: 2, output: 12}}
  "lab/*": [{input: 0, output: 0}]
  "lab/b*": [{input: 0.000000001, output: 0}]
"""
    ).snapshot
    planner = Planner(snapshot)
    price = planner.plan(NOBODY, "lab/big").targets[0].price
    assert price is not None
    assert (price.input, price.output, price.cache_read, price.source) == (1_250_000_000, 10_000_000_000, 125_000_000, "tidegate.yaml")
    assert price.tiers["batch"].output == 5_000_000_000
    later = version_at(price, 1_798_761_600)
    assert later is not None
    assert later.long is not None
    assert (later.input, later.from_, later.over, later.long.output) == (1_000_000_000, "2027-01-01", 272_000, 12_000_000_000)
    others = [planner.plan(NOBODY, f"lab/{name}").targets[0].price for name in ("bit", "other")]
    assert [found.input for found in others if found is not None] == [1, 0]


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        ("gpt-5: [{input: 1, output: 1}]", "a price is for `provider/model`"),
        ("lab/a*b: [{input: 1, output: 1}]", "a price is for `provider/model`"),
        ("labb/x: [{input: 1, output: 1}]", "there is no provider `labb`."),
        ("lab/x: []", "there is no price here"),
        ("lab/x: [{request: 1}]", "a price has `input` or `output` at least"),
        ("lab/x: [{input: -1, output: 1}]", "a price is in dollars"),
        ("lab/x: [{input: 0.0000000001, output: 1}]", "at most nine decimals"),
        ("lab/x: [{input: free, output: 1}]", "a price is in dollars"),
        ("lab/x: [{input: 1e9, output: 1}]", "a price is in dollars"),
        ("lab/x: [{input: 1, output: 1}, {input: 1, output: 1}]", "the versions of a price stand in the order of their days"),
        ("lab/x: [{input: 1, output: 1}, {from: 2027-13-01, input: 1, output: 1}]", "a day is written like `2026-06-01`"),
        ("lab/x: [{input: 1, output: 1, above: {tokens: 0, input: 1}}]", "a number of prompt tokens above 0"),
        ("lab/x: [{inptu: 1, output: 1}]", "Did you mean `input`?"),
    ],
)
def test_mistakes_are_told(place: Place, prices: str, words: str) -> None:
    found = place.mistakes(LAB + "prices:\n  " + prices)
    assert any(words in line for line in found), found
