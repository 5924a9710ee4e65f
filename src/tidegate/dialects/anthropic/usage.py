"""Anthropic's usage objects and the neutral `Usage`, both ways. Input tokens exclude what was read from or written to the cache."""

from collections.abc import Mapping
from typing import cast

from tidegate.dialects.reading import count, is_odd, priced_tier
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.usage import Usage

_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_PLAIN = frozenset((*_COUNTS, "service_tier"))
_KNOWN = _PLAIN | {"cache_creation", "output_tokens_details", "server_tool_use"}


def _inside(raw: Mapping[str, object], name: str) -> JsonObject:
    value = raw.get(name)
    return cast("JsonObject", value) if type(value) is dict else {}


def decode_usage(raw: object) -> Usage | None:
    """Whole, or merged from the events of a stream. None where there is no usage object."""
    if type(raw) is not dict:
        return None
    fields = cast("JsonObject", raw)
    told = list(map(fields.get, _COUNTS))
    prompt, output, read, write = counts = list(map(count, told))
    hour = reasoning = searches = None
    extras: JsonObject = {}
    # A number that is taken as it was told is not odd.
    odd = [] if counts == told else [name for name in _COUNTS if is_odd(fields.get(name))]
    if not fields.keys() <= _PLAIN:
        extras = {name: value for name, value in fields.items() if name not in _KNOWN}
        creation = _inside(fields, "cache_creation")
        hour = count(creation.get("ephemeral_1h_input_tokens"))
        if write is None and creation:
            write = (hour or 0) + (count(creation.get("ephemeral_5m_input_tokens")) or 0)
        thought = _inside(fields, "output_tokens_details").get("thinking_tokens")
        server = _inside(fields, "server_tool_use")
        searched = server.get("web_search_requests")
        reasoning, searches = count(thought), count(searched)
        others: dict[str, Json] = {name: value for name, value in server.items() if name != "web_search_requests"}
        if others:
            extras["server_tool_use"] = others
        odd += [f"cache_creation.{name}" for name, value in creation.items() if is_odd(value)]
        odd += [name for name, value in (("thinking_tokens", thought), ("web_search_requests", searched)) if is_odd(value)]
    return Usage(
        input=prompt,
        cache_read=read,
        cache_write=write,
        cache_write_1h=hour,
        output=output,
        reasoning=reasoning,
        web_searches=searches,
        tier=_tier(fields),
        odd=tuple(odd),
        extras=extras,
    )


def _tier(fields: JsonObject) -> str | None:
    """Fast mode and inference in the US only have prices of their own: https://platform.claude.com/docs/en/about-claude/pricing."""
    if fields.get("speed") == "fast":
        return "fast"
    tier = priced_tier(fields.get("service_tier"))
    if fields.get("inference_geo") == "us":
        return {None: "us", "batch": "batch_us"}.get(tier, tier)
    return tier


def service_tier(raw: object) -> str | None:
    """The tier that served the call, which Anthropic keeps inside the usage object."""
    tier = cast("JsonObject", raw).get("service_tier") if type(raw) is dict else None
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
