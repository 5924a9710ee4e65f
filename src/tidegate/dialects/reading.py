"""Typed reading of decoded JSON objects, for the decoders of every dialect. Each `take_` reader takes a field out of its object, so that
what is left at the end is what nobody models. All raise `bad_request` with the path of the field; an explicit null counts as absent."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Annotated, TypeAlias, TypeVar, cast

import msgspec

from tidegate.dialects.values import parse
from tidegate.ir.errors import GatewayError, bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.usage import PRICED_TIERS


def wrong(path: str, expected: str) -> GatewayError:
    return bad_request(f"{path}: must be {expected}", path, "invalid_type")


def missing(path: str) -> GatewayError:
    return bad_request(f"{path}: field required", path, "missing_required_parameter")


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def as_body(body: bytes) -> JsonObject:
    """The JSON object that a request is."""
    try:
        value = parse(body)
    except ValueError as error:
        raise bad_request(f"The body cannot be read: invalid JSON: {error}", code="invalid_json") from None
    return as_object(value, "body")


def as_object(value: Json, path: str) -> JsonObject:
    if type(value) is not dict:
        raise wrong(path, "an object")
    return cast("JsonObject", value)


def as_list(value: Json, path: str) -> list[Json]:
    if type(value) is not list:
        raise wrong(path, "an array")
    return cast("list[Json]", value)


def take_str(raw: JsonObject, name: str, path: str) -> str:
    value = raw.pop(name, None)
    if type(value) is str:
        return value
    where = join(path, name)
    raise missing(where) if value is None else wrong(where, "a string")


def take_opt_str(raw: JsonObject, name: str, path: str) -> str | None:
    value = raw.pop(name, None)
    if value is None or type(value) is str:
        return value
    raise wrong(join(path, name), "a string")


def take_bool(raw: JsonObject, name: str, path: str) -> bool | None:
    value = raw.pop(name, None)
    if value is None or type(value) is bool:
        return value
    raise wrong(join(path, name), "a boolean")


def take_int(raw: JsonObject, name: str, path: str) -> int | None:
    value = raw.pop(name, None)
    if value is None or type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise wrong(join(path, name), "an integer")


def take_number(raw: JsonObject, name: str, path: str) -> float | None:
    value = raw.pop(name, None)
    if value is None or type(value) is int or type(value) is float:
        return value
    raise wrong(join(path, name), "a number")


def take_object(raw: JsonObject, name: str, path: str) -> JsonObject | None:
    value = raw.pop(name, None)
    if value is None or type(value) is dict:
        return cast("JsonObject | None", value)
    raise wrong(join(path, name), "an object")


def take_list(raw: JsonObject, name: str, path: str) -> list[Json] | None:
    value = raw.pop(name, None)
    if value is None or type(value) is list:
        return cast("list[Json] | None", value)
    raise wrong(join(path, name), "an array")


def take_strings(raw: JsonObject, name: str, path: str) -> list[str] | None:
    items = take_list(raw, name, path)
    if items is None:
        return None
    for item in items:
        if type(item) is not str:
            raise wrong(join(path, name), "an array of strings")
    return cast("list[str]", items)


MOST_TOKENS = 10**9
"""Of one counter. The largest context there is has ten million."""
Tokens: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)] | None
"""The type of a counter in what `counted` reads."""
C = TypeVar("C", bound=msgspec.Struct)


MOST_NANO = 10**15
"""Of a reported cost: a million dollars."""
_TICKS = 10
"""Of xAI's in a nano-dollar."""


def count(value: object) -> int | None:
    """A number of tokens as providers send it: a whole number, clamped to 0 and `MOST_TOKENS`; None for anything else."""
    if type(value) is int:
        return value if 0 <= value <= MOST_TOKENS else max(0, min(value, MOST_TOKENS))
    return count(int(value)) if type(value) is float and value.is_integer() else None


def is_odd(value: object) -> bool:
    """Whether a counter is there and is no number of tokens that can be."""
    if type(value) is int:
        return not 0 <= value <= MOST_TOKENS
    return value is not None and not (type(value) is float and value.is_integer() and 0 <= value <= MOST_TOKENS)


def counted(raw: JsonObject, kind: type[C]) -> tuple[C, list[str]]:
    """The counters that `kind` names, and the names of those that are odd. Nearly all usage has none, and is read at once."""
    try:
        return msgspec.convert(raw, kind), []
    except msgspec.ValidationError:
        names = kind.__struct_encode_fields__
        return kind(*[count(raw.get(name)) for name in names]), [name for name in names if is_odd(raw.get(name))]


def priced_tier(tier: object) -> str | None:
    """A service tier whose price is not the standard one; None for any other."""
    return tier if type(tier) is str and tier in PRICED_TIERS else None


def reported_cost(raw: JsonObject) -> int | None:
    """Dollars (OpenRouter), an object with a `total_cost` (Perplexity), or ticks of 1e-10 dollars (xAI,
    https://docs.x.ai/developers/cost-tracking), in nano-dollars, half up."""
    value, unit = raw.get("cost"), Decimal(1_000_000_000)
    if value is None and "cost_in_usd_ticks" in raw:
        value, unit = raw["cost_in_usd_ticks"], Decimal(1) / _TICKS
    if type(value) is dict:
        value = value.get("total_cost")
    if type(value) is not int and type(value) is not float:
        return None
    try:
        nano = (Decimal(str(value)) * unit).to_integral_value(ROUND_HALF_UP)
    except InvalidOperation:
        return None
    return int(nano) if 0 <= nano <= MOST_NANO else None


def merge(out: JsonObject, extras: JsonObject) -> None:
    """Puts `extras` beside what is there: objects are merged, nothing that is there is replaced."""
    for name, value in extras.items():
        if name not in out:
            out[name] = value
        else:
            there = out[name]
            if type(there) is dict and type(value) is dict:
                merge(cast("JsonObject", there), cast("JsonObject", value))
