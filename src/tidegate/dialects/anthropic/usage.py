"""Anthropic's usage objects and the neutral `Usage`, both ways. Input tokens exclude what was read from or written to the cache."""

from typing import cast

import msgspec

from tidegate.dialects.reading import Tokens, count, counted, is_odd, priced_tier
from tidegate.dialects.values import object_or_empty
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.usage import Usage


class _Counts(msgspec.Struct):
    input_tokens: Tokens = None
    output_tokens: Tokens = None
    cache_read_input_tokens: Tokens = None
    cache_creation_input_tokens: Tokens = None


_PLAIN = frozenset((*_Counts.__struct_fields__, "service_tier"))
_KNOWN = _PLAIN | {"cache_creation", "output_tokens_details", "server_tool_use"}


def decode_usage(raw: Json) -> Usage | None:
    """Whole, or merged from the events of a stream. None where there is no usage object."""
    if type(raw) is not dict:
        return None
    told, odd = counted(raw, _Counts)
    write = told.cache_creation_input_tokens
    hour = reasoning = searches = None
    tier = priced_tier(raw.get("service_tier"))
    extras: JsonObject = {}
    if not raw.keys() <= _PLAIN:
        extras = {name: value for name, value in raw.items() if name not in _KNOWN}
        creation = object_or_empty(raw.get("cache_creation"))
        hour = count(creation.get("ephemeral_1h_input_tokens"))
        if write is None and creation:
            write = (hour or 0) + (count(creation.get("ephemeral_5m_input_tokens")) or 0)
        thought = object_or_empty(raw.get("output_tokens_details")).get("thinking_tokens")
        server = object_or_empty(raw.get("server_tool_use"))
        searched = server.get("web_search_requests")
        reasoning, searches = count(thought), count(searched)
        others: dict[str, Json] = {name: value for name, value in server.items() if name != "web_search_requests"}
        if others:
            extras["server_tool_use"] = others
        odd += [f"cache_creation.{name}" for name, value in creation.items() if is_odd(value)]
        odd += [name for name, value in (("thinking_tokens", thought), ("web_search_requests", searched)) if is_odd(value)]
        tier = _special(raw, tier)
    return Usage(
        input=told.input_tokens,
        cache_read=told.cache_read_input_tokens,
        cache_write=write,
        cache_write_1h=hour,
        output=told.output_tokens,
        reasoning=reasoning,
        web_searches=searches,
        tier=tier,
        odd=tuple(odd),
        extras=extras,
    )


def _special(raw: JsonObject, tier: str | None) -> str | None:
    """Fast mode and inference in the US only have prices of their own: https://platform.claude.com/docs/en/about-claude/pricing."""
    if raw.get("speed") == "fast":
        return "fast"
    if raw.get("inference_geo") == "us":
        return {None: "us", "batch": "batch_us"}.get(tier, tier)
    return tier


def service_tier(raw: Json) -> str | None:
    """The tier that served the call, which Anthropic keeps inside the usage object."""
    tier = raw.get("service_tier") if type(raw) is dict else None
    return tier if type(tier) is str else None


def encode_usage(usage: Usage | None, *, own: bool) -> JsonObject:
    """The object of a whole answer or of `message_start`. Clients add the cache counts to the input, so those are there even where
    another dialect's provider did not speak of a cache."""
    usage = usage or Usage()
    out: JsonObject = {"input_tokens": usage.input or 0}
    if not own or usage.cache_write is not None:
        out["cache_creation_input_tokens"] = usage.cache_write or 0
    if not own or usage.cache_read is not None:
        out["cache_read_input_tokens"] = usage.cache_read or 0
    if usage.cache_write_1h is not None:
        out["cache_creation"] = {
            "ephemeral_5m_input_tokens": max(0, (usage.cache_write or 0) - usage.cache_write_1h),
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    out["output_tokens"] = usage.output or 0
    _details(out, usage, own=own)
    return out


def encode_delta_usage(usage: Usage | None, *, own: bool) -> JsonObject:
    """The cumulative totals of `message_delta`: only what is known, so that it does not overwrite what `message_start` said."""
    usage = usage or Usage()
    out: JsonObject = {}
    if usage.input is not None:
        out["input_tokens"] = usage.input
    if usage.cache_write is not None:
        out["cache_creation_input_tokens"] = usage.cache_write
    if usage.cache_read is not None:
        out["cache_read_input_tokens"] = usage.cache_read
    out["output_tokens"] = usage.output or 0
    _details(out, usage, own=own)
    return out


def foreign_counters(usage: Usage | None, *, own: bool) -> list[Loss]:
    """What Anthropic's usage objects have no place for."""
    if own or usage is None:
        return []
    return [Loss("dropped", f"usage.{name}", "Anthropic's usage has no such counter") for name in usage.extras]


def _details(out: JsonObject, usage: Usage, *, own: bool) -> None:
    if usage.reasoning is not None:
        out["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    other_tools = usage.extras.get("server_tool_use") if own else None
    if usage.web_searches is not None or other_tools:
        searched: JsonObject = {"web_search_requests": usage.web_searches or 0}
        if type(other_tools) is dict:
            searched |= cast("JsonObject", other_tools)
        if not own:
            searched["web_fetch_requests"] = 0
        out["server_tool_use"] = searched
    if own:
        for name, value in usage.extras.items():
            if name != "server_tool_use":
                out[name] = value
