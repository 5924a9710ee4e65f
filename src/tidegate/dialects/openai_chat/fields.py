"""What the files of this dialect share: its name, its JSON, cache marks, and lenient looks at answers."""

from typing import cast

import msgspec

from tidegate.ir.content import CacheMark
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


def object_or_empty(value: Json) -> JsonObject:
    """For answers, where a wrong type is a provider's slip and no reason to fail."""
    return value if type(value) is dict else {}


def text_or_empty(value: Json) -> str:
    return value if type(value) is str else ""
