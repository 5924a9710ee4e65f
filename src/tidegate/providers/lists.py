"""Lists of models as providers give them: answers in, rows out. How a list looks is data
(`catalog/lists.json`), a shape for each API and not for each provider; nothing here sends anything.

What a list says is a stranger's word: sizes are bounded, types are checked, and what does not fit is as if it had not been said.
"""

import datetime
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import cast
from urllib.parse import quote, urlsplit

import msgspec

from tidegate.ir.json import Json, JsonObject
from tidegate.providers.spec import PER_MILLION, ListPrices, Price, ProviderSpec

MOST_MODELS = 5000
"""Of one provider. The longest lists known have some hundreds."""
SIZES = ("context", "max_output")
_LONGEST_NAME = 256
_LONGEST_TEXT = 200
_MOST_ALIASES = 20
_MOST_TOKENS = 1 << 40
_NANO = 1_000_000_000
_MOST_USD = 100_000
_OLD = "LEGACY"
"""Bedrock's word for a model that will end."""
_UNITS = {"token": 1_000_000, "million": 1}
_PER_THOUSAND = 1000

Path = str
"""Names with dots between them; of a list on the way it is the first."""
FactValue = bool | int | str | list[str]


class Only(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"is_": "is"}):
    """Models of which the value at the first path that is there is none of `is`, nor a list with one of them, are left out."""

    at: tuple[Path, ...]
    is_: tuple[bool | str, ...]


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a list says something of a capability: a number, true or false, or a list which has (`has`) a word or not; `gives` are the
    capability's values for yes and no (None = nothing is said), else it is yes or no itself. `keys`: the names of the objects that are
    there whose field of that name is true. The first fact that says something of a capability counts."""

    to: str
    at: tuple[Path, ...]
    has: str = ""
    gives: tuple[str | None, str | None] | None = None
    keys: str = ""


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a kind of list looks. `rows` are names of the field with the rows, none where the answer is the list itself; `id` those of a
    row's name, whose beginning `cut` is not part of it. `next` are the parameter that asks for the next page and the field which has its
    value; where `more` names a field, there is a next page only if it is true. Of names with none of the beginnings `match` (if there are
    some), or with one of `unlike`, there is no model. `of` is where a row says which model stands behind a name of the account's own."""

    path: str
    rows: tuple[str, ...]
    id: tuple[str, ...]
    cut: str = ""
    next: tuple[str, str] | None = None
    more: str = ""
    only: tuple[Only, ...] = ()
    match: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    of: tuple[Path, ...] = ()
    aliases: tuple[Path, ...] = ()
    deprecated: tuple[Path, ...] = ()
    facts: tuple[Fact, ...] = ()


class Listed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a provider's list says of one model. `facts` are fields of `Capabilities`; `of` is the provider's name of the model where
    `id` is one that the account gave it."""

    id: str
    of: str = ""
    aliases: tuple[str, ...] = ()
    facts: dict[str, FactValue] = {}
    deprecated: str = ""
    price: Price | None = None

    @property
    def tells_abilities(self) -> bool:
        """Whether the list says more than how long things may be."""
        return any(name not in SIZES for name in self.facts)


class ProviderList(msgspec.Struct, frozen=True, kw_only=True):
    """The list of one provider: `at` is when it was read (Unix time), `source` where."""

    at: float
    source: str
    rows: tuple[Listed, ...]

    @property
    def date(self) -> str:
        """The day of UTC."""
        return datetime.datetime.fromtimestamp(self.at, datetime.UTC).date().isoformat()


Shapes = dict[str, Shape]
_SHAPES = msgspec.json.Decoder(Shapes)
_DEFAULTS = {"openai_chat": "openai", "openai_responses": "openai", "anthropic": "anthropic", "gemini": "gemini"}


def decode_shapes(data: bytes) -> Shapes:
    """Raises `msgspec.MsgspecError` where the file is not of its shape."""
    return _SHAPES.decode(data)


def shapes_of(spec: ProviderSpec, shapes: Mapping[str, Shape]) -> tuple[Shape, ...]:
    """How a provider's lists look; nothing where it has none that is known."""
    names = (_DEFAULTS.get(spec.dialect, ""),) if spec.list is None else (spec.list.shape, *spec.list.also)
    return tuple(shapes[name] for name in names if name in shapes)


def url_of(spec: ProviderSpec, shape: Shape, base_url: str, parts: Mapping[str, str], cursor: str = "") -> str:
    """Where a page of the list is."""
    if spec.list is not None and spec.list.at and base_url == _filled(spec.base_url, parts):
        base_url = _filled(spec.list.at, parts)
    if spec.list is not None and spec.list.origin:
        address = urlsplit(base_url)
        base_url = f"{address.scheme}://{address.netloc}"
    path = _filled(shape.path, parts)
    if cursor and shape.next is not None:
        path += f"{'&' if '?' in path else '?'}{shape.next[0]}={quote(cursor, safe='')}"
    return base_url + path


