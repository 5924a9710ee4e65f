"""What the files of this dialect share: its name, its JSON, cache marks, and lenient looks at answers."""

from typing import cast

from tidegate.dialects.values import dump, dump_text, object_or_empty, parse, parse_answer, text_or_empty
from tidegate.ir.content import CacheMark
from tidegate.ir.json import JsonObject

__all__ = ["NAME", "cache_control", "dump", "dump_text", "object_or_empty", "parse", "parse_answer", "take_cache", "text_or_empty"]

NAME = "openai_chat"


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
