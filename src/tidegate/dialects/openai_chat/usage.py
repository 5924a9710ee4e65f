"""`usage`, in every shape that compatible providers give it, to neutral counts and back. Used by answers, streams and taps alike, so that
they agree. Odd numbers (negative, fractions, text, beyond all sense) are ignored or clamped and named, never an error."""

from tidegate.dialects.reading import count, is_odd, merge, priced_tier, reported_cost
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.usage import Usage

_PROMPT, _COMPLETION = "prompt_tokens_details", "completion_tokens_details"
_KNOWN = frozenset(("prompt_tokens", "completion_tokens", "total_tokens", _PROMPT, _COMPLETION))
_KNOWN_PROMPT = frozenset(("cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens"))
_KNOWN_COMPLETION = frozenset(("reasoning_tokens", "audio_tokens", "image_tokens"))
_COUNTS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "num_search_queries")


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
    prompt = count(raw.get("prompt_tokens"))
    read = _first(prompt_details.get("cached_tokens"), raw, _READ)
    write = _first(prompt_details.get("cache_write_tokens"), raw, _WRITE)
    reasoning = _first(completion_details.get("reasoning_tokens"), raw, ("reasoning_tokens",))
    fresh = prompt
    if prompt is not None and (read or write):
        fresh, write = _fresh(prompt, read or 0, write)
    cost = reported_cost(raw)
    return Usage(
        input=fresh,
        cache_read=read,
        cache_write=write,
        output=_output(raw, prompt, reasoning),
        reasoning=reasoning,
        audio_input=count(prompt_details.get("audio_tokens")),
        audio_output=count(completion_details.get("audio_tokens")),
        image_input=count(prompt_details.get("image_tokens")),
        image_output=count(completion_details.get("image_tokens")),
        web_searches=_searches(raw),
        cost_nano=cost,
        tier=priced_tier(tier),
        odd=_odd(raw, prompt_details, completion_details, cost),
        extras=_extras(raw, prompt_details, completion_details) if len(raw) > 3 else {},
    )


def _output(raw: JsonObject, prompt: int | None, reasoning: int | None) -> int | None:
    """xAI counts reasoning beside the completion, and the total says so: https://docs.x.ai/docs/guides/reasoning."""
    output = count(raw.get("completion_tokens"))
    if output is not None and reasoning and count(raw.get("total_tokens")) == (prompt or 0) + output + reasoning:
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


_READ = ("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens", "cache_read_input_tokens")
"""Beside OpenAI's place: DeepSeek; Together and Moonshot; Mistral; Databricks."""
_WRITE = ("cache_creation_input_tokens",)


def _first(value: Json, raw: JsonObject, names: tuple[str, ...]) -> int | None:
    found = count(value)
    if found is not None:
        return found
    for name in names:
        if name in raw:
            found = count(raw[name])
            if found is not None:
                return found
    return None


def _searches(raw: JsonObject) -> int | None:
    """Perplexity's `num_search_queries`, OpenRouter's `server_tool_use_details.web_search_requests`."""
    found = count(raw.get("num_search_queries"))
    if found is None:
        for name in ("server_tool_use_details", "server_tool_use"):
            if name in raw:
                found = count(_details(raw, name).get("web_search_requests"))
    return found


def _odd(raw: JsonObject, prompt: JsonObject, completion: JsonObject, cost: int | None) -> tuple[str, ...]:
    found = [name for name in _COUNTS if is_odd(raw.get(name))]
    for prefix, details, known in ((_PROMPT, prompt, _KNOWN_PROMPT), (_COMPLETION, completion, _KNOWN_COMPLETION)):
        found += [f"{prefix}.{name}" for name in details if name in known and is_odd(details[name])]
    found += [name for name in (*_READ, *_WRITE) if name in raw and is_odd(raw[name])]
    if cost is None:
        found += [name for name in ("cost", "cost_in_usd_ticks") if raw.get(name) is not None]
    return tuple(found)


def _extras(raw: JsonObject, prompt: JsonObject, completion: JsonObject) -> JsonObject:
    extras: JsonObject = {name: value for name, value in raw.items() if name not in _KNOWN}
    for name, details, known in ((_PROMPT, prompt, _KNOWN_PROMPT), (_COMPLETION, completion, _KNOWN_COMPLETION)):
        rest = {inner: value for inner, value in details.items() if inner not in known}
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
