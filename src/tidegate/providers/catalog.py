"""The catalogue as values: the bytes of the data files in, specs of providers and models out, and look-ups by name.

No file is read here: `app` reads `tidegate.catalog` and hands the bytes to `decode`. `control` puts `providers` and `models` into the
snapshot; `policy` asks `capabilities_for` about models that have no row.
"""

from collections.abc import Iterable, Mapping

import msgspec

from tidegate.ir.target import Capabilities
from tidegate.providers.lists import Shape, decode_shapes
from tidegate.providers.spec import PER_MILLION, Family, ModelSpec, Price, ProviderSpec


class _PriceRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    price: Price
    match: tuple[str, ...] = ()
    context: int | None = None
    deprecated: str | None = None


class _TierRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The price of a service tier for models by name or beginning: a percentage of the standard one, or a price of its own."""

    tier: str
    match: tuple[str, ...]
    percent: int | None = None
    price: Price | None = None
    source: str
    date: str


class _PriceFile(msgspec.Struct, frozen=True):
    source: str
    date: str
    rows: dict[str, list[_PriceRow]]


class _ModelRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model (`id`), or a family of models without rows of their own. `capabilities` change the provider's default, as they were on
    `date`."""

    capabilities: dict[str, object]
    date: str
    id: str = ""
    match: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    deprecated: str | None = None


class _ProviderRow(msgspec.Struct, frozen=True):
    """`capabilities` of a row as they stand in the file, to be changed field by field by the rows of models."""

    name: str
    default: dict[str, object] = {}


_PROVIDERS = msgspec.json.Decoder(list[ProviderSpec])
_DEFAULTS = msgspec.json.Decoder(list[_ProviderRow])
_MODELS = msgspec.json.Decoder(dict[str, list[_ModelRow]])
_PRICES = msgspec.json.Decoder(_PriceFile)
_TIERS = msgspec.json.Decoder(dict[str, list[_TierRow]])


class Names:
    """Model rows by name: by id or alias, else by the longest prefix (a `match` that ends in `*`)."""

    __slots__ = ("_exact", "_prefixes")

    def __init__(self, rows: Iterable[ModelSpec]) -> None:
        self._exact: dict[str, ModelSpec] = {}
        prefixes: list[tuple[str, ModelSpec]] = []
        for row in rows:
            self._exact[row.id] = row
            for name in row.match:
                if name.endswith("*"):
                    prefixes.append((name[:-1], row))
                else:
                    self._exact[name] = row
        self._prefixes = sorted(prefixes, key=lambda item: -len(item[0]))

    def find(self, name: str) -> ModelSpec | None:
        """The row that stands for `name`, or None."""
        row = self._exact.get(name)
        return row if row is not None else next((row for prefix, row in self._prefixes if name.startswith(prefix)), None)


class Catalog:
    """All providers and models. `models` is provider -> model id -> row, in the order of the files; `shapes` are those of the providers'
    lists of models."""

    def __init__(
        self, providers: dict[str, ProviderSpec], models: dict[str, dict[str, ModelSpec]], shapes: Mapping[str, Shape] | None = None
    ) -> None:
        self.providers = providers
        self.models = models
        self.shapes: Mapping[str, Shape] = shapes or {}
        self._names: dict[str, Names] = {}

    def find_model(self, provider: str, name: str) -> ModelSpec | None:
        """The row of a model by id, alias or prefix (which is how dated versions are found); None where the catalogue does not have it."""
        names = self._names.get(provider)
        if names is None:
            names = self._names[provider] = Names(self.models.get(provider, {}).values())
        spec = self.providers.get(provider)
        return names.find(name) or (names.find(spec.bare(name)) if spec is not None else None)

    def capabilities(self, provider: str, name: str) -> Capabilities:
        """What a model can do: its row's word, else its family's, else the provider's default. Raises KeyError for an unknown provider."""
        row = self.find_model(provider, name)
        return row.capabilities if row is not None else capabilities_for(self.providers[provider], name)


def decode(providers: bytes, models: bytes, prices: bytes, tiers: bytes = b"{}", lists: bytes = b"{}") -> Catalog:
    """The catalogue from its files. Raises `msgspec.MsgspecError` where one is not of its shape."""
    defaults = {row.name: row.default for row in _DEFAULTS.decode(providers)}
    rows = _MODELS.decode(models)
    priced = _PRICES.decode(prices).rows
    rules = _TIERS.decode(tiers)
    specs: dict[str, ProviderSpec] = {}
    table: dict[str, dict[str, ModelSpec]] = {}
    for spec in _PROVIDERS.decode(providers):
        name, own = spec.name, rows.get(spec.name, [])
        families = tuple(Family(match=row.family, capabilities=_changed(defaults[name], row.capabilities)) for row in own if row.family)
        specs[name] = msgspec.structs.replace(spec, families=families) if families else spec
        made = _models(specs[name], defaults[name], [row for row in own if row.id], priced.get(name, []))
        table[name] = {id: _with_tiers(row, rules.get(name, [])) for id, row in made.items()}
    return Catalog(specs, table, decode_shapes(lists))


