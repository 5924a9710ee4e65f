"""What a customer owes for a period: fees, usage, what is included and corrections, as lines whose amounts are integers of nano-dollars.

A line is its quantity times its unit divided by `per`, rounded up once, so that every amount on an invoice can be worked out again from
what stands beside it. Pure: `control.billing` brings the plans and what was used.
"""

from collections.abc import Iterable, Sequence

import msgspec

_WHOLE = 10_000
"""Basis points in one."""
OF_THE_MONTH = frozenset(("fee", "usage", "included"))
"""Kinds of lines that the month itself makes; others are what was put onto the invoice."""
_MILLION = 1_000_000
_THOUSAND = 1_000
_TOKENS = ("input", "cache_read", "cache_write", "cache_write_1h", "output")
"""Kinds that are disjoint: an hour's cache writes are taken out of all of them."""
_WORDS = {
    "input": "input tokens",
    "cache_read": "tokens read from the cache",
    "cache_write": "tokens written to the cache",
    "cache_write_1h": "tokens written to the cache for an hour",
    "output": "output tokens",
    "web_search": "web searches",
    "request": "requests",
}


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What usage of a model costs the customer, in nano-dollars per million tokens of a kind, per thousand requests and web searches.
    `model` is a name or a beginning with `*`. Cached tokens without a price of their own cost what plain input costs."""

    model: str = "*"
    input: int = 0
    output: int = 0
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    web_search: int = 0
    request: int = 0


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Of a plan. `price_nano` is the fee of a whole month and `included_nano` the worth of usage in it; both are shared out by days. Usage
    costs its cost with `markup_bp` basis points on it, or where there are `rates` what they say, the first that fits."""

    price_nano: int = 0
    included_nano: int = 0
    markup_bp: int = 0
    rates: tuple[Rate, ...] = ()


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What one model was used for. `tokens` by kind, as the ledger's reports have them; `unpriced` attempts have no known cost."""

    model: str
    requests: int
    cost_nano: int
    unpriced: int = 0
    tokens: dict[str, int] = {}
    web_searches: int = 0


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is `fee`, `usage`, `included`, `credit`, `charge` or `carried`."""

    kind: str
    text: str
    quantity: int
    unit_nano: int
    per: int = 1
    nano: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that held on some days of the period, and what was used on them."""

    plan: str
    terms: Terms
    days: int
    of_days: int
    used: tuple[Used, ...] = ()


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """`carried_nano` is what credits exceed the rest by: it is left for the next invoice, and `total_nano` is never below 0. `unpriced` are
    attempts without a known cost, and of a plan with rates those at models that no rate fits."""

    lines: tuple[Line, ...]
    total_nano: int
    carried_nano: int = 0
    unpriced: int = 0


def bill(parts: Iterable[Part], corrections: Sequence[tuple[str, int]]) -> Bill:
    """`corrections` are (reason, nano-dollars), below 0 for credits."""
    lines: list[Line] = []
    unpriced = 0
    for part in parts:
        lines += _of_part(part)
        unpriced += sum(_unpriced(part.terms, used) for used in part.used)
    for reason, nano in corrections:
        lines.append(_line("credit" if nano < 0 else "charge", reason, 1, nano))
    total = sum(line.nano for line in lines)
    if total < 0:
        lines.append(_line("carried", "carried over to the next invoice", 1, -total))
    return Bill(lines=tuple(lines), total_nano=max(0, total), carried_nano=max(0, -total), unpriced=unpriced)


def charged(terms: Terms, used: Iterable[Used]) -> list[Line]:
    """The lines of usage alone, before anything is included."""
    return [line for model in used for line in _usage(terms, model)]


def _of_part(part: Part) -> list[Line]:
    terms = part.terms
    lines: list[Line] = []
    days = "" if part.days == part.of_days else f", {part.days} of {part.of_days} days"
    if terms.price_nano:
        lines.append(_line("fee", f"{part.plan}{days}", part.days, terms.price_nano, part.of_days))
    usage = charged(terms, part.used)
    worth = -(-terms.included_nano * part.days // part.of_days)
    included = min(worth, sum(line.nano for line in usage))
    lines += usage
    if included > 0:
        lines.append(_line("included", f"included in {part.plan}{days}", 1, -included))
    return lines


def _usage(terms: Terms, used: Used) -> list[Line]:
    if not terms.rates:
        markup = "" if not terms.markup_bp else f" with {terms.markup_bp / 100:g} % on it"
        text = f"{used.model}: {used.requests:,} requests at cost{markup}"
        return [_line("usage", text, used.cost_nano, _WHOLE + terms.markup_bp, _WHOLE)] if used.cost_nano else []
    rate = _rate(terms, used.model)
    if rate is None:
        return []
    tokens = dict(used.tokens)
    tokens["cache_write"] = max(0, tokens.get("cache_write", 0) - tokens.get("cache_write_1h", 0))
    counts = [(kind, tokens.get(kind, 0), _MILLION) for kind in _TOKENS]
    counts += [("web_search", used.web_searches, _THOUSAND), ("request", used.requests, _THOUSAND)]
    return [
        _line("usage", f"{used.model}: {_WORDS[kind]}", count, unit, per)
        for kind, count, per in counts
        if count and (unit := _unit(rate, kind))
    ]


def _rate(terms: Terms, model: str) -> Rate | None:
    return next((rate for rate in terms.rates if _fits(rate.model, model)), None)


def _unpriced(terms: Terms, used: Used) -> int:
    """Of a plan with rates, what none of them fits; a call whose first attempt went to another model still is one."""
    if not terms.rates:
        return used.unpriced
    return 0 if _rate(terms, used.model) is not None else max(1, used.requests)


def _unit(rate: Rate, kind: str) -> int:
    own: int | None = getattr(rate, kind)
    if own is not None:
        return own
    return _unit(rate, "cache_write") if kind == "cache_write_1h" else rate.input


def _fits(pattern: str, model: str) -> bool:
    return model == pattern or (pattern.endswith("*") and model.startswith(pattern[:-1]))


def _line(kind: str, text: str, quantity: int, unit_nano: int, per: int = 1) -> Line:
    return Line(kind=kind, text=text, quantity=quantity, unit_nano=unit_nano, per=per, nano=-(-quantity * unit_nano // per))
