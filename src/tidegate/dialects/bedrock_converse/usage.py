"""Converse's usage objects and the neutral `Usage`, both ways. `inputTokens` exclude what was read from or written to the cache, and
`totalTokens` is the sum of all four (20 of 20 recordings with a cache)."""

import msgspec

from tidegate.dialects.reading import Tokens, count, counted
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.usage import Usage

_HOUR = "1h"


class _Counts(msgspec.Struct, rename="camel"):
    input_tokens: Tokens = None
    output_tokens: Tokens = None
    cache_read_input_tokens: Tokens = None
    cache_write_input_tokens: Tokens = None


_KNOWN = frozenset((*_Counts.__struct_encode_fields__, "totalTokens", "cacheDetails"))


def decode_usage(raw: Json) -> Usage | None:
    """None where there is no usage object."""
    if type(raw) is not dict:
        return None
    told, odd = counted(raw, _Counts)
    return Usage(
        input=told.input_tokens,
        cache_read=told.cache_read_input_tokens,
        cache_write=told.cache_write_input_tokens,
        cache_write_1h=_hour(raw.get("cacheDetails")),
        output=told.output_tokens,
        odd=tuple(odd),
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
