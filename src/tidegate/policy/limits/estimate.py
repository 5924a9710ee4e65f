"""What a call may cost at most, before it is sent; and what it used, after. No float ever touches money.

Strict budgets reserve what the call cannot exceed: the bound of its input at the dearest price that can apply, and an output that is capped
upstream. Others reserve what is likely. Called by the proxy's admission.
"""

from collections.abc import Callable, Sequence

import msgspec

from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.ir.usage import Usage
from tidegate.policy.limits.bounds import LONGEST_NUMBER, Unbounded, bound, number
from tidegate.policy.limits.budgets import Budgets
from tidegate.policy.limits.rules import Actual, Charge
from tidegate.policy.price import Cost, cost, in_force
from tidegate.providers.spec import Price
from tidegate.wire.splice import Fields, scan

_MILLION = 1_000_000
_LIKELY_OUTPUT = 1024
"""Tokens of an answer that the client did not limit, for limits that are not strict. What it writes beyond is a debt."""
_BYTES_PER_TOKEN = 4
_LINES = 13
"""Every kind of usage is a line of the cost that is rounded up by itself: at most one nano-dollar for each."""
_ABSURD = 100_000_000
"""Tokens that no answer has: a hundred times the largest context there is."""
_ABSURD_NANO = 10**14
"""A hundred thousand dollars: no answer costs so much."""


NESTED_CAPS = {"bedrock_converse": ("inferenceConfig", "maxTokens"), "gemini": ("generationConfig", "maxOutputTokens")}
"""Dialects that have the most output tokens in an object: its name, and that of the field in it."""


class Sizes(msgspec.Struct, frozen=True, gc=False):
    """What limits need to know of a call. `output` is what the client asked for at most, None where it said nothing; `most` what the model
    can write, None where that is not known; `body` the bytes that go to the provider. `counted` are the tokens of the input, where an
    operator wants them counted. `unbounded` says what of the answer nothing bounds."""

    body: bytes
    output: int | None
    most: int | None
    price: Price | None
    counted: int | None = None
    unbounded: str = ""


class Estimate(msgspec.Struct, frozen=True, gc=False):
    """`tokens` are likely ones, of which `input` are the prompt's; `nano` is what budgets reserve, in nano-dollars. `cap` is the most
    output tokens that the provider must be told to write, None where what it was told is enough."""

    tokens: int
    input: int
    nano: int = 0
    cap: int | None = None


_NESTED = dict(NESTED_CAPS.values())
_OUTPUT = frozenset(("max_completion_tokens", "max_tokens", "max_output_tokens", *_NESTED))


def asked_output(fields: Fields) -> int | None:
    """The most output tokens that a body asks for, in any dialect: of its names the largest. Raises `GatewayError` for a number that is
    longer than any that means tokens."""
    most: int | None = None
    for name in fields.raw.keys() & _OUTPUT:
        value = fields.get(name) or b""
        if name in _NESTED:
            inner = _NESTED[name]
            asked = _tokens(f"{name}.{inner}", scan(value).get(inner) or b"") if value.startswith(b"{") else None
        else:
            asked = _tokens(name, value)
        if asked is not None and (most is None or asked > most):
            most = asked
    return most


def _tokens(field: str, raw: bytes) -> int | None:
    if len(raw) > LONGEST_NUMBER and raw.isdigit():
        raise bad_request(f"{field}: must be a number of tokens, of {LONGEST_NUMBER} digits at most", field, "invalid_value")
    return number(raw)


