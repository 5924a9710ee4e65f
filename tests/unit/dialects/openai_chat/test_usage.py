from typing import Any

import pytest

from tidegate.dialects.openai_chat.usage import decode_usage, encode_usage, usage_of
from tidegate.ir.usage import Usage


def test_openais_own_usage() -> None:
    usage = decode_usage(
        {
            "prompt_tokens": 1200,
            "completion_tokens": 80,
            "total_tokens": 1280,
            "prompt_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 100, "audio_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 64, "audio_tokens": 0, "accepted_prediction_tokens": 3},
        }
    )
    assert usage == Usage(
        input=76,
        cache_read=1024,
        cache_write=100,
        output=80,
        reasoning=64,
        audio_input=30,
        audio_output=0,
        extras={"completion_tokens_details": {"accepted_prediction_tokens": 3}},
    )
    assert usage.prompt == 1200


@pytest.mark.parametrize(
    ("more", "read"),
    [
        ({"prompt_cache_hit_tokens": 16}, 16),
        ({"cached_tokens": 5}, 5),
        ({"num_cached_tokens": 6}, 6),
        ({"cache_read_input_tokens": 7}, 7),
        ({"prompt_tokens_details": {"cached_tokens": 8}, "cached_tokens": 5}, 8),
        ({"prompt_tokens_details": None}, None),
        ({"prompt_tokens_details": {"cached_tokens": "many"}}, None),
    ],
)
def test_the_cache_under_every_name(more: dict[str, Any], read: int | None) -> None:
    usage = decode_usage({"prompt_tokens": 20, "completion_tokens": 1, **more})
    assert (usage.cache_read, usage.input, usage.prompt) == (read, 20 - (read or 0), 20)


@pytest.mark.parametrize(
    ("read", "write", "fresh", "kept", "prompt"),
    [(2161, 2161, 7, 0, 2168), (3000, 0, 2168, 0, 5168), (2000, 500, 168, 0, 2168)],
)
def test_cache_counts_beyond_the_prompt(read: int, write: int, fresh: int, kept: int, prompt: int) -> None:
    """The first is pydantic-ai-f09a477c51ff: the same tokens, read and written."""
    details: Any = {"cached_tokens": read, "cache_write_tokens": write}
    usage = decode_usage({"prompt_tokens": 2168, "completion_tokens": 1, "prompt_tokens_details": details})
    assert (usage.input, usage.cache_write, usage.prompt) == (fresh, kept, prompt)


def test_reasoning_beside_the_completion_is_output_too() -> None:
    details: Any = {"reasoning_tokens": 94}
    apart = decode_usage({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135, "completion_tokens_details": details})
    within = decode_usage({"prompt_tokens": 32, "completion_tokens": 103, "total_tokens": 135, "completion_tokens_details": details})
    assert (apart.output, within.output) == (103, 103)


@pytest.mark.parametrize(
    ("cost", "nano"),
    [
        (5.37e-06, 5370),
        (0.0000000005, 1),
        (0.0000000004, 0),
        (1, 10**9),
        ({"total_cost": 0.25}, 25 * 10**7),
        (-1, None),
        ("1", None),
        (1e300, None),
    ],
)
def test_cost_is_in_whole_nano_dollars(cost: Any, nano: int | None) -> None:
    assert decode_usage({"prompt_tokens": 1, "completion_tokens": 1, "cost": cost}).cost_nano == nano


@pytest.mark.parametrize(
    ("more", "searches"), [({"num_search_queries": 2}, 2), ({"server_tool_use_details": {"web_search_requests": 3}}, 3)]
)
def test_searches(more: dict[str, Any], searches: int) -> None:
    assert decode_usage({"prompt_tokens": 1, **more}).web_searches == searches


def test_where_usage_stands() -> None:
    usage: dict[str, Any] = {"prompt_tokens": 1}
    assert usage_of({"usage": usage}) is usage
    assert usage_of({"usage": None, "x_groq": {"usage": usage}}) is usage
    assert usage_of({"usage": "x", "x_groq": {"id": "y"}}) is None


def test_encoding_adds_the_parts_up() -> None:
    usage = Usage(input=10, cache_read=5, cache_write=3, output=7, reasoning=2, extras={"cost": 1})
    raw = encode_usage(usage, own=False)
    assert raw == {
        "prompt_tokens": 18,
        "completion_tokens": 7,
        "total_tokens": 25,
        "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    assert encode_usage(usage, own=True)["cost"] == 1
    assert decode_usage(raw) == Usage(input=10, cache_read=5, cache_write=3, output=7, reasoning=2)


def test_xai_tells_its_cost_in_ticks() -> None:
    raw: dict[str, Any] = {"prompt_tokens": 1, "completion_tokens": 1, "cost_in_usd_ticks": 37756005}
    assert decode_usage(raw).cost_nano == 3_775_601


def test_a_tier_with_a_price_of_its_own_is_told() -> None:
    raw: dict[str, Any] = {"prompt_tokens": 1, "completion_tokens": 1}
    assert [decode_usage(raw, tier).tier for tier in ("flex", "priority", "default", None, 7)] == ["flex", "priority", None, None, None]
