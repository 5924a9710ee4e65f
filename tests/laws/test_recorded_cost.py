"""T-LG: every recorded answer that tells its usage costs, to the nano-dollar, what a calculator of the test's own says.

The calculator reads the provider's raw usage object and the raw rows of `prices.json` and `tiers.json`. It uses neither the dialects'
readers nor `policy.price`, and does its sums in fractions. A dialect in the table without a calculator here fails the first test.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from importlib.resources import files
from math import ceil, floor
from pathlib import Path
from typing import Any

import pytest
from tests.laws.recorded import decoded, sse_events
from tests.support.recordings import DIALECT_OF, Exchange, read_recordings

from tidegate.control.catalogue import read_catalogue
from tidegate.dialects.base import Dialect
from tidegate.dialects.table import DIALECTS
from tidegate.ir.content import Origin
from tidegate.ir.errors import GatewayError
from tidegate.ir.events import Started, UsageReport
from tidegate.ir.usage import Usage
from tidegate.policy.price import cost, version_at
from tidegate.wire.eventstream import EventStreamParser

NOON = 1_795_608_000.0
"""2026-11-25 12:00 UTC: some rows of the catalogue have a version that holds later."""
CATALOGUE = read_catalogue()
FOLDER = files("tidegate") / "catalog"
PRICES: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / "prices.json").read_text())["rows"]
TIERS: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / "tiers.json").read_text())
APIS = DIALECT_OF | {
    "bedrock.converse": "bedrock_converse",
    "openai.responses": "openai_responses",
    "gemini.generate": "gemini",
}
KNOWN = {"openai_chat": 2000, "anthropic": 1000}
FALLBACK = {"input": "", "output": "", "cache_read": "input", "cache_write": "input", "cache_write_1h": "cache_write"} | {
    "audio_input": "input",
    "audio_output": "output",
    "image_input": "input",
    "image_output": "output",
}


class Raw:
    """What one answer told: the last usage object with what earlier ones said, the model and the tier."""

    def __init__(self) -> None:
        self.usage: dict[str, Any] = {}
        self.tier: object = None

    def counted(self, *path: str) -> int:
        value: Any = self.usage
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return int(value) if isinstance(value, int | float) else 0


def chat_raw(objects: Iterable[dict[str, Any]]) -> Raw:
    raw = Raw()
    for found in objects:
        usage = found.get("usage")
        usage = usage if isinstance(usage, dict) else (found.get("x_groq") or {}).get("usage")
        raw.tier = found.get("service_tier") or raw.tier
        if isinstance(usage, dict):
            raw.usage = usage
    return raw


def messages_raw(objects: Iterable[dict[str, Any]]) -> Raw:
    raw = Raw()
    for found in objects:
        message = found.get("message") if found.get("type") == "message_start" else found
        usage = message.get("usage") if isinstance(message, dict) else None
        if isinstance(usage, dict):
            raw.usage.update({name: value for name, value in usage.items() if value is not None})
    raw.tier = raw.usage.get("service_tier")
    return raw


def chat_counts(raw: Raw) -> dict[str, int]:
    """OpenAI counts cached tokens, audio and pictures within the prompt, and reasoning within the completion (xAI beside it)."""
    prompt, output = raw.counted("prompt_tokens"), raw.counted("completion_tokens")
    places = [("prompt_tokens_details", "cached_tokens"), *((name,) for name in CACHED)]
    read = next((raw.counted(*place) for place in places if _there(raw, place)), 0)
    places = [("prompt_tokens_details", "cache_write_tokens"), ("cache_creation_input_tokens",)]
    write = next((raw.counted(*place) for place in places if _there(raw, place)), 0)
    thought = raw.counted("completion_tokens_details", "reasoning_tokens")
    if thought and raw.counted("total_tokens") == prompt + output + thought:
        output += thought
    if read + write > prompt >= max(read, write):  # OpenRouter tells the same tokens twice
        write = max(read, write) - read
    if read + write <= prompt:
        prompt -= read + write
    heard, said = raw.counted("prompt_tokens_details", "audio_tokens"), raw.counted("completion_tokens_details", "audio_tokens")
    seen, drawn = raw.counted("prompt_tokens_details", "image_tokens"), raw.counted("completion_tokens_details", "image_tokens")
    searched = raw.counted("num_search_queries") or raw.counted("server_tool_use_details", "web_search_requests")
    return {
        "input": prompt - heard - seen,
        "audio_input": heard,
        "image_input": seen,
        "cache_read": read,
        "cache_write": write,
        "output": output - said - drawn,
        "audio_output": said,
        "image_output": drawn,
        "web_search": searched,
    }


CACHED = ("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens", "cache_read_input_tokens")


def _there(raw: Raw, path: tuple[str, ...]) -> bool:
    value: Any = raw.usage
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return isinstance(value, int | float)


def messages_counts(raw: Raw) -> dict[str, int]:
    """Anthropic counts the four kinds of input apart."""
    hour = raw.counted("cache_creation", "ephemeral_1h_input_tokens")
    return {
        "input": raw.counted("input_tokens"),
        "cache_read": raw.counted("cache_read_input_tokens"),
        "cache_write": raw.counted("cache_creation_input_tokens") - hour,
        "cache_write_1h": hour,
        "output": raw.counted("output_tokens"),
        "web_search": raw.counted("server_tool_use", "web_search_requests"),
    }


def converse_raw(objects: Iterable[dict[str, Any]]) -> Raw:
    raw = Raw()
    for found in objects:
        usage = found.get("usage")
        if isinstance(usage, dict):
            raw.usage = usage
    return raw


def converse_counts(raw: Raw) -> dict[str, int]:
    """Converse counts as Anthropic does, in other words."""
    hour = sum(int(part.get("inputTokens", 0)) for part in raw.usage.get("cacheDetails") or [] if part.get("ttl") == "1h")
    return {
        "input": raw.counted("inputTokens"),
        "cache_read": raw.counted("cacheReadInputTokens"),
        "cache_write": raw.counted("cacheWriteInputTokens") - hour,
        "cache_write_1h": hour,
        "output": raw.counted("outputTokens"),
    }


def responses_raw(objects: Iterable[dict[str, Any]]) -> Raw:
    """The usage of the last response object, and the searches that it lists: `tool_usage` in newer answers, calls in older ones."""
    raw = Raw()
    for found in objects:
        response = found.get("response") if isinstance(found.get("response"), dict) else found
        assert isinstance(response, dict)
        usage = response.get("usage")
        if isinstance(usage, dict):
            told = ((response.get("tool_usage") or {}).get("web_search") or {}).get("num_requests")
            calls = [item for item in response.get("output") or [] if item.get("type") == "web_search_call"]
            listed = [item for item in calls if (item.get("action") or {}).get("type") in (None, "search")]
            raw.usage = {**usage, "searches": told if isinstance(told, int) else len(listed)}
            raw.tier = response.get("service_tier")
    return raw


def responses_counts(raw: Raw) -> dict[str, int]:
    """The Responses API counts as chat completions do, in other words."""
    prompt, output = raw.counted("input_tokens"), raw.counted("output_tokens")
    read, write = raw.counted("input_tokens_details", "cached_tokens"), raw.counted("input_tokens_details", "cache_write_tokens")
    heard, said = raw.counted("input_tokens_details", "audio_tokens"), raw.counted("output_tokens_details", "audio_tokens")
    seen, drawn = raw.counted("input_tokens_details", "image_tokens"), raw.counted("output_tokens_details", "image_tokens")
    return {
        "input": (prompt - read - write if read + write <= prompt else prompt) - heard - seen,
        "audio_input": heard,
        "image_input": seen,
        "cache_read": read,
        "cache_write": write,
        "output": output - said - drawn,
        "audio_output": said,
        "image_output": drawn,
        "web_search": raw.counted("searches"),
    }


def gemini_raw(objects: Iterable[dict[str, Any]]) -> Raw:
    raw = Raw()
    for found in objects:
        usage = found.get("usageMetadata")
        if isinstance(usage, dict):
            raw.usage.update(usage)
            raw.tier = str(usage.get("serviceTier", "")).lower()
    return raw


def gemini_counts(raw: Raw) -> dict[str, int]:
    """Gemini counts the cache within the prompt, thoughts beside the candidates, and what tools brought in beside the prompt."""

    def of(name: str, modality: str) -> int:
        return sum(part.get("tokenCount", 0) for part in raw.usage.get(name) or [] if part.get("modality") == modality)

    cached = raw.counted("cachedContentTokenCount")
    heard, seen = of("promptTokensDetails", "AUDIO"), of("promptTokensDetails", "IMAGE")
    said, drawn = of("candidatesTokensDetails", "AUDIO"), of("candidatesTokensDetails", "IMAGE")
    plain = max(0, raw.counted("promptTokenCount") - cached) + raw.counted("toolUsePromptTokenCount")
    output = raw.counted("candidatesTokenCount") + raw.counted("thoughtsTokenCount")
    heard = min(heard, plain)
    seen = min(seen, plain - heard)
    return {
        "input": plain - heard - seen,
        "audio_input": heard,
        "image_input": seen,
        "cache_read": cached,
        "output": output - said - drawn,
        "audio_output": said,
        "image_output": drawn,
    }


CALCULATORS: dict[str, tuple[Callable[[Iterable[dict[str, Any]]], Raw], Callable[[Raw], dict[str, int]]]] = {
    "openai_chat": (chat_raw, chat_counts),
    "anthropic": (messages_raw, messages_counts),
    "bedrock_converse": (converse_raw, converse_counts),
    "openai_responses": (responses_raw, responses_counts),
    "gemini": (gemini_raw, gemini_counts),
}


def reported(raw: Raw) -> int | None:
    """The provider's own cost: dollars, an object with their total, or ticks of 1e-10 dollars; half up."""
    value = raw.usage.get("cost")
    value = value.get("total_cost") if isinstance(value, dict) else value
    unit = Fraction(10**9)
    if value is None and "cost_in_usd_ticks" in raw.usage:
        value, unit = raw.usage["cost_in_usd_ticks"], Fraction(1, 10)
    return None if value is None else floor(Fraction(str(value)) * unit + Fraction(1, 2))


