import json
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.support.recordings import read_recordings

from tidegate.control.catalogue import read_catalogue
from tidegate.ir.json import Json
from tidegate.ir.target import Capabilities
from tidegate.providers.lists import Listed, ProviderList, decode_shapes, read_page, shapes_of, url_of
from tidegate.providers.merged import changed, with_list
from tidegate.providers.spec import ModelSpec, Price

CATALOG = read_catalogue()
SHAPES = decode_shapes((files("tidegate") / "catalog/lists.json").read_bytes())


def read(kind: str, answer: Json) -> dict[str, Listed]:
    spec = CATALOG.providers[kind]
    return {row.id: row for shape in shapes_of(spec, SHAPES)[:1] for row in read_page(spec, shape, answer)[0]}


def one(kind: str, row: Any) -> Listed | None:
    return next(iter(read(kind, {"models" if kind == "gemini" else "data": [row]}).values()), None)


def test_every_fact_is_a_field_of_capabilities_and_every_shape_is_used() -> None:
    fields = set(Capabilities.__struct_fields__)
    assert all(fact.to in fields for shape in SHAPES.values() for fact in shape.facts)
    shapes = [shape for spec in CATALOG.providers.values() for shape in shapes_of(spec, SHAPES)]
    assert all(shape in shapes for shape in SHAPES.values())
    named = [name for spec in CATALOG.providers.values() if spec.list is not None for name in (spec.list.shape, *spec.list.also)]
    assert all(not name or name in SHAPES for name in named)
    assert all(
        field in Price.__struct_fields__ for s in CATALOG.providers.values() if s.list and s.list.prices for field in s.list.prices.amounts
    )


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("anthropic", "https://api.anthropic.com/v1/models?limit=1000&after_id=a%2Fb"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000&pageToken=a%2Fb"),
        ("openai", "https://api.openai.com/v1/models"),
        ("azure-foundry", "https://{resource}.services.ai.azure.com/openai/deployments?api-version=2023-03-15-preview"),
        ("vertex", "https://{host}/v1beta1/publishers/google/models?pageSize=300&pageToken=a%2Fb"),
        ("cohere", "https://api.cohere.ai/v1/models?page_size=1000&page_token=a%2Fb"),
        ("cloudflare", "https://api.cloudflare.com/client/v4/accounts/a%2Fc/ai/models/search?per_page=1000"),
    ],
)
def test_where_a_page_is(kind: str, url: str) -> None:
    spec = CATALOG.providers[kind]
    shape = shapes_of(spec, SHAPES)[0]
    assert url_of(spec, shape, spec.base_url, {"account": "a/c"}, "a/b") == url


@pytest.mark.parametrize("kind", ["azure-anthropic", "sandbox", "perplexity"])
def test_providers_without_a_list_of_what_can_be_called(kind: str) -> None:
    assert shapes_of(CATALOG.providers[kind], SHAPES) == ()


def test_the_lists_of_clouds() -> None:
    cloud = CATALOG.providers["bedrock"]
    first, profiles, own = shapes_of(cloud, SHAPES)
    region = {"region": "eu-west-1"}
    assert (
        url_of(cloud, first, "https://bedrock-runtime.eu-west-1.amazonaws.com", region)
        == "https://bedrock.eu-west-1.amazonaws.com/foundation-models"
    )
    assert url_of(cloud, profiles, "http://127.0.0.1:1", region, "t") == "http://127.0.0.1:1/inference-profiles?maxResults=1000&nextToken=t"
    summary: dict[str, Json] = {
        "modelId": "a.b-v1:0",
        "inputModalities": ["TEXT", "IMAGE"],
        "outputModalities": ["TEXT"],
        "inferenceTypesSupported": ["ON_DEMAND", "PROVISIONED"],
        "modelLifecycle": {"status": "LEGACY"},
    }
    others = [{**summary, "inferenceTypesSupported": ["INFERENCE_PROFILE"]}, {**summary, "outputModalities": ["IMAGE"]}]
    assert read("bedrock", {"modelSummaries": [summary, *others]}) == {
        "a.b-v1:0": Listed(id="a.b-v1:0", facts={"vision": True}, deprecated="deprecated by the provider")
    }
    behind: Json = [
        {"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/a.b-v1:0"},
        {"modelArn": "arn:aws:bedrock:us-west-2::foundation-model/a.b-v1:0"},
    ]
    profile: Json = {"inferenceProfileId": "us.a.b-v1:0", "inferenceProfileArn": "arn:aws:x/y", "models": behind, "status": "ACTIVE"}
    found, after = read_page(cloud, profiles, {"inferenceProfileSummaries": [profile], "nextToken": "t"})
    assert (found[0].id, cloud.bare(found[0].of), after) == ("us.a.b-v1:0", "a.b-v1:0", "t")
    assert read_page(cloud, own, {"inferenceProfileSummaries": [profile]})[0][0].id == "arn:aws:x/y"
    models: Json = [{"name": f"publishers/google/models/{name}"} for name in ("gemini-9", "gemini-embedding-1", "imagen-4")]
    assert list(read("vertex", {"publisherModels": models})) == ["gemini-9"]
    deployments: Json = [{"id": "mine", "model": "gpt-4o", "status": "succeeded"}, {"id": "new", "model": "gpt-4o", "status": "running"}]
    assert read("azure", {"data": deployments}) == {"mine": Listed(id="mine", of="gpt-4o")}


