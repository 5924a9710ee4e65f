"""What an attempt cost: usage times a row of prices, in integer nano-dollars. No float ever touches money.

Each kind of usage is multiplied, divided and rounded up once, and is one line of the cost. What the provider itself reports wins. Where
a kind was used whose price is not known, the cost is not known (None), which is never the same as free. Called when an attempt settles.
"""

import datetime

import msgspec

from tidegate.ir.usage import Usage
from tidegate.providers.spec import Price

MOST_NANO = 10**15
"""A million dollars: no attempt costs more, whatever a provider says."""
PROVIDER = "provider"
_MILLION = 1_000_000
_THOUSAND = 1_000
_DAY = 86_400
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_CACHED = frozenset(("cache_read", "cache_write", "cache_write_1h"))


class Line(msgspec.Struct, frozen=True, gc=False):
    """One kind of usage: how many, the price (nano-dollars per million tokens or per thousand uses), and the cost in nano-dollars."""

    kind: str
    count: int
    price: int
    nano: int


class Cost(msgspec.Struct, frozen=True):
    """`nano` is the sum in nano-dollars. `source` and `date` are those of the price row; the source of a cost that the provider reported
    is `provider`. `over` is set where the long-context step of that many prompt tokens held, `tier` where the price of a service tier did,
    `version` is the day from which the version held. `saved` is what the prompt cache saved: what cached tokens would have cost as plain
    input, less what they did cost."""

    nano: int
    source: str
    date: str = ""
    over: int | None = None
    lines: tuple[Line, ...] = ()
    tier: str = ""
    version: str = ""
    saved: int = 0

    @property
    def label(self) -> str:
        """Source, date, tier, version and step in one text, for the ledger."""
        told = [self.tier] if self.tier else []
        told += [f"from {self.version}"] if self.version else []
        told += [f"above {self.over} prompt tokens"] if self.over is not None else []
        step = f" ({', '.join(told)})" if told else ""
        return f"{self.source} {self.date}".rstrip() + step