def price_row(provider: str, model: str) -> tuple[dict[str, Any], set[str]] | None:
    """The raw row: by name, else by the longest beginning; what a row kept by hand in `models.json` calls its own goes before."""
    spec = CATALOGUE.find_model(provider, model)
    if spec is None or spec.price is None:
        return None
    names = {spec.id, *spec.match}
    rows = PRICES.get(provider, [])
    own = next((row for row in rows if row["id"] == spec.id), None) or next(
        (row for row in rows if names & {row["id"], *row.get("match", [])}), None
    )
    return (own["price"], names) if own is not None else None


def tier_price(provider: str, names: set[str], price: dict[str, Any], tier: object) -> dict[str, Any] | None:
    if tier not in ("batch", "flex", "priority", "scale"):
        return price
    for rule in TIERS.get(provider, []):
        patterns = [re.compile(re.escape(text).replace(r"\*", ".*") + "$") for text in rule["match"]]
        if rule["tier"] == tier and any(pattern.match(name) for pattern in patterns for name in names):
            if "price" in rule:
                return rule["price"]
            return _share(price, rule["percent"])
    return None


def _share(price: dict[str, Any], percent: int) -> dict[str, Any]:
    made = {
        name: ceil(Fraction(value * percent, 100)) if name in FALLBACK or name == "reasoning" else value for name, value in price.items()
    }
    return made | ({"long": _share(price["long"], percent)} if "long" in price else {})