def test_facts() -> None:
    claude = one(
        "anthropic",
        {
            "id": "claude-x",
            "max_input_tokens": 1_000_000,
            "max_tokens": 128_000,
            "capabilities": {
                "effort": {"supported": True, "low": {"supported": True}, "max": {"supported": True}, "high": {"supported": False}},
                "image_input": {"supported": False},
                "structured_outputs": {"supported": True},
                "thinking": {"supported": True, "types": {"enabled": {"supported": False}, "adaptive": {"supported": True}}},
            },
        },
    )
    assert claude is not None
    assert claude.facts == {
        "context": 1_000_000,
        "max_output": 128_000,
        "vision": False,
        "structured": "native",
        "thinking": "adaptive",
        "efforts": ["low", "max"],
    }
    gemini = one("gemini", {"name": "models/g", "inputTokenLimit": 5, "thinking": False, "supportedGenerationMethods": ["generateContent"]})
    assert gemini is not None
    assert (gemini.id, gemini.facts, gemini.tells_abilities) == ("g", {"context": 5, "thinking": "none"}, True)
    assert one("gemini", {"name": "models/veo", "supportedGenerationMethods": ["predictLongRunning"]}) is None
    vllm = one("vllm", {"id": "m", "max_model_len": 32768.0})
    assert vllm is not None
    assert (vllm.facts, vllm.tells_abilities) == ({"context": 32768}, False)
    mistral = one("mistral", {"id": "m", "aliases": ["m", "m-latest", 5], "deprecation": "2026-12-01T00:00:00Z"})
    assert mistral is not None
    assert (mistral.aliases, mistral.deprecated) == (("m-latest",), "retires 2026-12-01")
    assert one("groq", {"id": "old", "active": False}) is None


def test_prices_are_exact_and_only_where_the_row_says_how_they_are_written() -> None:
    pricing: dict[str, Json] = {
        "prompt": "0.000003",
        "completion": "0.000015",
        "input_cache_read": "0.0000003",
        "web_search": "0.01",
        "overrides": [{"min_prompt_tokens": 200000, "prompt": "0.000006", "completion": "0.0000225"}],
    }
    row = one("openrouter", {"id": "a/b", "pricing": pricing})
    assert row is not None
    long = Price(input=6_000_000_000, output=22_500_000_000)
    assert row.price == Price(
        input=3_000_000_000, output=15_000_000_000, cache_read=300_000_000, web_search=10_000_000_000, over=200_000, long=long
    )
    for odd in (
        {"prompt": "-1", "completion": "-1"},
        {"prompt": "x", "completion": 1},
        {"prompt": "NaN", "completion": "1"},
        {"prompt": 1},
        5,
    ):
        found = one("openrouter", {"id": "a/b", "pricing": odd})
        assert found is not None
        assert found.price is None
    other = one("groq", {"id": "a/b", "pricing": pricing})
    assert other is not None
    assert other.price is None


@pytest.mark.parametrize("answer", [None, 5, "x", {}, {"data": None}, {"error": {"message": "no"}}, {"data": {"a": 1}}])
def test_what_is_no_list(answer: Any) -> None:
    with pytest.raises(ValueError, match="no list"):
        read("openai", answer)


def test_rows_that_are_none_are_left_out() -> None:
    rows: list[Json] = [5, None, {}, {"id": ""}, {"id": 7}, {"id": "a\nb"}, {"id": "a b"}, {"id": "x/*"}, {"id": "x" * 300}, {"id": "good"}]
    assert list(read("openai", {"data": rows})) == ["good"]
    assert list(read("together", rows)) == ["good"]


def test_the_catalogue_counts_before_the_list() -> None:
    spec = CATALOG.providers["openai"]
    seen = ProviderList(at=0, source="there", rows=())
    listed = Listed(id="m", facts={"context": 7, "vision": False}, deprecated="retires soon", price=Price(input=1, output=1))
    row = ModelSpec(
        id="m", provider="openai", capabilities=Capabilities(max_output=5), price=Price(input=9), source="here", date="2026-01-01"
    )
    both = with_list(spec, "m", row, listed, seen, row.capabilities)
    assert (both.capabilities.context, both.capabilities.vision, both.price, both.deprecated) == (7, True, Price(input=9), "retires soon")
    assert (both.source, both.date) == ("here", "2026-01-01")
    alone = with_list(spec, "m", None, listed, seen, Capabilities(max_output=5))
    assert (alone.capabilities.context, alone.capabilities.vision, alone.capabilities.max_output) == (7, False, 5)
    assert alone.price == Price(input=1, output=1, source="there", date="1970-01-01")
    assert (alone.source, alone.date) == ("there", "1970-01-01")


def test_what_is_of_the_wrong_kind_changes_nothing() -> None:
    known = Capabilities(context=5)
    assert changed(known, {"thinking": "telepathy"}) == known
    assert changed(known, {"nothing": 1}) == known


def test_recorded_lists(recordings_dir: Path) -> None:
    found: Counter[str] = Counter()
    for exchange in read_recordings(recordings_dir, frozenset({"models"})):
        spec = CATALOG.providers.get(exchange.provider)
        if exchange.status == 200 and spec is not None:
            (shape,) = shapes_of(spec, SHAPES)
            rows, _ = read_page(spec, shape, json.loads(exchange.answer))
            assert rows or exchange.provider == "gemini", exchange.id
            found[exchange.provider] += len(rows)
    assert found.keys() >= {"anthropic", "openai", "gemini", "mistral", "openrouter", "deepseek", "huggingface", "cerebras"}
