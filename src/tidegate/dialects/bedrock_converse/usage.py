"""Converse's usage objects and the neutral `Usage`, both ways. `inputTokens` exclude what was read from or written to the cache, and
`totalTokens` is the sum of all four (20 of 20 recordings with a cache)."""

from tidegate.dialects.reading import count, is_odd
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.usage import Usage

_KNOWN = frozenset(("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "cacheDetails"))
_COUNTS = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
_HOUR = "1h"


def decode_usage(raw: Json) -> Usage | None:
    """None where there is no usage object."""
    if type(raw) is not dict:
        return None
    return Usage(
        input=count(raw.get("inputTokens")),
        cache_read=count(raw.get("cacheReadInputTokens")),
        cache_write=count(raw.get("cacheWriteInputTokens")),
        cache_write_1h=_hour(raw.get("cacheDetails")),
        output=count(raw.get("outputTokens")),
        odd=tuple(name for name in _COUNTS if is_odd(raw.get(name))),
        extras={name: value for name, value in raw.items() if name not in _KNOWN},
    )


def _hour(details: Json) -> int | None:
    if type(details) is not list:
        return None
    found = [count(entry.get("inputTokens")) for entry in details if type(entry) is dict and entry.get("ttl") == _HOUR]
    return sum(number or 0 for number in found) if found else None


def encode_usage(usage: Usage | None, *, own: bool) -> JsonObject:
    usage = usage or Usage()
    out: JsonObject = {
        "inputTokens": usage.input or 0,
        "outputTokens": usage.output or 0,
        "totalTokens": usage.prompt + (usage.output or 0),
    }
    if usage.cache_read is not None:
        out["cacheReadInputTokens"] = usage.cache_read
    if usage.cache_write is not None:
        out["cacheWriteInputTokens"] = usage.cache_write
    if usage.cache_write_1h:
        short = max(0, (usage.cache_write or 0) - usage.cache_write_1h)
        details: list[Json] = [{"ttl": _HOUR, "inputTokens": usage.cache_write_1h}]
        if short:
            details.append({"ttl": "5m", "inputTokens": short})
        out["cacheDetails"] = details
    if own:
        out |= usage.extras
    return out


def foreign_counters(usage: Usage | None, *, own: bool) -> list[Loss]:
    """What Converse's usage objects have no place for."""
    if own or usage is None:
        return []
    return [Loss("dropped", f"usage.{name}", "Converse's usage has no such counter") for name in usage.extras]