def expected(provider: str, model: str, raw: Raw, counts: dict[str, int]) -> int | None:
    """Nano-dollars; None where it cannot be known."""
    own = reported(raw)
    if own is not None:
        return own
    found = price_row(provider, model)
    price = None if found is None else tier_price(provider, found[1], found[0], raw.tier)
    if price is None:
        return None
    prompt = sum(counts.get(kind, 0) for kind in ("input", "audio_input", "image_input", "cache_read", "cache_write", "cache_write_1h"))
    while prompt > price.get("over", prompt):
        price = price["long"]
    total = ceil(Fraction(price.get("request", 0), 1000))
    counts = dict(counts)
    if "reasoning" in price:
        thought = min(raw.counted("completion_tokens_details", "reasoning_tokens"), counts["output"])
        counts |= {"output": counts["output"] - thought, "reasoning": thought}
    for kind, count in counts.items():
        if count <= 0:
            continue
        per = 1000 if kind == "web_search" else 10**6
        unit = price.get(kind)
        name = kind
        while unit is None and FALLBACK.get(name):
            name = FALLBACK[name]
            unit = price.get(name)
        if unit is None:
            return None
        total += ceil(Fraction(count * unit, per))
    return total


def frames_of(exchange: Exchange) -> list[Any]:
    """The events of a stream, in either framing; none of a whole answer."""
    if "eventstream" in exchange.headers.get("content-type", ""):
        parser = EventStreamParser(1 << 26)
        return [*parser.feed(exchange.answer), *parser.end()]
    return list(sse_events([exchange.answer])) if exchange.streamed else []


