"""The catalogue's file of prices from the data of the `genai-prices` package, which `tidegate catalog refresh` reads and hands in.

What is kept: models that generate text or embeddings, for the providers of `_PROVIDERS`, at their standard price on the day of the run.
Every row says where its price is published and on which day it was taken. Nothing that serves imports that package (its import costs
100 MB).
"""

import datetime
import json
import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, cast

_PROVIDERS = {
    "anthropic": "anthropic",
    "openai": "openai",
    "mistral": "mistral",
    "groq": "groq",
    "together": "together",
    "fireworks": "fireworks",
    "deepseek": "deepseek",
    "xai": "x-ai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "cerebras": "cerebras",
    "moonshot": "moonshotai",
    "zai": "zai",
    "novita": "novita",
    "gemini": "google",
    "cohere": "cohere",
    "bedrock": "aws",
    "azure": "azure",
}
"""Our name -> theirs. Hugging Face is left out: its prices depend on the upstream, and the rows have its names in lower case only."""

_NOT_TEXT = re.compile(
    r"whisper|transcri|[-/]tts|^tts|moderation|realtime|[-/]live\b|-live-|gpt-live|image|ocr|orpheus|rerank|dall-e|sora|veo|imagen"
    r"|voice|speech|prompt-guard|babbage|davinci|^ada$|^curie$|instruct-0914|turbo-instruct|robotics|omni-.*flash|banana|pplx-decider"
    r"|claude-v1|^claude-2|translate",
    re.IGNORECASE,
)
_FOREIGN = {"gemini": re.compile(r"claude|-maas$")}
"""Models that the same price list has for another endpoint (Vertex)."""
_LOWER_CASE = {"zai"}
"""Providers whose rows have a display name as id, and whose API wants it in lower case."""

_TOKENS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
    "input_image_mtok": "image_input",
    "output_image_mtok": "image_output",
    "output_reasoning_mtok": "reasoning",
}
_NANO = 10**9
_THOUSANDS = {"web_searches_kcount": "web_search", "requests_kcount": "request"}


Table = dict[str, list[dict[str, Any]]]
"""Rows by provider, by our names."""


def table(providers: Iterable[Any], day: datetime.date) -> Table:
    """The rows for `day` of the package's providers; of those that it does not have, none."""
    theirs = {provider.id: provider for provider in providers}
    return {ours: rows(theirs[name], ours, day) for ours, name in _PROVIDERS.items() if name in theirs}


def render(made: Table, source: str, day: datetime.date) -> str:
    """One row a line, so that a refresh reads well as a diff."""
    blocks = [
        f"  {json.dumps(name)}: [\n" + ",\n".join("    " + json.dumps(row, separators=(",", ":")) for row in found) + "\n  ]"
        for name, found in made.items()
    ]
    head = f'{{\n"source": {json.dumps(source)},\n"date": "{day.isoformat()}",\n"rows": {{\n'
    return head + ",\n".join(blocks) + "\n}}\n"


def rows(provider: Any, ours: str, day: datetime.date) -> list[dict[str, Any]]:
    """The rows of one provider, none of whose names stands twice: what an earlier row claims, a later one does not."""
    made: list[dict[str, Any]] = []
    taken: set[str] = set()
    foreign = _FOREIGN.get(ours)
    for model in provider.models:
        if _NOT_TEXT.search(model.id) or (foreign is not None and foreign.search(model.id)):
            continue
        price = price_of(model, day)
        if price is None:
            continue
        exact, prefixes = names(model.match, model.id)
        if ours in _LOWER_CASE:
            exact = list(dict.fromkeys(name.lower() for name in [model.id, *exact]))
        exact = [name for name in exact if name not in taken]
        callable_id = model.id if model.id in exact or any(model.id.startswith(p) for p in prefixes) else next(iter(exact), "")
        if not callable_id or callable_id in taken:
            continue
        patterns = [f"{prefix}*" for prefix in prefixes if f"{prefix}*" not in taken]
        match = [name for name in exact if name != callable_id] + patterns
        taken.update([callable_id, *match])
        row: dict[str, Any] = {"id": callable_id}
        if match:
            row["match"] = match
        if model.context_window:
            row["context"] = model.context_window
        if model.deprecated:
            row["deprecated"] = "deprecated by the provider"
        row["price"] = sourced(price, (provider.pricing_urls or [provider.api_pattern])[0], day)
        made.append(row)
    return made