def source_of(spec: ProviderSpec, shapes: Mapping[str, Shape], base_url: str, parts: Mapping[str, str]) -> str:
    """Where a provider's list is, the first where it has several; empty where it has none."""
    return next((url_of(spec, shape, base_url, parts) for shape in shapes_of(spec, shapes)), "")


def _filled(text: str, parts: Mapping[str, str]) -> str:
    for name, value in parts.items():
        text = text.replace(f"{{{name}}}", quote(value, safe=""))
    return text


def read_page(spec: ProviderSpec, shape: Shape, answer: Json) -> tuple[list[Listed], str]:
    """The models of one page, and the cursor of the next one, empty where there is none. Raises `ValueError` for what is no list."""
    whole = cast("JsonObject", answer) if type(answer) is dict else {}
    rows: Json = answer if not shape.rows or type(answer) is list else next((whole[name] for name in shape.rows if name in whole), None)
    if type(rows) is not list:
        raise ValueError("the answer is no list of models")
    found = (_listed(spec, shape, row) for row in rows[:MOST_MODELS] if type(row) is dict)
    cursor = whole.get(shape.next[1]) if shape.next is not None and (not shape.more or whole.get(shape.more) is True) else None
    return [row for row in found if row is not None], cursor if type(cursor) is str else ""


def _listed(spec: ProviderSpec, shape: Shape, row: JsonObject) -> Listed | None:
    name = next((row[field] for field in shape.id if type(row.get(field)) is str), None)
    if type(name) is not str or not _is_name(name := name.removeprefix(shape.cut)):
        return None
    if (shape.match and not name.startswith(shape.match)) or name.startswith(shape.unlike):
        return None
    for rule in shape.only:
        value = _first(row, rule.at)
        if value is not None and not any(word in rule.is_ for word in (value if type(value) is list else [value])):
            return None
    aliases = _first(row, shape.aliases)
    others = [word for word in aliases[:_MOST_ALIASES] if type(word) is str and _is_name(word)] if type(aliases) is list else []
    of = _first(row, shape.of)
    return Listed(
        id=name,
        of=of if type(of) is str and of != name and _is_name(of) else "",
        aliases=tuple(dict.fromkeys(word for word in others if word != name)),
        facts=_facts(shape, row),
        deprecated=_deprecated(_first(row, shape.deprecated)),
        price=_price(spec, row),
    )


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable() and not text.endswith("/*") and " " not in text


def _at(row: Json, path: Path) -> Json:
    for name in path.split("."):
        inner = next(iter(row), None) if type(row) is list else row
        if type(inner) is not dict:
            return None
        row = inner.get(name)
    return row


def _first(row: JsonObject, paths: Iterable[Path]) -> Json:
    return next((value for path in paths if (value := _at(row, path)) is not None), None)


def _facts(shape: Shape, row: JsonObject) -> dict[str, FactValue]:
    said: dict[str, FactValue] = {}
    for fact in shape.facts:
        if fact.to not in said:
            value = _said(fact, _first(row, fact.at))
            if value is not None:
                said[fact.to] = value
    return said


def _said(fact: Fact, value: Json) -> FactValue | None:
    if fact.keys:
        named = value.items() if type(value) is dict else ()
        return [name for name, inner in named if _at(inner, fact.keys) is True] or None
    if fact.has:
        value = fact.has in value if type(value) is list else None
    if type(value) is bool:
        return value if fact.gives is None else fact.gives[0 if value else 1]
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 < value < _MOST_TOKENS else None


def _deprecated(value: Json) -> str:
    if value is True or value == _OLD:
        return "deprecated by the provider"
    return f"retires {value[:10]}" if type(value) is str and value[:10].isprintable() and value[:4].isdigit() else ""


def _price(spec: ProviderSpec, row: JsonObject) -> Price | None:
    prices = spec.list.prices if spec.list is not None else None
    found = _at(row, prices.at) if prices is not None else None
    if prices is None or type(found) is not dict:
        return None
    price = _amounts(prices, found)
    if price is None or price.input is None or price.output is None:
        return None
    above = found.get(prices.above) if prices.above else None
    step = above[0] if type(above) is list and above else None
    over = step.get(prices.over) if type(step) is dict else None
    long = _amounts(prices, step) if type(step) is dict else None
    return msgspec.structs.replace(price, over=over, long=long) if type(over) is int and over > 0 and long is not None else price


def _amounts(prices: ListPrices, found: JsonObject) -> Price | None:
    """None where an amount is none: `-1` stands for prices that depend on what a router chooses."""
    amounts: dict[str, int] = {}
    for ours, theirs in prices.amounts.items():
        value = found.get(theirs)
        if value is None:
            continue
        try:
            dollars = Decimal(str(value)) * (_UNITS[prices.per] if ours in PER_MILLION else _PER_THOUSAND)
        except InvalidOperation:
            return None
        if not dollars.is_finite() or not 0 <= dollars <= _MOST_USD:
            return None
        amounts[ours] = int(dollars * _NANO)
    return msgspec.structs.replace(Price(), **amounts)
