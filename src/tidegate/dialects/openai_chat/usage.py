"""`usage`, in every shape that compatible providers give it, to neutral counts and back. Used by answers, streams and taps alike, so that
they agree. Odd numbers (negative, fractions, text, beyond all sense) are ignored or clamped and named, never an error."""

import msgspec

from tidegate.dialects.reading import Tokens, count, counted, merge, priced_tier, reported_cost
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.usage import Usage

_PROMPT, _COMPLETION = "prompt_tokens_details", "completion_tokens_details"
_KNOWN = frozenset(("prompt_tokens", "completion_tokens", "total_tokens", _PROMPT, _COMPLETION))


class _Counts(msgspec.Struct):
    """OpenAI's, and beside them: xAI's and Perplexity's; what was read from a cache as DeepSeek, Together and Moonshot, Mistral, and
    Databricks say it; what was written to one."""

    prompt_tokens: Tokens = None
    completion_tokens: Tokens = None
    reasoning_tokens: Tokens = None
    num_search_queries: Tokens = None
    prompt_cache_hit_tokens: Tokens = None
    cached_tokens: Tokens = None
    num_cached_tokens: Tokens = None
    cache_read_input_tokens: Tokens = None
    cache_creation_input_tokens: Tokens = None


class _Prompt(msgspec.Struct):
    cached_tokens: Tokens = None
    cache_write_tokens: Tokens = None
    audio_tokens: Tokens = None
    image_tokens: Tokens = None


class _Completion(msgspec.Struct):
    reasoning_tokens: Tokens = None
    audio_tokens: Tokens = None
    image_tokens: Tokens = None


def usage_of(chunk: JsonObject) -> JsonObject | None:
    """The usage object of an answer or a chunk: at the top, or (Groq's streams) in `x_groq`."""
    usage = chunk.get("usage")
    if type(usage) is dict:
        return usage
    groq = chunk.get("x_groq")
    if type(groq) is dict:
        usage = groq.get("usage")
        if type(usage) is dict:
            return usage
    return None


def _details(raw: JsonObject, name: str) -> JsonObject:
    value = raw.get(name)
    return value if type(value) is dict else {}


def decode_usage(raw: JsonObject, tier: Json = None) -> Usage:
    """`prompt_tokens` includes what was read from and written to the cache. `tier` is the answer's `service_tier`."""
    prompt_details, completion_details = _details(raw, _PROMPT), _details(raw, _COMPLETION)
    told, odd = counted(raw, _Counts)
    inputs, odd_inputs = counted(prompt_details, _Prompt)
    outputs, odd_outputs = counted(completion_details, _Completion)
    prompt = fresh = told.prompt_tokens
    read = _first(
        inputs.cached_tokens, told.prompt_cache_hit_tokens, told.cached_tokens, told.num_cached_tokens, told.cache_read_input_tokens
    )
    write = _first(inputs.cache_write_tokens, told.cache_creation_input_tokens)
    reasoning = _first(outputs.reasoning_tokens, told.reasoning_tokens)
    if prompt is not None and (read or write):
        fresh, write = _fresh(prompt, read or 0, write)
    cost = reported_cost(raw)
    if cost is None:
        odd += [name for name in ("cost", "cost_in_usd_ticks") if raw.get(name) is not None]
    return Usage(
        input=fresh,
        cache_read=read,
        cache_write=write,
        output=_output(raw, told, reasoning),
        reasoning=reasoning,
        audio_input=inputs.audio_tokens,
        audio_output=outputs.audio_tokens,
        image_input=inputs.image_tokens,
        image_output=outputs.image_tokens,
        web_searches=_searches(raw) if told.num_search_queries is None else told.num_search_queries,
        cost_nano=cost,
        tier=priced_tier(tier),
        odd=(*odd, *[f"{_PROMPT}.{name}" for name in odd_inputs], *[f"{_COMPLETION}.{name}" for name in odd_outputs]),
        extras=_extras(raw, prompt_details, completion_details) if len(raw) > 3 else {},
    )


def _output(raw: JsonObject, told: _Counts, reasoning: int | None) -> int | None:
    """xAI counts reasoning beside the completion, and the total says so: https://docs.x.ai/docs/guides/reasoning."""
    output = told.completion_tokens
    if output is not None and reasoning and count(raw.get("total_tokens")) == (told.prompt_tokens or 0) + output + reasoning:
        return output + reasoning
    return output


def _fresh(prompt: int, read: int, write: int | None) -> tuple[int, int | None]:
    """What is left of the prompt beside the cache, and how much was written. OpenRouter reports for Gemini the same tokens as read and as
    written (pydantic-ai-f09a477c51ff): then they count once. Where one alone is more than the prompt, it is not counted in it."""
    written = write or 0
    if read + written <= prompt:
        return prompt - read - written, write
    if max(read, written) <= prompt:
        fresh = prompt - max(read, written)
        return fresh, prompt - fresh - read
    return prompt, write


def _first(*counts: int | None) -> int | None:
    for found in counts:
        if found is not None:
            return found
    return None


def _searches(raw: JsonObject) -> int | None:
    """OpenRouter's `server_tool_use_details.web_search_requests`."""
    found = None
    for name in ("server_tool_use_details", "server_tool_use"):
        if name in raw:
            found = count(_details(raw, name).get("web_search_requests"))
    return found


def _extras(raw: JsonObject, prompt: JsonObject, completion: JsonObject) -> JsonObject:
    extras: JsonObject = {name: value for name, value in raw.items() if name not in _KNOWN}
    for name, details, known in ((_PROMPT, prompt, _Prompt), (_COMPLETION, completion, _Completion)):
        rest = {inner: value for inner, value in details.items() if inner not in known.__struct_fields__}
        if rest:
            extras[name] = rest
    return extras


def encode_usage(usage: Usage, *, own: bool) -> JsonObject:
    """OpenAI's object. `own` says that `extras` are of this dialect."""
    prompt, output = usage.prompt, usage.output or 0
    inputs: JsonObject = {"cached_tokens": usage.cache_read or 0}
    if usage.cache_write is not None:
        inputs["cache_write_tokens"] = usage.cache_write
    if usage.audio_input is not None:
        inputs["audio_tokens"] = usage.audio_input
    outputs: JsonObject = {"reasoning_tokens": usage.reasoning or 0}
    if usage.image_input is not None:
        inputs["image_tokens"] = usage.image_input
    if usage.audio_output is not None:
        outputs["audio_tokens"] = usage.audio_output
    if usage.image_output is not None:
        outputs["image_tokens"] = usage.image_output
    raw: JsonObject = {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        _PROMPT: inputs,
        _COMPLETION: outputs,
    }
    if own:
        merge(raw, usage.extras)
    return raw
