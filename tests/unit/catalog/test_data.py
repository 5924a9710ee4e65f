"""The data itself: every row is complete, no name is claimed twice, prices are integers with source and date, quirks have reasons."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

import tidegate.catalog
from tidegate.dialects.table import DIALECTS
from tidegate.ir.target import Capabilities, Quirks
from tidegate.providers.auth import exchanges
from tidegate.providers.catalog import Catalog, decode
from tidegate.providers.spec import ModelSpec, Price, ProviderSpec

DATA = Path(tidegate.catalog.__file__).parent
RAW: dict[str, Any] = {
    name: msgspec.json.decode((DATA / f"{name}.json").read_bytes()) for name in ("providers", "models", "prices", "tiers")
}
CATALOG: Catalog = decode(*((DATA / f"{name}.json").read_bytes() for name in ("providers", "models", "prices", "tiers")))
ALL = [row for rows in CATALOG.models.values() for row in rows.values()]

EXPECTED = {
    "anthropic",
    "openai",
    "mistral",
    "groq",
    "together",
    "fireworks",
    "deepseek",
    "xai",
    "openrouter",
    "perplexity",
    "cerebras",
    "nvidia",
    "huggingface",
    "moonshot",
    "zai",
    "dashscope",
    "sambanova",
    "hyperbolic",
    "novita",
    "deepinfra",
    "gemini",
    "vertex",
    "vertex-express",
    "cohere",
    "voyage",
    "jina",
    "bedrock",
    "bedrock-mantle",
    "azure",
    "azure-deployments",
    "azure-foundry",
    "azure-anthropic",
    "github",
    "cloudflare",
    "databricks",
    "snowflake",
    "baseten",
    "crusoe",
    "heroku",
    "ollama",
    "vllm",
    "lmstudio",
    "llamacpp",
    "sandbox",
    "custom",
}


def fields(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def test_the_providers_are_those_that_we_promise():
    assert set(CATALOG.providers) == EXPECTED
    assert len(RAW["providers"]) == len(EXPECTED)


@pytest.mark.parametrize("raw", RAW["providers"], ids=lambda raw: raw["name"])
def test_a_provider_row_is_complete(raw: dict[str, Any]):
    assert set(raw) <= fields(ProviderSpec) - {"families"}
    assert set(raw.get("default", {})) <= fields(Capabilities)
    spec = CATALOG.providers[raw["name"]]
    assert spec.title
    assert spec.docs
    assert {spec.dialect, *spec.also} <= set(DIALECTS)
    address = re.sub(r"\{(\w+)\}", lambda part: "x" if part[1] in spec.parts else part[0], spec.base_url)
    assert spec.local or re.fullmatch(r"https://[a-z0-9.-]+(/[a-z0-9./-]*[a-z0-9])?", address)
    # Rows without a variable of their own are named in the file: another row has it, or nobody should find them by accident.
    assert spec.local or spec.env or spec.parts or spec.retired or exchanges(spec.auth, None)
    assert set(spec.wires) <= set(spec.also)
    assert spec.dialect not in spec.also
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]+", name) for name in (*spec.env, *spec.base_url_env))
    assert not spec.base_url.endswith("/")


@pytest.mark.parametrize("raw", [raw for raw in RAW["providers"] if "quirks" in raw], ids=lambda raw: raw["name"])
def test_every_quirk_has_a_reason_and_every_reason_a_quirk(raw: dict[str, Any]):
    quirks = dict(raw["quirks"])
    reasons = quirks.pop("reasons")
    assert set(quirks) <= fields(Quirks)
    assert set(reasons) == set(quirks)
    assert all(len(reason) > 20 for reason in reasons.values())


def test_no_variable_belongs_to_two_providers():
    counted = Counter(name for spec in CATALOG.providers.values() for name in (*spec.env, *spec.base_url_env))
    assert [name for name, count in counted.items() if count > 1] == []


def test_rows_belong_to_providers_and_use_known_fields():
    assert set(RAW["models"]) <= EXPECTED
    assert set(RAW["prices"]["rows"]) <= EXPECTED
    for rows in RAW["models"].values():
        for row in rows:
            assert set(row["capabilities"]) <= fields(Capabilities)
            assert bool(row.get("id")) != bool(row.get("family"))


@pytest.mark.parametrize("provider", sorted(EXPECTED))
def test_no_two_rows_claim_a_name(provider: str):
    counted = Counter(name for row in CATALOG.models[provider].values() for name in (row.id, *row.match))
    assert [name for name, count in counted.items() if count > 1] == []


def test_every_price_is_whole_and_says_where_and_when():
    def check(price: Price, where: str) -> None:
        for name in fields(Price) - {"source", "date", "long", "from", "later", "tiers"}:
            value = getattr(price, name)
            assert value is None or (type(value) is int and value >= 0), (where, name)
        assert price.input is not None or price.output is not None, where
        assert (price.over is None) == (price.long is None), where
        for inner in (price.long, price.later):
            if inner is not None:
                check(inner, where)
        for tier in price.tiers.values():
            assert tier.source.startswith("https://"), where
            assert (tier.over is None) == (tier.long is None), where
        if price.later is not None:
            assert price.from_ < price.later.from_, where

    def raw_numbers(price: dict[str, Any]) -> None:
        assert set(price) <= fields(Price)
        for value in price.values():
            assert isinstance(value, int | str | dict)

    for rows in RAW["prices"]["rows"].values():
        for row in rows:
            raw_numbers(row["price"])
    for row in ALL:
        if row.price is not None:
            check(row.price, row.id)
            assert row.price.source.startswith("https://"), row.id
            assert re.fullmatch(r"20\d\d-\d\d-\d\d", row.price.date), row.id


def test_rows_kept_by_hand_have_prices_but_for_those_that_were_never_public():
    unpriced = {row.id for name in ("anthropic", "openai") for row in CATALOG.models[name].values() if row.price is None}
    assert unpriced == {"claude-mythos-preview", "claude-mythos-5", "claude-mythos-5-1"}


def dollars(value: float) -> int:
    return round(value * 1_000_000_000)


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        (
            "anthropic",
            "claude-sonnet-4-5",
            {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75, "cache_write_1h": 6, "web_search": 10},
        ),
        (
            "anthropic",
            "claude-sonnet-4-5-20250929",
            {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75, "cache_write_1h": 6},
        ),
        ("anthropic", "claude-3-haiku-20240307", {"input": 0.25, "output": 1.25, "cache_read": 0.03, "cache_write": 0.3}),
        (
            "anthropic",
            "claude-3-5-haiku-20241022",
            {"input": 0.8, "output": 4, "cache_read": 0.08, "cache_write": 1, "cache_write_1h": 1.6},
        ),
        ("anthropic", "claude-haiku-4-5-20251001", {"input": 1, "output": 5, "cache_read": 0.1, "cache_write": 1.25, "cache_write_1h": 2}),
        (
            "anthropic",
            "claude-opus-4-1-20250805",
            {"input": 15, "output": 75, "cache_read": 1.5, "cache_write": 18.75, "cache_write_1h": 30},
        ),
        ("anthropic", "claude-opus-4-5", {"input": 5, "output": 25, "cache_read": 0.5, "cache_write": 6.25, "cache_write_1h": 10}),
        ("anthropic", "claude-fable-5-20260701", {"input": 10, "output": 50, "cache_read": 1}),
        ("anthropic", "claude-fable-5-1", {"input": 10, "output": 50, "cache_read": 0.25}),
        ("openai", "gpt-4o", {"input": 2.5, "output": 10, "cache_read": 1.25}),
        ("openai", "gpt-4o-2024-05-13", {"input": 5, "output": 15, "cache_read": None}),
        ("openai", "gpt-4o-mini-2024-07-18", {"input": 0.15, "output": 0.6, "cache_read": 0.075}),
        ("openai", "gpt-4.1", {"input": 2, "output": 8, "cache_read": 0.5}),
        ("openai", "o3", {"input": 2, "output": 8, "cache_read": 0.5}),
        ("openai", "gpt-5", {"input": 1.25, "output": 10, "cache_read": 0.125}),
        ("openai", "gpt-5-chat-latest", {"input": 1.25, "output": 10, "cache_read": 0.125}),
    ],
)
def test_known_prices(provider: str, model: str, expected: dict[str, float | None]):
    row = CATALOG.find_model(provider, model)
    assert row is not None
    assert row.price is not None
    assert {name: getattr(row.price, name) for name in expected} == {
        name: None if value is None else dollars(value) for name, value in expected.items()
    }


def test_long_context_steps():
    row = CATALOG.find_model("anthropic", "claude-sonnet-4-5")
    assert row is not None
    assert row.price is not None
    assert row.price.over == 200_000
    assert row.price.long is not None
    assert (row.price.long.input, row.price.long.output) == (dollars(6), dollars(22.5))


def one(provider: str, model: str) -> Capabilities:
    row: ModelSpec | None = CATALOG.find_model(provider, model)
    assert row is not None
    return row.capabilities


@pytest.mark.parametrize(
    ("model", "thinking", "structured", "sampling", "max_output"),
    [
        ("claude-3-haiku-20240307", "none", "none", True, 4096),
        ("claude-3-7-sonnet-latest", "budget", "none", True, 64_000),
        ("claude-sonnet-4-20250514", "budget", "none", True, 64_000),
        ("claude-opus-4-1-20250805", "budget", "native", True, 32_000),
        ("claude-sonnet-4-5-20250929", "budget", "native", True, 64_000),
        ("claude-opus-4-6", "adaptive", "native", True, 128_000),
        ("claude-opus-4-7", "adaptive", "native", False, 128_000),
        ("claude-sonnet-5-5-20260901", "adaptive", "native", False, 128_000),
    ],
)
def test_what_claude_models_can_do(model: str, thinking: str, structured: str, sampling: bool, max_output: int):
    found = one("anthropic", model)
    assert (found.thinking, found.structured, found.sampling, found.max_output) == (thinking, structured, sampling, max_output)


def test_claude_names_that_nobody_knows_yet_are_taken_as_new_and_other_names_as_old():
    assert CATALOG.find_model("anthropic", "claude-opus-9") is None
    assert CATALOG.capabilities("anthropic", "claude-opus-9").thinking == "adaptive"
    assert CATALOG.capabilities("anthropic", "some-proxy-model").thinking == "budget"


@pytest.mark.parametrize(
    ("model", "thinking", "sampling"),
    [
        ("gpt-4o-2024-11-20", "none", True),
        ("gpt-4.1-mini-2025-04-14", "none", True),
        ("o1-2024-12-17", "effort", False),
        ("o3-mini", "effort", False),
        ("gpt-5-2025-08-07", "effort", False),
        ("gpt-5-chat-latest", "none", True),
        ("gpt-5.1", "effort", True),
        ("gpt-5-pro", "effort", False),
        ("gpt-6-sol-2026-09-01", "effort", False),
    ],
)
def test_which_openai_models_reason(model: str, thinking: str, sampling: bool):
    found = one("openai", model)
    assert (found.thinking, found.sampling) == (thinking, sampling)


def test_the_catalogue_is_small_enough_to_be_read_at_start():
    assert sum(path.stat().st_size for path in DATA.glob("*.json")) < 400_000


@pytest.mark.parametrize(
    ("model", "together"), [("gpt-5.1", True), ("o3", True), ("gpt-5.4-mini-2026-03-17", False), ("gpt-5.5", False), ("gpt-5.6", False)]
)
def test_which_openai_models_take_tools_and_effort_together(model: str, together: bool):
    found = one("openai", model)
    assert found.tools_while_thinking is together
    assert together or "none" in (found.efforts or ())


def test_tiers_have_their_own_prices():
    price = price_of("anthropic", "claude-opus-4-6")
    assert {name: (tier.input, tier.web_search) for name, tier in price.tiers.items()} == {
        "batch": (dollars(2.5), dollars(10)),
        "us": (dollars(5.5), dollars(10)),
        "batch_us": (dollars(2.75), dollars(10)),
    }
    assert (price_of("openai", "gpt-5").tiers["priority"].input, price_of("openai", "gpt-5").tiers["flex"].output) == (
        dollars(2.5),
        dollars(5),
    )
    long = price_of("openai", "gpt-5.4").tiers["priority"].long
    assert long is not None
    assert long.input is None


def test_a_version_that_comes_later_is_known_today():
    price = price_of("gemini", "gemini-4-argon")
    assert price.later is not None
    assert price.later.from_ == "2026-12-01"
    assert price.later.source == price.source


def price_of(provider: str, model: str) -> Price:
    row = CATALOG.find_model(provider, model)
    assert row is not None
    assert row.price is not None
    return row.price
