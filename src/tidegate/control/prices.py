"""The operator's own prices, those of the section `prices` and those of the database, in dollars as people write them, become rows in
nano-dollars. What is wrong is told.

Of one name the file's stand in place of the database's, all versions of them; the longest name wins, wherever it stands.
"""

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

import msgspec

from tidegate.control.config import AboveEntry, AmountsEntry, PriceEntry, TierEntry
from tidegate.control.kept import PLACE, read_price
from tidegate.control.problems import Path, Problems
from tidegate.policy.near import did_you_mean
from tidegate.policy.price import day_of
from tidegate.providers.spec import PER_MILLION, PER_THOUSAND, Price
from tidegate.records import StoredPrice

SOURCE = "tidegate.yaml"
_NANO = 1_000_000_000
_MOST_USD = 100_000
"""Per million tokens: a hundred times the dearest model."""


class Prices:
    """Builds the rows; `problems` learns what is wrong with them."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def all(
        self, entries: Mapping[str, Sequence[PriceEntry]], providers: Sequence[str], stored: Sequence[StoredPrice] = ()
    ) -> dict[str, Price]:
        """By `provider/model`, or a beginning with `*`. What is stored for a provider that nobody knows any more counts for nothing."""
        made = self._stored([row for row in stored if row.name not in entries and row.provider in providers])
        for model, versions in entries.items():
            where: Path = ("prices", model)
            flaw = flaw_of_name(model, providers)
            if flaw is not None:
                self._problems.error(where, flaw)
            if not versions:
                self._problems.error(where, "there is no price here: write a list like `[{input: 3, output: 15}]`")
                continue
            made[model] = self._versions(versions, where)
        return made

    def _stored(self, rows: Sequence[StoredPrice]) -> dict[str, Price]:
        by_name: defaultdict[str, list[StoredPrice]] = defaultdict(list)
        for row in rows:
            by_name[row.name].append(row)
        made: dict[str, Price] = {}
        for name, versions in by_name.items():
            where: Path = ("prices", name)
            self._problems.elsewhere[where] = PLACE
            for row in sorted(versions, key=lambda row: -row.valid_from):
                price = self._row(row, where)
                made[name] = msgspec.structs.replace(price, later=made.get(name))
        return made

    def entry_of(self, row: StoredPrice, where: Path) -> PriceEntry | None:
        """What a row says; None, with errors among the problems, where it cannot be a price."""
        before = len(self._problems.errors)
        entry = read_price(row.price, where, self._problems)
        if entry is not None:
            self._version(entry, where)
        return entry if len(self._problems.errors) == before else None

    def _row(self, row: StoredPrice, where: Path) -> Price:
        """One version of the database, which says in the ledger which it is, and as of which of its edits."""
        entry = read_price(row.price, where, self._problems)
        price = Price() if entry is None else self._version(entry, where)
        tiers = {name: msgspec.structs.replace(tier, source="") for name, tier in price.tiers.items()}
        begins = day_of(row.valid_from // 1_000_000)
        return msgspec.structs.replace(price, source=f"{row.id}@{row.revision}", from_=begins, tiers=tiers)

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
            name: _with_uses(self._price(found, (*where, "tiers", name)), price)
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
        return msgspec.structs.replace(amounts, over=above.tokens, long=_with_uses(self._amounts(above, (*where, "above")), amounts))

    def _amounts(self, entry: AmountsEntry | AboveEntry, where: Path) -> Price:
        given = ((name, getattr(entry, name)) for name in (*PER_MILLION, *PER_THOUSAND))
        amounts = {name: self._nano(value, (*where, name)) for name, value in given if value is not None}
        return msgspec.structs.replace(Price(source=SOURCE), **amounts)

    def _nano(self, value: float | str, where: Path) -> int:
        """Nano-dollars; what YAML made a float is read as it was written."""
        try:
            usd = Decimal(str(value).strip().removeprefix("$"))
        except InvalidOperation:
            usd = Decimal("NaN")
        nano = int(usd * _NANO) if usd.is_finite() and 0 <= usd <= _MOST_USD else -1
        if nano < 0 or Decimal(nano).scaleb(-9) != usd:
            self._problems.error(where, f"a price is in dollars, from 0 to {_MOST_USD}, with at most nine decimals, like `3` or `0.30`")
            return 0
        return nano

    def _day(self, text: str | None, where: Path) -> str:
        if text is None:
            return ""
        try:
            return datetime.date.fromisoformat(text).isoformat()
        except ValueError:
            self._problems.error(where, "a day is written like `2026-06-01`")
            return ""


def _with_uses(price: Price, of: Price) -> Price:
    """What is paid by use stays what it is for long prompts and in other tiers, unless they say: a fee for each call is not lost there."""
    missing = {name: getattr(of, name) for name in PER_THOUSAND if getattr(price, name) is None}
    long = None if price.long is None else _with_uses(price.long, of)
    return msgspec.structs.replace(price, **missing, long=long)


def flaw_of_name(name: str, providers: Sequence[str]) -> str | None:
    """Why nothing can be priced by that name; None if something can."""
    provider, slash, model = name.partition("/")
    if not slash or not model or "*" in name[:-1]:
        return "a price is for `provider/model`, or for all that begin so: `provider/begin*`"
    return None if provider in providers else f"there is no provider `{provider}`.{did_you_mean(provider, providers)}"
