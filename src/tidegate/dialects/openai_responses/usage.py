"""`usage` of an answer to neutral counts and back. Used by answers, streams and taps alike, so that they agree. Odd numbers are ignored or
clamped, never an error."""

import msgspec

from tidegate.dialects.reading import Tokens, count, counted, merge, priced_tier, reported_cost
from tidegate.dialects.values import object_or_empty
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.usage import Usage

_INPUT, _OUTPUT = "input_tokens_details", "output_tokens_details"
_KNOWN = frozenset(("input_tokens", "output_tokens", "total_tokens", _INPUT, _OUTPUT))


class _Counts(msgspec.Struct):
    input_tokens: Tokens = None
    output_tokens: Tokens = None


class _Input(msgspec.Struct):
    cached_tokens: Tokens = None
    cache_write_tokens: Tokens = None
    audio_tokens: Tokens = None
    image_tokens: Tokens = None


class _Output(msgspec.Struct):
    reasoning_tokens: Tokens = None
    audio_tokens: Tokens = None
    image_tokens: Tokens = None


def decode_usage(response: JsonObject) -> Usage | None:
    """The usage of a response object, with the web searches that it made. None where it tells none."""
    raw = response.get("usage")
    if type(raw) is not dict:
        return None
    input_details, output_details = object_or_empty(raw.get(_INPUT)), object_or_empty(raw.get(_OUTPUT))
    told, odd = counted(raw, _Counts)
    inputs, odd_inputs = counted(input_details, _Input)
    outputs, odd_outputs = counted(output_details, _Output)
    prompt, read, write = told.input_tokens, inputs.cached_tokens, inputs.cache_write_tokens
    # Where the cache is said to hold more than the prompt, it is not counted in it.
    cached = (read or 0) + (write or 0)
    fresh = prompt if prompt is None or cached > prompt else prompt - cached
    return Usage(
        input=fresh,
        cache_read=read,
        cache_write=write,
        output=told.output_tokens,
        reasoning=outputs.reasoning_tokens,
        audio_input=inputs.audio_tokens,
        audio_output=outputs.audio_tokens,
        image_input=inputs.image_tokens,
        image_output=outputs.image_tokens,
        web_searches=_searches(response),
        cost_nano=reported_cost(raw),
        tier=priced_tier(response.get("service_tier")),
        odd=(*odd, *[f"{_INPUT}.{name}" for name in odd_inputs], *[f"{_OUTPUT}.{name}" for name in odd_outputs]),
        extras=_extras(raw, input_details, output_details),
    )


def _searches(response: JsonObject) -> int | None:
    """What `tool_usage` says; older answers have none, and the calls are counted."""
    told = object_or_empty(object_or_empty(response.get("tool_usage")).get("web_search"))
    found = count(told.get("num_requests"))
    if found is None:
        output = response.get("output")
        found = sum(_is_search(item) for item in output) if type(output) is list else 0
    return found or None


def _is_search(item: Json) -> bool:
    raw = object_or_empty(item)
    return raw.get("type") == "web_search_call" and object_or_empty(raw.get("action")).get("type") in (None, "search")


def _extras(raw: JsonObject, inputs: JsonObject, outputs: JsonObject) -> JsonObject:
    extras: JsonObject = {name: value for name, value in raw.items() if name not in _KNOWN and value is not None}
    for name, details, known in ((_INPUT, inputs, _Input), (_OUTPUT, outputs, _Output)):
        rest = {inner: value for inner, value in details.items() if inner not in known.__struct_fields__}
        if rest:
            extras[name] = rest
    return extras


def encode_usage(usage: Usage, *, own: bool) -> JsonObject:
    """OpenAI's object. `own` says that `extras` are of this dialect."""
    prompt, output = usage.prompt, usage.output or 0
    inputs: JsonObject = {"cached_tokens": usage.cache_read or 0, "cache_write_tokens": usage.cache_write or 0}
    outputs: JsonObject = {"reasoning_tokens": usage.reasoning or 0}
    if usage.audio_input is not None:
        inputs["audio_tokens"] = usage.audio_input
    if usage.image_input is not None:
        inputs["image_tokens"] = usage.image_input
    if usage.audio_output is not None:
        outputs["audio_tokens"] = usage.audio_output
    if usage.image_output is not None:
        outputs["image_tokens"] = usage.image_output
    raw: JsonObject = {
        "input_tokens": prompt,
        _INPUT: inputs,
        "output_tokens": output,
        _OUTPUT: outputs,
        "total_tokens": prompt + output,
    }
    if own:
        merge(raw, usage.extras)
    return raw


def nothing_yet() -> JsonObject:
    """The usage of a response that has just begun: Open Responses wants the field there, and OpenAI's document an object in it."""
    return encode_usage(Usage(), own=False)
