"""Usage objects, both ways; odd numbers never crash."""

from typing import Any

import pytest

from tidegate.dialects.anthropic.usage import decode_usage, encode_delta_usage, encode_usage, service_tier
from tidegate.ir.json import Json
from tidegate.ir.usage import Usage

FULL: dict[str, Any] = {
    "input_tokens": 3,
    "cache_creation_input_tokens": 30,
    "cache_read_input_tokens": 400,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    "output_tokens": 5,
    "output_tokens_details": {"thinking_tokens": 2},
    "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 6},
    "inference_geo": "eu",
}


def test_every_kind_and_back() -> None:
    usage = decode_usage({**FULL, "service_tier": "standard"})
    assert usage == Usage(
        input=3,
        cache_read=400,
        cache_write=30,
        cache_write_1h=20,
        output=5,
        reasoning=2,
        web_searches=1,
        extras={"inference_geo": "eu", "server_tool_use": {"web_fetch_requests": 6}},
    )
    assert usage is not None
    assert usage.prompt == 433
    assert encode_usage(usage, own=True) == FULL
    assert service_tier({"service_tier": "batch"}) == "batch"


def test_the_parts_of_the_cache_stand_for_its_whole() -> None:
    usage = decode_usage({"cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}})
    assert usage is not None
    assert usage.cache_write == 30


@pytest.mark.parametrize("raw", [None, 5, [], "x"])
def test_no_usage(raw: Json) -> None:
    assert decode_usage(raw) is None
    assert service_tier(raw) is None


def test_odd_parts_are_ignored() -> None:
    assert decode_usage({"input_tokens": "3", "cache_creation": 5, "output_tokens_details": [], "server_tool_use": None}) == Usage(
        odd=("input_tokens",)
    )


@pytest.mark.parametrize(
    ("more", "tier"),
    [
        ({"service_tier": "standard"}, None),
        ({"service_tier": "batch"}, "batch"),
        ({"service_tier": "priority", "inference_geo": "global"}, "priority"),
        ({"inference_geo": "us"}, "us"),
        ({"service_tier": "batch", "inference_geo": "us"}, "batch_us"),
        ({"service_tier": "standard", "speed": "fast"}, "fast"),
    ],
)
def test_what_has_a_price_of_its_own(more: dict[str, Any], tier: str | None) -> None:
    usage = decode_usage({"input_tokens": 1, **more})
    assert usage is not None
    assert usage.tier == tier


def test_for_clients_of_another_dialects_answer() -> None:
    assert encode_usage(None, own=False) == {
        "input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
    }
    usage = Usage(input=3, cache_read=4, output=5, web_searches=1, extras={"secret": 1})
    assert encode_usage(usage, own=False) == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 4,
        "output_tokens": 5,
        "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
    }


def test_a_delta_says_only_what_is_known() -> None:
    assert encode_delta_usage(None, own=False) == {"output_tokens": 0}
    assert encode_delta_usage(Usage(input=0, output=2, reasoning=1), own=False) == {
        "input_tokens": 0,
        "output_tokens": 2,
        "output_tokens_details": {"thinking_tokens": 1},
    }
