import random
from typing import Any

import msgspec
import pytest
from tests.unit.policy.limits.values import charged

from tidegate.dialects.openai_chat.usage import decode_usage
from tidegate.ir.errors import GatewayError
from tidegate.ir.usage import Usage
from tidegate.policy.limits.budgets import budgets_of
from tidegate.policy.limits.estimate import Estimate, Sizes, asked_output, estimate, used
from tidegate.policy.limits.rules import Actual, Charge
from tidegate.policy.price import cost
from tidegate.providers.spec import Price
from tidegate.wire.splice import Fields, scan

MILLION = 1_000_000
PRICE = Price(input=3 * 10**9, output=15 * 10**9, cache_write=4 * 10**9)
STRICT = charged("spend", "month", 10**12)
SOFT = charged("spend", "month", 10**12, hard=False)
LIKELY = charged("spend", "month", 10**12, strict=False)


def fields(**parts: object) -> Fields:
    return scan(msgspec.json.encode({"messages": [{"role": "user", "content": "hello"}], **parts}))


def estimated(*charges: Charge, body: Fields, most: int | None = 1000, price: Price | None = PRICE, counted: int | None = None) -> Estimate:
    sizes = Sizes(body=body.body, output=asked_output(body), most=most, price=price, counted=counted)
    return estimate(budgets_of(charges), sizes, lambda: body, "openai_chat")


def test_tokens_are_guessed_from_bytes_and_what_was_asked_for() -> None:
    def never() -> Fields:
        raise AssertionError("nothing needs the body scanned")

    found = estimate(None, Sizes(body=b"x" * 400, output=None, most=None, price=None), never, "anthropic")
    assert found == Estimate(111 + 1024, 111)
    for output, most, expected in ((50, None, 50), (50, 20, 20), (None, 20, 20), (None, 5000, 1024)):
        assert estimate(None, Sizes(body=b"", output=output, most=most, price=None), never, "anthropic").tokens == expected + 1


@pytest.mark.parametrize(
    ("parts", "most", "output_cap", "cap", "told"),
    [
        ({"max_tokens": 10}, 1000, None, 10, None),
        ({}, 1000, None, 1000, 1000),
        ({"max_tokens": 5000}, 1000, None, 1000, 1000),
        ({"max_tokens": 500}, 1000, 100, 100, 100),
        ({"max_completion_tokens": 7}, None, None, 7, None),
        ({"max_completion_tokens": 7, "max_tokens": 9}, None, None, 9, None),
    ],
)
def test_strict_budgets_reserve_the_most_and_cap_it(
    parts: dict[str, object], most: int | None, output_cap: int | None, cap: int, told: int | None
) -> None:
    body = fields(**parts)
    found = estimated(charged("spend", "day", 10**12, output_cap=output_cap), body=body, most=most)
    assert found.nano == (len(body.body) + 16) * 4000 + cap * 15_000 + 13
    assert found.cap == told


@pytest.mark.parametrize("digits", [16, 4000])
@pytest.mark.parametrize("text", ['{"max_tokens":%s}', '{"generationConfig":{"maxOutputTokens":%s}}'])
def test_a_number_that_means_no_tokens_is_refused(digits: int, text: str) -> None:
    with pytest.raises(GatewayError, match="15 digits") as refused:
        asked_output(scan((text % ("9" * digits)).encode()))
    assert refused.value.error.http_status == 400
    assert asked_output(scan((text % ("9" * 15)).encode())) == 10**15 - 1


def test_choices_and_predictions_are_output_too() -> None:
    body = fields(max_tokens=10, n=3, prediction={"content": "x"})
    assert estimated(STRICT, body=body).nano == (len(body.body) + 16) * 4000 + (30 + len(b'{"content":"x"}')) * 15_000 + 13


def test_the_long_context_step_counts_where_the_prompt_could_reach_it() -> None:
    stepped = msgspec.structs.replace(PRICE, over=200, long=Price(input=6 * 10**9, output=20 * 10**9))
    small, large = fields(max_tokens=1), fields(max_tokens=1, metadata={"x": "y" * 200})
    assert estimated(STRICT, body=small, price=stepped).nano == (len(small.body) + 16) * 4000 + 15_013
    assert estimated(STRICT, body=large, price=stepped).nano == (len(large.body) + 16) * 6000 + 20_013


def any_price(chance: random.Random) -> Price:
    """Every kind of token may be the dearest, or have no price of its own."""
    kinds = ("cache_read", "cache_write", "cache_write_1h", "audio_input", "image_input", "audio_output", "image_output", "reasoning")
    own: dict[str, Any] = {kind: chance.choice((None, chance.randrange(10**11))) for kind in (*kinds, "request")}
    return Price(input=chance.randrange(10**10), output=chance.randrange(10**10), **own)


def test_nothing_costs_more_than_was_reserved() -> None:
    chance = random.Random(1)
    body = fields(max_tokens=100)
    most = len(body.body)
    for _ in range(400):
        price = any_price(chance)
        if chance.random() < 0.5:
            price = msgspec.structs.replace(price, over=chance.randrange(most), long=any_price(chance))
        plain = chance.randint(0, most)
        read = chance.randint(0, most - plain)
        written = most - plain - read
        usage = Usage(
            input=plain,
            cache_read=read,
            cache_write=written,
            cache_write_1h=chance.choice((0, written)),
            audio_input=chance.choice((0, plain)),
            image_input=chance.choice((0, plain)),
            output=100,
            reasoning=chance.choice((0, 100)),
            audio_output=chance.choice((0, 100)),
            image_output=chance.choice((0, 50)),
        )
        found = cost(usage, price)
        assert found is not None
        assert found.nano <= estimated(STRICT, body=body, price=price).nano, (usage, price)


