"""How much to think, from the neutral model to `thinkingConfig`: a budget for models up to 2.5, a level from 3 on."""

from tidegate.dialects.effort import nearest
from tidegate.dialects.gemini.encoding import Encoding
from tidegate.ir.json import JsonObject
from tidegate.ir.request import Reasoning

# What Google's own compatible endpoint makes of an effort (https://ai.google.dev/gemini-api/docs/openai), and the bounds of the models.
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
_MOST = 24576
_LEAST = 128
"""The least budget of models that always think (2.5 Pro)."""
_OF_BUDGET = ((4_096, "low"), (16_384, "medium"))
"""Budgets below these many tokens; from the last on it is `high`."""
_LEVELS = ("low", "high")
"""The levels that every model with levels has."""


def thinking_config(encoding: Encoding) -> JsonObject | None:
    reasoning = encoding.request.reasoning
    if reasoning is None:
        return None
    if encoding.own:
        return _own(reasoning)
    encoding.foreign_extras(reasoning.extras, encoding.name("reasoning"))
    field = encoding.name("effort" if reasoning.effort is not None else "reasoning")
    style = encoding.profile.capabilities.thinking
    off = reasoning.mode == "disabled" or reasoning.effort == "none"
    if style == "none":
        if not off:
            encoding.dropped(field, "this model does not think")
        return None
    if off:
        return _off(encoding, field, levels=style == "effort")
    out: JsonObject = {} if reasoning.display == "omitted" else {"includeThoughts": True}
    if reasoning.effort is None and reasoning.budget is None:
        return out or None
    if style == "effort":
        _level(encoding, reasoning, field, out)
    else:
        _budget(encoding, reasoning, field, out)
    return out


def _own(reasoning: Reasoning) -> JsonObject:
    out: JsonObject = {}
    if reasoning.display is not None:
        out["includeThoughts"] = reasoning.display == "summarized"
    if reasoning.mode == "disabled":
        out["thinkingBudget"] = 0
    elif reasoning.budget is not None:
        out["thinkingBudget"] = reasoning.budget
    if reasoning.effort is not None:
        out["thinkingLevel"] = reasoning.effort.upper()
    return out | reasoning.extras


def _off(encoding: Encoding, field: str, *, levels: bool) -> JsonObject | None:
    """Models that always think have their least amount."""
    capabilities = encoding.profile.capabilities
    if capabilities.thinking_off != "never":
        return {"thinkingBudget": 0}
    if not levels:
        encoding.emulated(field, f"this model's thinking cannot be turned off: a budget of {_LEAST} tokens, the least there is")
        return {"thinkingBudget": _LEAST}
    least = nearest("minimal", capabilities.efforts or _LEVELS)
    if least is None:
        encoding.dropped(field, "this model's thinking cannot be turned off")
        return None
    encoding.emulated(field, f"this model's thinking cannot be turned off: the level {least}, the least there is")
    return {"thinkingLevel": least.upper()}


def _level(encoding: Encoding, reasoning: Reasoning, field: str, out: JsonObject) -> None:
    asked = reasoning.effort
    if asked is None:
        asked = next((word for most, word in _OF_BUDGET if (reasoning.budget or 0) < most), "high")
    level = nearest(asked, encoding.profile.capabilities.efforts or _LEVELS)
    if level is None:
        encoding.dropped(field, f"the model has no level {asked!r}")
        return
    if level != reasoning.effort:
        encoding.mapped(field, f"the level {level}")
    out["thinkingLevel"] = level.upper()


def _budget(encoding: Encoding, reasoning: Reasoning, field: str, out: JsonObject) -> None:
    budget = reasoning.budget if reasoning.budget is not None else _BUDGETS.get(reasoning.effort or "", _BUDGETS["medium"])
    budget = max(_LEAST, min(budget, _MOST))
    if budget != reasoning.budget:
        encoding.mapped(field, f"a thinking budget of {budget} tokens")
    out["thinkingBudget"] = budget
