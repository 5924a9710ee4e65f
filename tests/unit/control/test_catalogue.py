import json
from importlib.resources import files
from pathlib import Path

import pytest

from tidegate.control.catalogue import PRICES, head_of, read_catalogue, read_prices
from tidegate.control.problems import ConfigError
from tidegate.ir.usage import Usage
from tidegate.policy.price import cost

SHIPPED = (files("tidegate") / "catalog" / "prices.json").read_bytes()


def test_the_shipped_catalogue_is_whole() -> None:
    catalogue = read_catalogue()
    assert catalogue.find_model("anthropic", "claude-sonnet-4-5") is not None
    assert "sandbox" in catalogue.providers
    assert "openai" in catalogue.shapes


def test_models_that_embed_are_known_and_priced_too() -> None:
    for provider, name in (("openai", "text-embedding-3-small"), ("gemini", "gemini-embedding-001"), ("mistral", "mistral-embed")):
        row = read_catalogue().find_model(provider, name)
        assert row is not None
        found = cost(Usage(input=1_000_000), row.price)
        assert found is not None
        assert found.nano > 0


def _written(home: Path, date: str) -> None:
    row = {"id": "gpt-of-tomorrow", "price": {"input": 5, "source": "s", "date": date}}
    (home / PRICES).write_text(json.dumps({"source": "genai-prices 99", "date": date, "rows": {"openai": [row]}}))


def test_prices_that_the_operator_refreshed_count_until_later_ones_are_shipped(tmp_path: Path) -> None:
    assert read_prices(tmp_path) == SHIPPED
    _written(tmp_path, "2099-01-01")
    found = read_catalogue(tmp_path).find_model("openai", "gpt-of-tomorrow")
    assert found is not None
    assert found.price is not None
    assert (found.price.input, found.source, found.date) == (5, "s", "2099-01-01")
    assert head_of(read_prices(tmp_path)).source == "genai-prices 99"
    _written(tmp_path, "2020-01-01")
    assert read_prices(tmp_path) == SHIPPED


@pytest.mark.parametrize("text", ["{", "[]", '{"source": "s", "date": "2099-01-01", "rows": {"openai": [{"id": 5}]}}'])
def test_a_harmed_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / PRICES).write_text(text)
    with pytest.raises(ConfigError, match="it is no file of prices"):
        read_catalogue(tmp_path)
