import msgspec
import pytest

from tidegate.ir.target import Capabilities
from tidegate.providers.catalog import capabilities_for, decode

PROVIDERS = b'[{"name":"p","title":"P","dialect":"openai_chat","base_url":"http://p","auth":"bearer","default":{"vision":false}}]'
MODELS = b"""{"p": [
  {"id": "big", "match": ["big-1", "bigger"], "capabilities": {"tools": false}, "date": "d"},
  {"family": ["small-*", "tiny"], "capabilities": {"thinking": "effort"}, "date": "d"}
]}"""
PRICES = b"""{"source": "s", "date": "d", "rows": {"p": [
  {"id": "big-1", "match": ["big-2025", "big-1-20*"], "price": {"input": 1, "output": 2}},
  {"id": "small-1", "match": ["bigger", "small-1*", "small-*"], "context": 9, "price": {"input": 3, "output": 4}}
]}}"""


def test_a_row_kept_by_hand_takes_the_price_and_the_names_of_the_row_that_it_names():
    catalog = decode(PROVIDERS, MODELS, PRICES)
    big = catalog.find_model("p", "big")
    assert big is not None
    assert big.capabilities == Capabilities(tools=False, vision=False)
    assert big.price is not None
    assert big.price.input == 1
    assert set(big.match) == {"big-1", "bigger", "big-2025", "big-1-20*"}


@pytest.mark.parametrize(
    ("name", "found"),
    [("big", "big"), ("bigger", "big"), ("big-2025", "big"), ("big-1-20260101", "big"), ("small-1-x", "small-1"), ("small-2", "small-1")],
)
def test_names_are_found_exactly_then_by_the_longest_prefix(name: str, found: str):
    row = decode(PROVIDERS, MODELS, PRICES).find_model("p", name)
    assert row is not None
    assert row.id == found


def test_models_without_a_row_have_their_family_or_the_default():
    catalog = decode(PROVIDERS, MODELS, PRICES)
    assert catalog.find_model("p", "tiny") is None
    assert catalog.capabilities("p", "tiny") == Capabilities(vision=False, thinking="effort")
    assert catalog.capabilities("p", "other") == Capabilities(vision=False)
    assert capabilities_for(catalog.providers["p"], "tiny").thinking == "effort"
    small = catalog.find_model("p", "small-1")
    assert small is not None
    assert small.capabilities == Capabilities(vision=False, thinking="effort", context=9)


def test_unknown_fields_of_rows_are_refused():
    with pytest.raises(msgspec.ValidationError):
        decode(PROVIDERS, b'{"p":[{"id":"x","capabilites":{}}]}', PRICES)
    with pytest.raises(msgspec.ValidationError):
        decode(PROVIDERS, MODELS, b'{"source":"","date":"","rows":{"p":[{"id":"x","prise":{},"price":{}}]}}')


def test_an_unknown_provider_has_no_models():
    assert decode(PROVIDERS, MODELS, PRICES).find_model("q", "big") is None
