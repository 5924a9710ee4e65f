"""T-LG-6: zero, missing and odd usage, through the readers of the dialects, to the cost. An explicit 0 is 0, what is absent is not known,
what is beyond all sense is clamped and named, and nothing is ever below zero."""

from typing import Any

import msgspec
import pytest

from tidegate.dialects.reading import MOST_TOKENS, count, is_odd
from tidegate.dialects.table import DIALECTS
from tidegate.ir.usage import Usage
from tidegate.policy.price import MOST_NANO, cost
from tidegate.providers.spec import Price

PRICE = Price(input=1_000_000, output=10_000_000, cache_read=100_000, web_search=5_000)
"""One nano-dollar for a token in, ten for one out, a tenth for a cached one, five for a search."""
HUGE = 10**18

CHAT: list[tuple[dict[str, Any], int | None, tuple[str, ...]]] = [
    ({"prompt_tokens": 0, "completion_tokens": 0}, 0, ()),
    ({"prompt_tokens": 10, "completion_tokens": 0}, 10, ()),
    ({"prompt_tokens": 0, "completion_tokens": 3}, 30, ()),
    ({"prompt_tokens": 10, "completion_tokens": 3}, 40, ()),
    ({}, None, ()),
    ({"prompt_tokens": None, "completion_tokens": None}, None, ()),
    ({"prompt_tokens": 10}, 10, ()),
    ({"completion_tokens": 3}, 30, ()),
    ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 10}}, 31, ()),
    ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 0}}, 40, ()),
    ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": None}, 40, ()),
    ({"prompt_tokens": 10, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 2}}, 40, ()),
    ({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 15, "completion_tokens_details": {"reasoning_tokens": 2}}, 60, ()),
    ({"prompt_tokens": -10, "completion_tokens": 3}, 30, ("prompt_tokens",)),
    ({"prompt_tokens": 10, "completion_tokens": -3}, 10, ("completion_tokens",)),
    ({"prompt_tokens": HUGE, "completion_tokens": 0}, MOST_TOKENS, ("prompt_tokens",)),
    ({"prompt_tokens": 0, "completion_tokens": HUGE}, 10 * MOST_TOKENS, ("completion_tokens",)),
    ({"prompt_tokens": 10.0, "completion_tokens": 3.0}, 40, ()),
    ({"prompt_tokens": 10.5, "completion_tokens": 3}, 30, ("prompt_tokens",)),
    ({"prompt_tokens": 1e300, "completion_tokens": 0}, MOST_TOKENS, ("prompt_tokens",)),
    ({"prompt_tokens": "10", "completion_tokens": 3}, 30, ("prompt_tokens",)),
    ({"prompt_tokens": True, "completion_tokens": 3}, 30, ("prompt_tokens",)),
    ({"prompt_tokens": [], "completion_tokens": {}}, None, ("prompt_tokens", "completion_tokens")),
    (
        {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": -5}},
        40,
        ("prompt_tokens_details.cached_tokens",),
    ),
    ({"prompt_tokens": 10, "completion_tokens": 3, "cost": 5e-9}, 5, ()),
    ({"prompt_tokens": 10, "completion_tokens": 3, "cost": 0}, 0, ()),
    ({"prompt_tokens": 10, "completion_tokens": 3, "cost": -1}, 40, ("cost",)),
    ({"prompt_tokens": 10, "completion_tokens": 3, "cost": HUGE}, 40, ("cost",)),
    ({"prompt_tokens": 10, "completion_tokens": 3, "cost": "free"}, 40, ("cost",)),
]
MESSAGES: list[tuple[dict[str, Any], int | None, tuple[str, ...]]] = [
    ({"input_tokens": 0, "output_tokens": 0}, 0, ()),
    ({"input_tokens": 10, "output_tokens": 3}, 40, ()),
    ({"input_tokens": 10, "output_tokens": 3, "cache_read_input_tokens": 20}, 42, ()),
    ({"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 0}, 2, ()),
    ({}, None, ()),
    ({"output_tokens": 3}, 30, ()),
    ({"input_tokens": -1, "output_tokens": 3}, 30, ("input_tokens",)),
    ({"input_tokens": HUGE, "output_tokens": 0}, MOST_TOKENS, ("input_tokens",)),
    ({"input_tokens": "10", "output_tokens": 3}, 30, ("input_tokens",)),
    ({"input_tokens": 0.5, "output_tokens": 3}, 30, ("input_tokens",)),
    ({"input_tokens": 10, "output_tokens": 3, "cache_read_input_tokens": -HUGE}, 40, ("cache_read_input_tokens",)),
    (
        {"input_tokens": 10, "output_tokens": 3, "cache_creation": {"ephemeral_1h_input_tokens": -7}},
        40,
        ("cache_creation.ephemeral_1h_input_tokens",),
    ),
    ({"input_tokens": 10, "output_tokens": 3, "server_tool_use": {"web_search_requests": HUGE}}, 5 * 10**9 + 40, ("web_search_requests",)),
    ({"input_tokens": 10, "output_tokens": 3, "output_tokens_details": {"thinking_tokens": "many"}}, 40, ("thinking_tokens",)),
]
SHELLS = {
    "openai_chat": lambda usage: {"model": "m", "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": usage},
    "anthropic": lambda usage: {
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": "end_turn",
        "usage": usage,
    },
}
CASES = [("openai_chat", *case) for case in CHAT] + [("anthropic", *case) for case in MESSAGES]


@pytest.mark.parametrize(("dialect", "raw", "nano", "odd"), CASES)
def test_whatever_a_provider_tells_has_a_sane_cost(dialect: str, raw: dict[str, Any], nano: int | None, odd: tuple[str, ...]) -> None:
    usage = DIALECTS[dialect].tap_whole(msgspec.json.encode(SHELLS[dialect](raw))).usage
    assert usage is not None
    assert usage.odd == odd
    counted = [
        value for name, value in msgspec.structs.asdict(usage).items() if name not in ("extras", "odd", "tier") and value is not None
    ]
    assert all(0 <= value <= MOST_NANO for value in counted)
    found = cost(usage, PRICE)
    assert (None if found is None else found.nano) == nano


def test_the_table_has_its_forty_cases() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize(
    ("value", "tokens", "odd"),
    [
        *[(7, 7, False), (0, 0, False), (7.0, 7, False), (None, None, False), (7.5, None, True), (-3, 0, True), (True, None, True)],
        *[("7", None, True), ([], None, True), (HUGE, MOST_TOKENS, True), (1e300, MOST_TOKENS, True), (-1e300, 0, True)],
    ],
)
def test_counts(value: object, tokens: int | None, odd: bool) -> None:
    assert (count(value), is_odd(value)) == (tokens, odd)


def test_no_usage_at_all_is_not_known() -> None:
    assert cost(None, PRICE) is None
    assert cost(Usage(), PRICE) is None
