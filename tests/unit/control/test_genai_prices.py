"""Prices from the data of `genai-prices`, whose types are stood in for by their names and fields."""

import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec

from tidegate.control.catalogue import with_prices
from tidegate.control.genai_prices import changes, render, table

DAY = datetime.date(2026, 11, 26)


class ClauseEquals(SimpleNamespace):
    pass


class ClauseStartsWith(SimpleNamespace):
    pass


class ClauseOr(SimpleNamespace):
    pass


def price(**amounts: Any) -> Any:
    return SimpleNamespace(**{name: Decimal(value) if isinstance(value, str) else value for name, value in amounts.items()})


def model(id: str, prices: Any, match: Any = None, **more: Any) -> Any:
    fields = {"context_window": None, "deprecated": False, **more}
    return SimpleNamespace(id=id, prices=prices, match=match or ClauseEquals(equals=id), **fields)


def provider(*models: Any, id: str = "openai") -> Any:
    return SimpleNamespace(id=id, models=models, pricing_urls=["https://prices.example"], api_pattern="x")


def test_rows_are_of_the_day_and_stand_in_the_catalogue() -> None:
    tiered = SimpleNamespace(base=Decimal("1.25"), tiers=[SimpleNamespace(start=200_000, price=Decimal("2.5"))])
    dated = [
        SimpleNamespace(constraint=None, prices=price(input_mtok="3", output_mtok="9")),
        SimpleNamespace(constraint=SimpleNamespace(start_date=datetime.date(2027, 1, 1)), prices=price(input_mtok="2", output_mtok="8")),
    ]
    made = table(
        [
            provider(
                model("gpt-x", price(input_mtok=tiered, output_mtok="10", cache_read_mtok="0.125"), context_window=400_000),
                model("gpt-y", dated, ClauseOr(or_=[ClauseEquals(equals="gpt-y"), ClauseStartsWith(starts_with="gpt-y-20")])),
                model("gpt-old", price(input_mtok="1", output_mtok="1"), deprecated=True),
                model("whisper-1", price(input_mtok="1", output_mtok="1")),
                model("free-form", price(requests_kcount="1")),
            ),
            provider(model("m", price(input_mtok="1")), id="unheard-of"),
        ],
        DAY,
    )
    assert list(made) == ["openai"]
    assert [row["id"] for row in made["openai"]] == ["gpt-x", "gpt-y", "gpt-old"]
    catalogue = with_prices(render(made, "genai-prices 9.9", DAY).encode())
    x, y, old = (catalogue.models["openai"][name] for name in ("gpt-x", "gpt-y", "gpt-old"))
    assert x.price is not None
    assert x.price.long is not None
    assert (x.price.input, x.price.over, x.price.long.input, x.price.source, x.price.date, x.capabilities.context) == (
        1_250_000_000,
        200_000,
        2_500_000_000,
        "https://prices.example",
        "2026-11-26",
        400_000,
    )
    assert y.price is not None
    assert y.price.later is not None
    assert (y.match, y.price.input, y.price.later.from_, y.price.later.input) == (
        ("gpt-y-20*",),
        3_000_000_000,
        "2027-01-01",
        2_000_000_000,
    )
    assert old.deprecated == "deprecated by the provider"


def test_what_changes_is_told_and_another_day_is_no_change() -> None:
    def rows(day: datetime.date, *models: Any) -> Any:
        return msgspec.json.decode(render(table([provider(*models)], day), "s", day))["rows"]

    same = model("same", price(input_mtok="1", output_mtok="2"))
    before = rows(DAY, same, model("gone", price(input_mtok="1")), model("dear", price(input_mtok="3", output_mtok="15"), context_window=5))
    after = rows(
        datetime.date(2026, 12, 1),
        same,
        model("dear", price(input_mtok="2.5", output_mtok="15"), context_window=6),
        model("new", price(input_mtok="1")),
    )
    assert changes(before, after) == ["- openai/gone", "~ openai/dear  context 5 -> 6, 3/15 -> 2.5/15", "+ openai/new  1/-"]
    assert changes(before, before) == []
