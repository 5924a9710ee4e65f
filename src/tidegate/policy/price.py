"""What an attempt cost: usage times a row of prices, in integer nano-dollars. No float ever touches money.

Each kind of usage is multiplied, divided and rounded up once, and is one line of the cost. What the provider itself reports wins. Where
a kind was used whose price is not known, the cost is not known (None), which is never the same as free. Called when an attempt settles.
"""

import msgspec

from tidegate.ir.usage import Usage
from tidegate.providers.spec import Price

_MILLION = 1_000_000
_THOUSAND = 1_000


class Line(msgspec.Struct, frozen=True, gc=False):
    """One kind of usage: how many, the price (nano-dollars per million tokens or per thousand uses), and the cost in nano-dollars."""

    kind: str
    count: int
    price: int
    nano: int


class Cost(msgspec.Struct, frozen=True):
    """`nano` is the sum in nano-dollars. `source` and `date` are those of the price row; the source of a cost that the provider reported
    is `provider`. `over` is set where the long-context step of that many prompt tokens held."""

    nano: int
    source: str
    date: str = ""
    over: int | None = None
    lines: tuple[Line, ...] = ()

    @property
    def label(self) -> str:
        """Source, date and step in one text, for the ledger."""
        step = f" (above {self.over} prompt tokens)" if self.over is not None else ""
        return f"{self.source} {self.date}".rstrip() + step


def cost(usage: Usage | None, price: Price | None) -> Cost | None:
    """The cost of an attempt, or None where it cannot be known: no usage, no price row, or a kind without a price."""
    if usage is None:
        return None
    if usage.cost_nano is not None:
        return Cost(usage.cost_nano, "provider")
    if price is None or (usage.input is None and usage.output is None):
        return None
    step, over = in_force(price, usage.prompt)
    lines: list[Line] = []
    nano = 0
    for kind, count, unit_price, unit in _counted(usage, step) if _is_special(usage, step) else _plain(usage, step):
        if count <= 0:
            continue
        if unit_price is None:
            return None
        lines.append(Line(kind, count, unit_price, -(-count * unit_price // unit)))
        nano += lines[-1].nano
    return Cost(nano, price.source, price.date, over, tuple(lines))


def _is_special(usage: Usage, price: Price) -> bool:
    """Whether more was used than input and output."""
    return bool(usage.cache_read or usage.cache_write or usage.audio_input or usage.audio_output or usage.web_searches or price.request)


def _plain(usage: Usage, price: Price) -> tuple[tuple[str, int, int | None, int], ...]:
    return (("input", usage.input or 0, price.input, _MILLION), ("output", usage.output or 0, price.output, _MILLION))


def in_force(price: Price, prompt: int) -> tuple[Price, int | None]:
    """The step of `price` that holds for a prompt of so many tokens, and the threshold that was passed. Steps are taken for the whole
    request, as providers do, not for the tokens above the threshold."""
    passed: int | None = None
    while price.over is not None and price.long is not None and prompt > price.over:
        passed, price = price.over, price.long
    return price, passed


def _counted(usage: Usage, price: Price) -> tuple[tuple[str, int, int | None, int], ...]:
    """(kind, count, price, unit) of every kind. Kinds are disjoint here: audio is taken out of input and output, and one-hour cache
    writes out of all cache writes. A kind of token without a price of its own costs what plain tokens of its direction cost."""
    audio_in = min(usage.audio_input or 0, usage.input or 0)
    audio_out = min(usage.audio_output or 0, usage.output or 0)
    written = usage.cache_write or 0
    hour = min(usage.cache_write_1h or 0, written)
    write_price = _first(price.cache_write, price.input)
    return (
        ("input", (usage.input or 0) - audio_in, price.input, _MILLION),
        ("audio_input", audio_in, _first(price.audio_input, price.input), _MILLION),
        ("cache_read", usage.cache_read or 0, _first(price.cache_read, price.input), _MILLION),
        ("cache_write", written - hour, write_price, _MILLION),
        ("cache_write_1h", hour, _first(price.cache_write_1h, write_price), _MILLION),
        ("output", (usage.output or 0) - audio_out, price.output, _MILLION),
        ("audio_output", audio_out, _first(price.audio_output, price.output), _MILLION),
        ("web_search", usage.web_searches or 0, price.web_search, _THOUSAND),
        ("request", 1 if price.request else 0, price.request, _THOUSAND),
    )


def _first(own: int | None, otherwise: int | None) -> int | None:
    return own if own is not None else otherwise