def capabilities_for(spec: ProviderSpec, name: str) -> Capabilities:
    """The capabilities of a model that has no row: its family's, else the provider's default."""
    name = spec.bare(name)
    for family in spec.families:
        for pattern in family.match:
            if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])):
                return family.capabilities
    return spec.default


def _changed(default: Mapping[str, object], change: Mapping[str, object]) -> Capabilities:
    return msgspec.convert({**default, **change}, Capabilities)


def _models(spec: ProviderSpec, default: dict[str, object], rows: list[_ModelRow], priced: list[_PriceRow]) -> dict[str, ModelSpec]:
    """The rows of one provider: those kept by hand with the price found under their names, then those that only have a price.

    A price row whose id is a name of a row kept by hand lends it its other names; all names that a hand-kept row has are its own.
    """
    claimed = {name: row.id for row in rows for name in (row.id, *row.match)}
    lent: dict[str, list[_PriceRow]] = {}
    alone: list[_PriceRow] = []
    for row in priced:
        owner = claimed.get(row.id)
        if owner is None:
            alone.append(row)
        else:
            lent.setdefault(owner, []).append(row)
    by_name = {name: row.price for row in priced for name in (row.id, *row.match)}
    made: dict[str, ModelSpec] = {}
    for row in rows:
        own = lent.get(row.id, [])
        match = dict.fromkeys(row.match)
        match.update(dict.fromkeys(name for other in own for name in (other.id, *other.match) if claimed.get(name, row.id) == row.id))
        match.pop(row.id, None)
        made[row.id] = ModelSpec(
            id=row.id,
            provider=spec.name,
            capabilities=_changed(default, row.capabilities),
            price=own[0].price if own else by_name.get(row.id),
            match=tuple(match),
            deprecated=row.deprecated,
            source=spec.docs,
            date=row.date,
        )
    for row in alone:
        known = capabilities_for(spec, row.id)
        made[row.id] = ModelSpec(
            id=row.id,
            provider=spec.name,
            capabilities=known if row.context is None else msgspec.structs.replace(known, context=row.context),
            price=row.price,
            match=tuple(name for name in row.match if name not in claimed),
            deprecated=row.deprecated,
            source=row.price.source,
            date=row.price.date,
        )
    return made


def _with_tiers(row: ModelSpec, rules: list[_TierRow]) -> ModelSpec:
    """The first rule of each tier that knows the model, by its id or another name of it, gives the tier's price."""
    tiers: dict[str, _TierRow] = {}
    for rule in rules:
        if any(_matches(pattern, name) for pattern in rule.match for name in (row.id, *row.match)):
            tiers.setdefault(rule.tier, rule)
    if row.price is None or not tiers:
        return row
    return msgspec.structs.replace(row, price=_priced_by(row.price, tiers, whole=True))


def _matches(pattern: str, name: str) -> bool:
    return name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))


def _priced_by(price: Price, tiers: Mapping[str, _TierRow], *, whole: bool) -> Price:
    """`whole` = also those tiers that have a price of their own, which is of the version in force only."""
    made = {name: _part(price, rule) for name, rule in tiers.items() if rule.percent is not None}
    if whole:
        made |= {
            name: msgspec.structs.replace(rule.price, source=rule.source, date=rule.date)
            for name, rule in tiers.items()
            if rule.price is not None
        }
    later = None if price.later is None else _priced_by(price.later, tiers, whole=False)
    return msgspec.structs.replace(price, tiers={**made, **price.tiers}, later=later)


def _part(price: Price, rule: _TierRow) -> Price:
    """A percentage of what tokens cost, rounded up; what is paid by use stays."""
    amounts = {name: value for name in PER_MILLION if (value := getattr(price, name)) is not None}
    return msgspec.structs.replace(
        price,
        **{name: -(-value * (rule.percent or 0) // 100) for name, value in amounts.items()},
        long=None if price.long is None else _part(price.long, rule),
        tiers={},
        later=None,
        source=rule.source,
        date=rule.date,
    )
