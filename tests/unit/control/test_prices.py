"""The `prices` section: what stands in it, and what is wrong with it."""

import pytest
from tests.unit.control.configs import Place

from tidegate.ir.json import Json
from tidegate.policy.price import version_at
from tidegate.policy.route import Planner
from tidegate.policy.snapshot import Key
from tidegate.records import Kept, StoredPrice

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


def test_what_is_paid_by_use_is_paid_for_long_prompts_and_in_other_tiers_too(place: Place) -> None:
    above = "above: {tokens: 10, input: 3, output: 3"
    tiers = f"tiers: {{batch: {{input: 2, output: 2, request: 1, {above}}}}}, flex: {{input: 1, output: 1}}}}"
    text = f"{LAB}prices:\n  lab/x: [{{input: 1, output: 1, request: 5, web_search: 10, {above}, image: 9}}, {tiers}}}]\n"
    price = Planner(place.load(text).snapshot).plan(NOBODY, "lab/x").targets[0].price
    assert price is not None
    steps = [price, price.long, price.tiers["batch"], price.tiers["batch"].long, price.tiers["flex"]]
    found = [None if step is None else (step.request, step.web_search, step.image) for step in steps]
    dollar = 10**9
    assert found == [
        (5 * dollar, 10 * dollar, None),
        (5 * dollar, 10 * dollar, 9 * dollar),
        (dollar, 10 * dollar, None),
        (dollar, 10 * dollar, None),
        (5 * dollar, 10 * dollar, None),
    ]


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
        ("lab/x: [{input: '1e999999999', output: 1}]", "a price is in dollars"),
        ("lab/x: [{input: '1e-999999999', output: 1}]", "a price is in dollars"),
        ("lab/x: [{input: 1, output: 1}, {input: 1, output: 1}]", "the versions of a price stand in the order of their days"),
        ("lab/x: [{input: 1, output: 1}, {from: 2027-13-01, input: 1, output: 1}]", "a day is written like `2026-06-01`"),
        ("lab/x: [{input: 1, output: 1, above: {tokens: 0, input: 1}}]", "a number of prompt tokens above 0"),
        ("lab/x: [{inptu: 1, output: 1}]", "Did you mean `input`?"),
    ],
)
def test_mistakes_are_told(place: Place, prices: str, words: str) -> None:
    found = place.mistakes(LAB + "prices:\n  " + prices)
    assert any(words in line for line in found), found


JANUARY_2027 = 1_798_761_600


def row(id: str, model: str, day: int = 0, **price: Json) -> StoredPrice:
    return StoredPrice(id=id, provider="lab", model=model, valid_from=day * 1_000_000, price=price, revision=2)


def test_prices_of_the_database_stand_between_the_file_and_the_catalogue(place: Place) -> None:
    place.file.write_text(LAB + "prices: {lab/of-file: [{input: 9, output: 9}]}")
    loader = place.loader()
    loader.kept = Kept(
        prices=(
            row("p2", "big", JANUARY_2027, input=2, output="2"),
            row("p1", "big", input=1, output=1, tiers={"batch": {"input": 0.5, "output": 0.5}}),
            row("p3", "of-file", input=3, output=3),
            row("p4", "b*", JANUARY_2027, input=4, output=4),
            StoredPrice(id="p5", provider="gone", model="x", price={"input": 5}),
        )
    )
    loaded = loader.load(1)
    assert loaded.warnings == ()
    planner = Planner(loaded.snapshot)

    def priced(name: str, at: int) -> tuple[int | None, str]:
        price = version_at(planner.plan(NOBODY, f"lab/{name}").targets[0].price, at)
        return (None, "") if price is None else (price.input, price.source)

    assert priced("big", JANUARY_2027 - 1) == (1_000_000_000, "p1@2")
    assert priced("big", JANUARY_2027) == (2_000_000_000, "p2@2")
    assert priced("of-file", JANUARY_2027) == (9_000_000_000, "tidegate.yaml")
    assert priced("bit", JANUARY_2027 - 1) == (None, "")
    assert priced("bit", JANUARY_2027) == (4_000_000_000, "p4@2")
    assert loaded.snapshot.prices["lab/big"].tiers["batch"].source == ""


def test_a_price_of_the_database_that_cannot_be_one_is_left_out_and_told(place: Place) -> None:
    place.file.write_text(LAB)
    loader = place.loader()
    loader.kept = Kept(prices=(row("p1", "big", input=-1), row("p2", "small", input=1, output=1)))
    loaded = loader.load(1)
    assert list(loaded.snapshot.prices) == ["lab/small"]
    assert [(problem.file, problem.where) for problem in loaded.warnings] == [("the database", 'prices["lab/big"].input')]
