"""Typed reading of decoded JSON for the openai_chat dialect. Every `take_` reader takes a field out of its object, so that what is left
at the end is what nobody models. All raise `bad_request` with the path of the field; an explicit null counts as absent."""

from typing import cast

import msgspec

from tidegate.ir.content import CacheMark
from tidegate.ir.errors import GatewayError, bad_request
from tidegate.ir.json import Json, JsonObject

NAME = "openai_chat"

_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def parse(body: bytes) -> Json:
    """The JSON value of `body`. Raises `ValueError` for everything that is not one (also bad UTF-8 and nesting without end)."""
    try:
        value: Json = _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    return value


def dump(value: object) -> bytes:
    return _ENCODER.encode(value)


def dump_text(value: object) -> str:
    return _ENCODER.encode(value).decode()


def wrong(path: str, expected: str) -> GatewayError:
    return bad_request(f"Invalid type for '{path}': expected {expected}.", path, "invalid_type")


def missing(path: str) -> GatewayError:
    return bad_request(f"Missing required parameter: '{path}'.", path, "missing_required_parameter")


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


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


def take_cache(raw: JsonObject) -> CacheMark | None:
    """`cache_control`, as OpenRouter, LiteLLM and DashScope accept it on OpenAI-shaped content. What is not an `ephemeral` mark stays
    where it is, among the extras."""
    control = raw.get("cache_control")
    if type(control) is not dict:
        return None
    mark = cast("JsonObject", control)
    ttl = mark.get("ttl")
    if mark.get("type") != "ephemeral" or not (ttl is None or type(ttl) is str):
        return None
    del raw["cache_control"]
    return CacheMark(ttl, {name: value for name, value in mark.items() if name not in ("type", "ttl")})


def cache_control(mark: CacheMark, *, own: bool) -> JsonObject:
    """The wire form of a mark. `own` says that its extras are of this dialect."""
    out: JsonObject = {"type": "ephemeral"}
    if mark.ttl is not None:
        out["ttl"] = mark.ttl
    if own:
        out |= mark.extras
    return out


def merge(out: JsonObject, extras: JsonObject) -> None:
    """Puts `extras` beside what is there: objects are merged, nothing that is there is replaced."""
    for name, value in extras.items():
        if name not in out:
            out[name] = value
        else:
            there = out[name]
            if type(there) is dict and type(value) is dict:
                merge(cast("JsonObject", there), cast("JsonObject", value))


def object_or_empty(value: Json) -> JsonObject:
    """For answers, where a wrong type is a provider's slip and no reason to fail."""
    return value if type(value) is dict else {}


def text_or_empty(value: Json) -> str:
    return value if type(value) is str else ""