def estimate(budgets: Budgets | None, sizes: Sizes, scanned: Callable[[], Fields], dialect: str) -> Estimate:
    """`scanned` gives the body's fields where they are needed, in the provider's dialect. Raises
    `GatewayError` where a hard budget cannot be kept: the price is not known, or nothing bounds the call."""
    prompt = len(sizes.body) * 11 // (10 * _BYTES_PER_TOKEN) + 1
    likely = _least(sizes.output, sizes.most) if sizes.output is not None else _least(_LIKELY_OUTPUT, sizes.most)
    nano, cap = 0, None
    if budgets is None:
        return Estimate(prompt + likely, prompt)
    price = sizes.price
    if budgets.hard and (price is None or price.input is None or (price.output is None and sizes.output != 0)):
        raise _unknown_price(budgets.hard)
    if price is not None:
        if budgets.strict:
            nano, cap = _at_most(budgets, sizes, price, scanned(), dialect)
        else:
            prompt = prompt if sizes.counted is None or not budgets.hard else -(-sizes.counted * 11 // 10)
            nano = _likely(price, prompt, likely)
    return Estimate(prompt + likely, prompt, nano, cap)


def _unknown_price(hard: Sequence[Charge]) -> GatewayError:
    return GatewayError(
        Error(
            kind=ErrorKind.UNSUPPORTED,
            message=f"The price of this model is not known, and {_whose(hard)} is hard: use a model with a known price, or let the "
            "operator set the budget to `mode: soft`.",
            code="budget_unknown_price",
            param="model",
        )
    )


def _whose(charges: Sequence[Charge]) -> str:
    first = charges[0]
    return f"the budget of the {first.limit.kind.replace('_', ' ')} `{first.whose}`"


def _at_most(budgets: Budgets, sizes: Sizes, price: Price, fields: Fields, dialect: str) -> tuple[int, int | None]:
    """(nano-dollars, cap to inject)."""
    asked = asked_output(fields)
    cap = _less(_less(asked, sizes.most), budgets.cap)
    inject = None if cap is None or cap == asked else cap
    try:
        if sizes.unbounded:
            raise Unbounded(sizes.unbounded)
        if cap is None:
            raise Unbounded("an answer whose length nothing limits")
        found = bound(fields, dialect)
    except Unbounded as reason:
        return _ceiling(budgets, str(reason)), inject
    dearest_in, dearest_out, request = _dearest(price)
    # A prompt of at most so many tokens can fall into any of the steps up to there.
    while price.over is not None and price.long is not None and found.input > price.over:
        price = price.long
        dearest_in, dearest_out, request = map(max, (dearest_in, dearest_out, request), _dearest(price))
    output = cap * found.choices + found.predicted
    return -(-(found.input * dearest_in + output * dearest_out) // _MILLION) + -(-request // 1000) + _LINES, inject


def _less(one: int | None, other: int | None) -> int | None:
    """The lesser of those that are known."""
    return one if other is None or (one is not None and one <= other) else other


def _dearest(price: Price) -> tuple[int, int, int]:
    """The highest price of input, of output and of a request."""
    kinds_in = (price.input, price.cache_read, price.cache_write, price.cache_write_1h, price.audio_input, price.image_input)
    kinds_out = (price.output, price.audio_output, price.image_output, price.reasoning)
    return max(filter(None, kinds_in), default=0), max(filter(None, kinds_out), default=0), price.request or 0


def _ceiling(budgets: Budgets, reason: str) -> int:
    """What the operators let such a call cost: the highest ceiling, if every strict budget has one."""
    if budgets.ceiling is None:
        missing = [charge for charge in budgets.strict if charge.limit.ceiling is None]
        raise GatewayError(
            Error(
                kind=ErrorKind.UNSUPPORTED,
                message=f"Nothing bounds what this call costs: it has {reason}, and {_whose(missing)} is hard. Send it without that (and "
                "with `max_tokens`), or let the operator set `ceiling_usd` on the budget, or `reserve: estimate`.",
                code="budget_unbounded_request",
            )
        )
    return budgets.ceiling


def _likely(price: Price, prompt: int, output: int) -> int:
    step, _ = in_force(price, prompt)
    return -(-(prompt * (step.input or 0) + output * (step.output or 0)) // _MILLION) + -(-(step.request or 0) // 1000)


def _least(value: int, most: int | None) -> int:
    return value if most is None or value < most else most


class Used(msgspec.Struct, frozen=True, gc=False):
    """What to settle. `estimated` says why it is not the provider's figure: `no_usage`, `absurd_usage` where what it told cannot be, or
    `no_price` where some of it has no price. `tokens` are then those of prompt and answer that it was settled for."""

    actual: Actual
    estimated: str | None = None
    tokens: tuple[int, int] | None = None


def used(
    usage: Usage | None,
    priced: Cost | None,
    price: Price | None,
    reserved: Estimate,
    *,
    answered: bool,
    delivered: int | None = None,
) -> Used:
    """What an attempt used, from the provider's own report, which costs `priced`; an explicit 0 is 0. Where there is
    none: nothing if it did not answer (`answered`), else what was likely, with `delivered` output tokens where they were counted. Where a
    figure is beyond all sense, or has no price, what was reserved stands. Nothing is ever negative."""
    output = reserved.tokens - reserved.input if delivered is None else delivered
    if usage is None or (usage.input is None and usage.output is None and usage.cost_nano is None):
        if not answered:
            return Used(Actual(0, 0))
        likely = 0 if price is None else _likely(price, reserved.input, output)
        return Used(Actual(reserved.input + output, likely), "no_usage", (reserved.input, output))
    partial = usage.output is None and usage.cost_nano is None and answered
    if partial:
        usage = msgspec.structs.replace(usage, output=output)
        priced = cost(usage, price)
    prompt = usage.prompt
    tokens = prompt + (usage.output or 0)
    if tokens > _ABSURD or (priced is not None and priced.nano > _ABSURD_NANO):
        return Used(Actual(reserved.tokens, reserved.nano), "absurd_usage", (reserved.input, reserved.tokens - reserved.input))
    if priced is None:
        return Used(Actual(max(0, tokens), reserved.nano), "no_price", (max(0, prompt), max(0, tokens - prompt)))
    actual = Actual(max(0, tokens), max(0, priced.nano))
    return Used(actual, "no_usage", (max(0, prompt), output)) if partial else Used(actual)
