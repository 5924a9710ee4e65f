"""Cache marks as this dialect writes them."""

from tidegate.dialects.reading import join, take_object, take_opt_str
from tidegate.ir.content import CacheMark
from tidegate.ir.json import JsonObject


def take_cache(raw: JsonObject, path: str) -> CacheMark | None:
    """`cache_control`, of whose `type` only `ephemeral` exists; another one is kept among the extras."""
    if "cache_control" not in raw:
        return None
    control = take_object(raw, "cache_control", path)
    if control is None:
        return None
    ttl = take_opt_str(control, "ttl", join(path, "cache_control"))
    if control.get("type") == "ephemeral":
        del control["type"]
    return CacheMark(ttl, control)