@pytest.mark.parametrize(
    ("charge", "nano"),
    [(SOFT, (26 + 10 * 5) * 3000), (LIKELY, -(-30 * 11 // 10) * 3000 + 10 * 15_000)],
)
def test_other_budgets_reserve_what_is_likely(charge: Charge, nano: int) -> None:
    body = fields(max_tokens=10)
    prompt = len(body.body) * 11 // 40 + 1
    found = estimated(charge, body=body, counted=30)
    assert found.cap is None
    assert found.nano == (nano if charge is LIKELY else prompt * 3000 + 10 * 15_000)


@pytest.mark.parametrize("price", [None, Price(input=1), Price(output=1)])
def test_a_price_that_is_not_known_refuses_hard_budgets_only(price: Price | None) -> None:
    body = fields(max_tokens=10)
    for charge in (STRICT, LIKELY):
        with pytest.raises(GatewayError) as refused:
            estimated(charge, body=body, price=price)
        assert refused.value.error.code == "budget_unknown_price"
        assert "the budget of the key `s` is hard" in refused.value.error.message
    estimated(SOFT, body=body, price=price)
    estimated(charged("spend", "month", 1, mode="observe"), body=body, price=price)


@pytest.mark.parametrize(
    ("body", "most", "words"),
    [
        (fields(), None, "an answer whose length nothing limits"),
        (fields(max_tokens=1, web_search_options={}), 10, "the provider's web search"),
    ],
)
def test_what_has_no_bound_is_refused_with_the_fix_or_reserves_its_ceiling(body: Fields, most: int | None, words: str) -> None:
    with pytest.raises(GatewayError) as refused:
        estimated(STRICT, body=body, most=most)
    assert refused.value.error.code == "budget_unbounded_request"
    assert words in refused.value.error.message
    assert "`ceiling_usd`" in refused.value.error.message
    ceilings = [charged("spend", "month", 10**12, ceiling=value) for value in (5, 8)]
    assert estimated(*ceilings, body=body, most=most).nano == 8
    with pytest.raises(GatewayError):
        estimated(STRICT, *ceilings, body=body, most=most)


RESERVED = Estimate(tokens=120, input=20, nano=999)
FLAT = Price(input=MILLION, output=MILLION)
"""One nano-dollar for each token."""


@pytest.mark.parametrize(
    ("usage", "answered", "tokens", "nano", "why"),
    [
        (None, False, 0, 0, None),
        (None, True, 120, 120, "no_usage"),
        (Usage(), True, 120, 120, "no_usage"),
        (Usage(), False, 0, 0, None),
        (Usage(input=0, output=0), True, 0, 0, None),
        (Usage(input=5, output=0), True, 5, 5, None),
        (Usage(input=5), True, 105, 105, "no_usage"),
        (Usage(input=5), False, 5, 5, None),
        (Usage(output=7), True, 7, 7, None),
        (Usage(input=5, cache_read=3, cache_write=2, output=7), True, 17, 17, None),
        (Usage(input=5, output=7, reasoning=6), True, 12, 12, None),
        (Usage(cost_nano=77), True, 0, 77, None),
        (Usage(input=5, output=7, cost_nano=0), True, 12, 0, None),
        (Usage(input=-5, output=-7), True, 0, 0, None),
        (Usage(input=5, output=7, cost_nano=-3), True, 12, 0, None),
        (Usage(input=10**18, output=7), True, 120, 999, "absurd_usage"),
        (Usage(input=5, output=10**15), True, 120, 999, "absurd_usage"),
        (Usage(input=5, output=7, cost_nano=10**15), True, 120, 999, "absurd_usage"),
        (Usage(input=5, output=7, web_searches=2), True, 12, 999, "no_price"),
    ],
)
def test_what_was_used(usage: Usage | None, answered: bool, tokens: int, nano: int, why: str | None) -> None:
    found = used(usage, cost(usage, FLAT), FLAT, RESERVED, answered=answered)
    assert found.actual == Actual(tokens, nano)
    assert found.estimated == why


@pytest.mark.parametrize("value", [None, -1, 10**18, 1.5, "12", "x", True, [], {}, float("inf"), 10**400])
@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens", "total_tokens", "cost"])
def test_odd_numbers_of_providers_never_break_a_balance(name: str, value: object) -> None:
    """T-LG-6, through the decoder that reads them."""
    raw = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12, name: value}
    usage = decode_usage(raw)  # pyright: ignore[reportArgumentType]  values that JSON may hold and more
    found = used(usage, cost(usage, FLAT), FLAT, RESERVED, answered=True)
    assert 0 <= found.actual.tokens <= 120
    if name == "cost":
        assert found.actual.tokens == 12
        assert found.actual.nano == (1_500_000_000 if value == 1.5 else 12)
    else:
        assert 0 <= found.actual.nano <= 999


def test_delivered_tokens_stand_for_an_answer_that_did_not_tell() -> None:
    assert used(None, None, FLAT, RESERVED, answered=True, delivered=3).actual == Actual(23, 23)
    assert used(Usage(input=5), None, FLAT, RESERVED, answered=True, delivered=3).actual == Actual(8, 8)
    assert used(None, None, None, RESERVED, answered=True, delivered=3).actual == Actual(23, 0)
