"""Gemini's `usageMetadata` and the neutral `Usage`, both ways.

`promptTokenCount` includes what was read from a cache, and excludes the results of built-in tools that the model read as input
(`toolUsePromptTokenCount`, openinference-b146d53474ae); `candidatesTokenCount` excludes thoughts. The total is the sum of the four.
"""

import msgspec

from tidegate.dialects.reading import Tokens, count, counted, priced_tier
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.loss import Loss
from tidegate.ir.usage import Usage

_TOOLS = "toolUsePromptTokenCount"


class _Counts(msgspec.Struct, rename="camel"):
    prompt_token_count: Tokens = None
    candidates_token_count: Tokens = None
    thoughts_token_count: Tokens = None
    cached_content_token_count: Tokens = None
    tool_use_prompt_token_count: Tokens = None


_KNOWN = frozenset((*_Counts.__struct_encode_fields__, "totalTokenCount", "serviceTier")) - {_TOOLS}


def decode_usage(raw: Json) -> Usage | None:
    """None where there is no usage object."""
    if type(raw) is not dict:
        return None
    told, odd = counted(raw, _Counts)
    prompt, cached, tools = told.prompt_token_count, told.cached_content_token_count, told.tool_use_prompt_token_count
    candidates, thoughts = told.candidates_token_count, told.thoughts_token_count
    read = None if prompt is None and tools is None else max(0, (prompt or 0) - (cached or 0)) + (tools or 0)
    output = None if candidates is None and thoughts is None else (candidates or 0) + (thoughts or 0)
    return Usage(
        input=read,
        cache_read=cached,
        output=output,
        reasoning=thoughts,
        audio_input=_of_modality(raw.get("promptTokensDetails"), "AUDIO"),
        audio_output=_of_modality(raw.get("candidatesTokensDetails"), "AUDIO"),
        image_input=_of_modality(raw.get("promptTokensDetails"), "IMAGE"),
        image_output=_of_modality(raw.get("candidatesTokensDetails"), "IMAGE"),
        tier=priced_tier((service_tier(raw) or "").lower()),
        odd=tuple(odd),
        extras={name: value for name, value in raw.items() if name not in _KNOWN},
    )


def _of_modality(details: Json, modality: str) -> int | None:
    """Tokens of a modality among the details."""
    for item in details if type(details) is list else ():
        if type(item) is dict and item.get("modality") == modality:
            return count(item.get("tokenCount"))
    return None


def service_tier(raw: Json) -> str | None:
    tier = raw.get("serviceTier") if type(raw) is dict else None
    return tier if type(tier) is str else None


def encode_usage(usage: Usage | None, tier: str | None, *, own: bool) -> JsonObject:
    """The counts for a client; those of built-in tools are told apart where they were."""
    usage = usage or Usage()
    tools = (count(usage.extras.get(_TOOLS)) or 0) if own else 0
    out: JsonObject = {}
    if not own or usage.input is not None:
        out["promptTokenCount"] = max(0, usage.prompt - tools)
    if usage.cache_read is not None and (own or usage.cache_read):
        out["cachedContentTokenCount"] = usage.cache_read
    visible = (usage.output or 0) - (usage.reasoning or 0)
    if not own or (usage.output is not None and (visible or usage.reasoning is None)):
        out["candidatesTokenCount"] = max(0, visible)
    if usage.reasoning is not None and (own or usage.reasoning):
        out["thoughtsTokenCount"] = usage.reasoning
    out["totalTokenCount"] = usage.prompt + (usage.output or 0)
    if own:
        out |= usage.extras
        if tier is not None:
            out["serviceTier"] = tier
    return out


def foreign_counters(usage: Usage | None, *, own: bool) -> list[Loss]:
    """What Gemini's usage has no place for."""
    if own or usage is None:
        return []
    return [Loss("dropped", f"usage.{name}", "Gemini's usage has no such counter") for name in usage.extras]