def cost(usage: Usage | None, price: Price | None) -> Cost | None:
    """The cost of an attempt, or None where it cannot be known: no usage, no price row, no price for its service tier, or a kind without
    a price. `price` is the version that held when the call began (`version_at`)."""
    if usage is None:
        return None
    if usage.cost_nano is not None:
        return Cost(min(usage.cost_nano, MOST_NANO), PROVIDER, saved=_saved_at_all(usage, price))
    if price is None or (usage.input is None and usage.output is None):
        return None
    tier = usage.tier or ""
    row = price.tiers.get(tier) if tier else price
    if row is None:
        return None
    step, over = in_force(row, usage.prompt)
    lines: list[Line] = []
    nano = 0
    is_special = _is_special(usage, step)
    for kind, count, unit_price, unit in _counted(usage, step) if is_special else _plain(usage, step):
        if count <= 0:
            continue
        if unit_price is None:
            return None
        lines.append(Line(kind, count, unit_price, -(-count * unit_price // unit)))
        nano += lines[-1].nano
    source, date = row.source or price.source, row.date or price.date
    return Cost(min(nano, MOST_NANO), source, date, over, tuple(lines), tier, price.from_, _saved(lines, step) if is_special else 0)


def _is_special(usage: Usage, price: Price) -> bool:
    """Whether more was used than input and output."""
    others = usage.cache_read or usage.cache_write or usage.audio_input or usage.audio_output or usage.web_searches
    return bool(others or usage.image_input or usage.image_output or usage.images or price.request or price.reasoning is not None)


def _plain(usage: Usage, price: Price) -> tuple[tuple[str, int, int | None, int], ...]:
    return (("input", usage.input or 0, price.input, _MILLION), ("output", usage.output or 0, price.output, _MILLION))


def version_at(price: Price | None, at: float) -> Price | None:
    """The version of a price that holds at `at`, Unix seconds."""
    while price is not None and price.later is not None and at >= begins(price.later):
        price = price.later
    return price


def followed(before: Price | None, own: Price) -> Price:
    """The versions of `before` until the first one of `own` begins, and those of `own` from then on. Where nothing held before, the price
    of that time is not known."""
    if not own.from_:
        return own
    if before is None or before.from_ >= own.from_:
        return Price(later=own)
    later = before.later
    return msgspec.structs.replace(before, later=own if later is None or later.from_ >= own.from_ else followed(later, own))


def begins(price: Price) -> int:
    """Unix seconds of the first moment of `price.from`, in UTC."""
    return (datetime.date.fromisoformat(price.from_).toordinal() - _EPOCH) * _DAY if price.from_ else 0


def day_of(at: int) -> str:
    """The day of UTC that begins at `at`, Unix seconds, as `Price.from` has it; empty for 0, which is always."""
    return datetime.date.fromordinal(at // _DAY + _EPOCH).isoformat() if at else ""


def in_force(price: Price, prompt: int) -> tuple[Price, int | None]:
    """The step of `price` that holds for a prompt of so many tokens, and the threshold that was passed. Steps are taken for the whole
    request, as providers do, not for the tokens above the threshold."""
    passed: int | None = None
    while price.over is not None and price.long is not None and prompt > price.over:
        passed, price = price.over, price.long
    return price, passed


def _counted(usage: Usage, price: Price) -> tuple[tuple[str, int, int | None, int], ...]:
    """(kind, count, price, unit) of every kind. Kinds are disjoint here: audio and images are taken out of input and output, reasoning out
    of output where it has a price of its own, and one-hour cache writes out of all cache writes. A kind of token without a price of its own
    costs what plain tokens of its direction cost."""
    plain_in, plain_out = usage.input or 0, usage.output or 0
    audio_in = min(usage.audio_input or 0, plain_in)
    image_in = min(usage.image_input or 0, plain_in - audio_in)
    audio_out = min(usage.audio_output or 0, plain_out)
    image_out = min(usage.image_output or 0, plain_out - audio_out)
    thought = 0 if price.reasoning is None else min(usage.reasoning or 0, plain_out - audio_out - image_out)
    written = usage.cache_write or 0
    hour = min(usage.cache_write_1h or 0, written)
    write_price = _first(price.cache_write, price.input)
    return (
        ("input", plain_in - audio_in - image_in, price.input, _MILLION),
        ("audio_input", audio_in, _first(price.audio_input, price.input), _MILLION),
        ("image_input", image_in, _first(price.image_input, price.input), _MILLION),
        ("cache_read", usage.cache_read or 0, _first(price.cache_read, price.input), _MILLION),
        ("cache_write", written - hour, write_price, _MILLION),
        ("cache_write_1h", hour, _first(price.cache_write_1h, write_price), _MILLION),
        ("output", plain_out - audio_out - image_out - thought, price.output, _MILLION),
        ("audio_output", audio_out, _first(price.audio_output, price.output), _MILLION),
        ("image_output", image_out, _first(price.image_output, price.output), _MILLION),
        ("reasoning", thought, price.reasoning, _MILLION),
        ("web_search", usage.web_searches or 0, price.web_search, _THOUSAND),
        # A picture that is counted in tokens too is not paid twice.
        ("image", 0 if image_out or price.image is None else usage.images or 0, price.image, _THOUSAND),
        ("request", 1 if price.request else 0, price.request, _THOUSAND),
    )


def _saved(lines: list[Line], price: Price) -> int:
    if price.input is None:
        return 0
    return sum(-(-line.count * price.input // _MILLION) - line.nano for line in lines if line.kind in _CACHED)


def _saved_at_all(usage: Usage, price: Price | None) -> int:
    """By the price row, where the provider reported the cost and not what the cache saved."""
    if price is None or not (usage.cache_read or usage.cache_write):
        return 0
    found = cost(msgspec.structs.replace(usage, cost_nano=None), price)
    return 0 if found is None else found.saved


def _first(own: int | None, otherwise: int | None) -> int | None:
    return own if own is not None else otherwise