def objects_of(exchange: Exchange) -> Iterator[dict[str, Any]]:
    """The JSON objects of an answer."""
    texts = [frame.data or b"" for frame in frames_of(exchange)] or [exchange.answer]
    for text in texts:
        try:
            found = json.loads(text)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found


def read_by_the_gateway(exchange: Exchange, dialect: Dialect) -> list[Usage]:
    """What the decoder and the tap make of it, whatever way the answer takes."""
    origin = Origin(dialect.name, exchange.provider, "m")
    frames = frames_of(exchange)
    if not frames:
        whole = dialect.decode_response(exchange.answer, origin).usage
        return [usage for usage in (dialect.tap_whole(exchange.answer).usage, whole) if usage is not None]
    tap = dialect.tap()
    for frame in frames:
        tap.feed(frame.event, frame.data or b"")
    told = [
        event.usage for event in decoded(dialect, frames, origin) if isinstance(event, UsageReport | Started) and event.usage is not None
    ]
    return [usage for usage in (tap.usage, *told[-1:]) if usage is not None]


def test_every_dialect_has_a_calculator() -> None:
    assert set(CALCULATORS) >= set(DIALECTS)
    assert set(APIS.values()) >= set(CALCULATORS)


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_every_recording_costs_what_the_calculator_says(recordings_dir: Path, dialect: str) -> None:
    read, count = CALCULATORS[dialect]
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    apis = frozenset(api for api, name in APIS.items() if name == dialect)
    for exchange in read_recordings(recordings_dir, apis):
        raw = read(objects_of(exchange)) if exchange.status == 200 else Raw()
        if not raw.usage or not any(isinstance(value, int | float) for value in raw.usage.values()):
            continue
        try:
            usages = read_by_the_gateway(exchange, DIALECTS[dialect])
        except GatewayError:
            continue
        model = str((exchange.request or {}).get("model") or exchange.model)
        spec = CATALOGUE.find_model(exchange.provider, model)
        want = expected(exchange.provider, model, raw, count(raw))
        for usage in usages:
            found = cost(usage, version_at(spec.price if spec is not None else None, NOON))
            got = None if found is None else found.nano
            seen["known" if want is not None else "unknown"] += 1
            if got != want:
                wrong.append(f"{exchange.id} {exchange.provider}/{model}: {got}, not {want} for {raw.usage}")
            if found is not None and found.lines:
                assert sum(line.nano for line in found.lines) == found.nano
    assert wrong == []
    assert seen["known"] > KNOWN.get(dialect, 100)
