"""The `prices` section: the operator's own prices, in dollars as people write them, become rows in nano-dollars. What is wrong is told."""

import datetime
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

import msgspec

from tidegate.control.config import AboveEntry, AmountsEntry, PriceEntry, TierEntry
from tidegate.control.problems import Path, Problems
from tidegate.policy.near import did_you_mean
from tidegate.providers.spec import PER_MILLION, PER_THOUSAND, Price

SOURCE = "tidegate.yaml"
_NANO = 1_000_000_000
_MOST_USD = 100_000
"""Per million tokens: a hundred times the dearest model."""


class Prices:
    """Builds the rows; `problems` learns what is wrong with them."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def all(self, entries: Mapping[str, Sequence[PriceEntry]], providers: Sequence[str]) -> dict[str, Price]:
        """By `provider/model`, or a beginning with `*`."""
        made: dict[str, Price] = {}
        for model, versions in entries.items():
            where: Path = ("prices", model)
            provider, slash, name = model.partition("/")
            if not slash or not name or "*" in model[:-1]:
                self._problems.error(where, "a price is for `provider/model`, or for all that begin so: `provider/begin*`")
            elif provider not in providers:
                self._problems.error(where, f"there is no provider `{provider}`.{did_you_mean(provider, providers)}")
            if not versions:
                self._problems.error(where, "there is no price here: write a list like `[{input: 3, output: 15}]`")
                continue
            made[model] = self._versions(versions, where)
        return made

    def _versions(self, versions: Sequence[PriceEntry], where: Path) -> Price:
        begins = [self._day(entry.from_, (*where, index, "from")) for index, entry in enumerate(versions)]
        for index in range(1, len(versions)):
            if begins[index] <= begins[index - 1]:
                self._problems.error(
                    (*where, index), "the versions of a price stand in the order of their days: `from` is missing or too early"
                )
        price: Price | None = None
        for index in reversed(range(len(versions))):
            made = self._version(versions[index], (*where, index))
            price = msgspec.structs.replace(made, from_=begins[index], later=price)
        return price if price is not None else Price()

    def _version(self, entry: PriceEntry, where: Path) -> Price:
        price = self._price(entry, where)
        if price.input is None and price.output is None:
            self._problems.error(where, "a price has `input` or `output` at least; `0` is free")
        tiers = {
            name: self._price(found, (*where, "tiers", name))
            for name, found in msgspec.structs.asdict(entry.tiers).items()
            if isinstance(found, TierEntry)
        }
        return msgspec.structs.replace(price, tiers=tiers)

    def _price(self, entry: PriceEntry | TierEntry, where: Path) -> Price:
        amounts = self._amounts(entry, where)
        above = entry.above
        if above is None:
            return amounts
        if above.tokens <= 0:
            self._problems.error((*where, "above", "tokens"), "it is a number of prompt tokens above 0, like `200000`")
        return msgspec.structs.replace(amounts, over=above.tokens, long=self._amounts(above, (*where, "above")))

    def _amounts(self, entry: AmountsEntry | AboveEntry, where: Path) -> Price:
        given = ((name, getattr(entry, name)) for name in (*PER_MILLION, *PER_THOUSAND))
        amounts = {name: self._nano(value, (*where, name)) for name, value in given if value is not None}
        return msgspec.structs.replace(Price(source=SOURCE), **amounts)

    def _nano(self, value: float | str, where: Path) -> int:
        """Nano-dollars; what YAML made a float is read as it was written."""
        try:
            nano = Decimal(str(value).strip().removeprefix("$")) * _NANO
        except InvalidOperation:
            nano = Decimal("NaN")
        if not nano.is_finite() or not 0 <= nano <= _MOST_USD * _NANO or nano != nano.to_integral_value():
            self._problems.error(where, f"a price is in dollars, from 0 to {_MOST_USD}, with at most nine decimals, like `3` or `0.30`")
            return 0
        return int(nano)

    def _day(self, text: str | None, where: Path) -> str:
        if text is None:
            return ""
        try:
            return datetime.date.fromisoformat(text).isoformat()
        except ValueError:
            self._problems.error(where, "a day is written like `2026-06-01`")
            return ""