def names(clause: Any, model: str) -> tuple[list[str], list[str]]:
    """The exact names and the prefixes that a match clause of `model` stands for. A clause for dated versions becomes the prefix
    `name-20`; one that excludes something keeps its prefix, because the excluded names have rows of their own; others are left out."""
    match type(clause).__name__:
        case "ClauseEquals":
            return [clause.equals], []
        case "ClauseStartsWith":
            return [], [clause.starts_with]
        case "ClauseContains" if model.startswith(clause.contains):
            return [], [clause.contains]
        case "ClauseRegex":
            dated = re.fullmatch(r"\^([\w\\./-]+?)(?:-|\[-@\])\\d\{[48]\}.*\$", clause.regex)
            return ([], [dated.group(1).replace("\\", "") + "-20"]) if dated else ([], [])
        case "ClauseOr" | "ClauseAnd":
            exact: list[str] = []
            prefixes: list[str] = []
            for part in getattr(clause, "or_", None) or clause.and_:
                more_exact, more_prefixes = names(part, model)
                exact += [name for name in more_exact if name not in exact]
                prefixes += [prefix for prefix in more_prefixes if prefix not in prefixes]
            return exact, prefixes
        case _:
            return [], []


def price_of(model: Any, day: datetime.date) -> dict[str, Any] | None:
    """The standard price on `day` in integer nano-dollars, with those that are known to come later; None where there is none for text.
    Where it depends on the hour, the dearest."""
    if not isinstance(model.prices, list):
        return steps_of(model.prices)
    prices = cast("list[Any]", model.prices)
    hourly = [p for p in prices if p.constraint is not None and not hasattr(p.constraint, "start_date")]
    if hourly:
        return steps_of(hourly[-1].prices)
    starts = [getattr(p.constraint, "start_date", datetime.date.min) for p in prices]
    present = max((index for index, start in enumerate(starts) if start <= day), default=0)
    made: dict[str, Any] | None = None
    for index in reversed(range(present, len(prices))):
        price = steps_of(prices[index].prices)
        if price is None:
            return None
        if starts[index] != datetime.date.min:
            price["from"] = starts[index].isoformat()
        if made is not None:
            price["later"] = made
        made = price
    return made


def sourced(price: dict[str, Any], source: str, day: datetime.date) -> dict[str, Any]:
    """Every version says where it was read and when."""
    later = {"later": sourced(price["later"], source, day)} if "later" in price else {}
    return {**price, **later, "source": source, "date": day.isoformat()}


def steps_of(prices: Any) -> dict[str, Any] | None:
    """One version: its price, with the steps above so many prompt tokens."""
    fields = cast("dict[str, Any]", vars(prices))
    found = {key: value for key, value in fields.items() if value is not None and not key.startswith("_")}
    if "input_mtok" not in found and "output_mtok" not in found:
        return None
    starts = sorted({tier.start for value in found.values() for tier in getattr(value, "tiers", [])})
    price: dict[str, Any] | None = None
    for start in reversed([0, *starts]):
        step = {ours: nano(at(found[key], start)) for key, ours in {**_TOKENS, **_THOUSANDS}.items() if key in found}
        if price is not None:
            step |= {"over": starts[starts.index(start) + 1] if start else starts[0], "long": price}
        price = step
    return price


def at(value: Any, start: int) -> Decimal:
    """The price that holds above `start` prompt tokens."""
    if not hasattr(value, "tiers"):
        return value
    reached = [tier.price for tier in value.tiers if tier.start <= start]
    return reached[-1] if start and reached else value.base


def nano(dollars: Decimal) -> int:
    """Dollars (per million tokens or per thousand uses) in nano-dollars. A fraction of one (a few published thirds) is rounded up."""
    return math.ceil(dollars * _NANO)


def changes(before: Table, after: Table) -> list[str]:
    """What a refresh changes, a line for each model: `+` new, `-` gone, `~` with another price, context or fate."""
    lines: list[str] = []
    for provider in dict.fromkeys([*before, *after]):
        old = {row["id"]: row for row in before.get(provider, ())}
        new = {row["id"]: row for row in after.get(provider, ())}
        for name in dict.fromkeys([*old, *new]):
            told = f"{provider}/{name}"
            if name not in old:
                lines.append(f"+ {told}  {_price_in_words(new[name])}")
            elif name not in new:
                lines.append(f"- {told}")
            elif differing := _differing(old[name], new[name]):
                lines.append(f"~ {told}  {differing}")
    return lines


def _differing(old: dict[str, Any], new: dict[str, Any]) -> str:
    parts = [f"{name} {old.get(name)} -> {new.get(name)}" for name in ("context", "deprecated") if old.get(name) != new.get(name)]
    if _undated(old["price"]) != _undated(new["price"]):
        parts.append(f"{_price_in_words(old)} -> {_price_in_words(new)}")
    return ", ".join(parts)


def _undated(price: dict[str, Any]) -> dict[str, Any]:
    """Without the day on which it was read."""
    inner = {name: _undated(cast("dict[str, Any]", value)) for name, value in price.items() if isinstance(value, dict)}
    return {name: value for name, value in price.items() if name != "date"} | inner


def _price_in_words(row: dict[str, Any]) -> str:
    """Dollars per million tokens, of input and output."""
    return "/".join("-" if (nano := row["price"].get(kind)) is None else f"{nano / _NANO:g}" for kind in ("input", "output"))
