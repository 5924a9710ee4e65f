"""How much to reason, from the neutral model to `reasoning_effort`, as the target's models take it."""

from tidegate.dialects.effort import nearest
from tidegate.dialects.openai_chat.encoding import Encoding
from tidegate.dialects.reading import merge
from tidegate.ir.json import JsonObject
from tidegate.ir.request import Reasoning

_OF_BUDGET = ((4_096, "low"), (16_384, "medium"))
"""Budgets below these many tokens; from the last on it is `high`. OpenAI gives no numbers: its own guides speak of a few hundred to some
tens of thousands of reasoning tokens, and Anthropic's smallest budget is 1,024."""
_UNTOLD = "medium"
"""OpenAI's own default. Models from gpt-5.1 on reason only if they are asked to, so thinking without an amount needs a word."""
_COMMON = ("low", "medium", "high")
"""The words that every model with efforts has had since o1."""


def encode_reasoning(encoding: Encoding, body: JsonObject) -> None:
    """Sets `reasoning_effort` (and for clients of this dialect their other words for it)."""
    reasoning = encoding.request.reasoning
    if encoding.own:
        if reasoning is not None:
            _own(reasoning, body)
        return
    if reasoning is not None:
        encoding.foreign_extras(reasoning.extras, encoding.name("reasoning"))
    capabilities = encoding.profile.capabilities
    if capabilities.thinking == "effort" and not capabilities.tools_while_thinking and "tools" in body:
        _with_tools(encoding, reasoning, body)
    elif reasoning is not None:
        effort = _off(encoding, reasoning) if _is_off(reasoning) else _on(encoding, reasoning)
        if effort is not None:
            body["reasoning_effort"] = effort


def _own(reasoning: Reasoning, body: JsonObject) -> None:
    if reasoning.effort is not None:
        body["reasoning_effort"] = reasoning.effort
    if reasoning.budget is not None or reasoning.effort is None or reasoning.mode == "adaptive":
        body["thinking"] = {"type": reasoning.mode}
        if reasoning.budget is not None:
            body["thinking"]["budget_tokens"] = reasoning.budget
    merge(body, reasoning.extras)


def _is_off(reasoning: Reasoning) -> bool:
    return reasoning.effort == "none" or reasoning.mode == "disabled"


def _with_tools(encoding: Encoding, reasoning: Reasoning | None, body: JsonObject) -> None:
    """These models answer 400 to tools beside an effort (lingua-4546a6ecdd53), and newer ones reason unasked."""
    body["reasoning_effort"] = "none"
    if reasoning is None:
        encoding.mapped("tools", "the model takes tools only without reasoning: effort `none` is sent")
    elif not _is_off(reasoning):
        _drop(encoding, reasoning, "the model does not reason where tools are offered: effort `none` is sent")


def _drop(encoding: Encoding, reasoning: Reasoning, reason: str) -> None:
    """Names the fields in which the client spoke of reasoning."""
    name, effort = encoding.name("reasoning"), encoding.name("effort")
    if reasoning.effort is None or reasoning.mode != "enabled" or reasoning.budget is not None:
        encoding.dropped(name, reason)
    if reasoning.effort is not None and effort != name:
        encoding.dropped(effort, reason)


def _off(encoding: Encoding, reasoning: Reasoning) -> str | None:
    """What comes nearest to no reasoning."""
    name = encoding.name("reasoning")
    capabilities = encoding.profile.capabilities
    if reasoning.effort not in (None, "none"):
        encoding.dropped(encoding.name("effort"), "OpenAI's effort is of reasoning, which is off")
    if capabilities.thinking != "effort":
        return None
    efforts = capabilities.efforts
    if efforts and "none" in efforts:
        return "none"
    least = nearest("none", efforts) if efforts else None
    if least is None:
        encoding.dropped(name, "the model decides itself whether to reason")
    else:
        encoding.emulated(name, f"reasoning cannot be turned off: sent as effort `{least}`, the least there is")
    return least


def _on(encoding: Encoding, reasoning: Reasoning) -> str | None:
    capabilities = encoding.profile.capabilities
    if capabilities.thinking != "effort":
        _drop(encoding, reasoning, "the model's reasoning cannot be asked for")
        return None
    if reasoning.display is not None:
        encoding.dropped(f"{encoding.name('reasoning')}.display", "OpenAI's shape cannot say how reasoning is shown")
    path, asked = _asked(encoding, reasoning)
    effort = nearest(asked, _COMMON if capabilities.efforts is None else capabilities.efforts)
    if effort is None:
        encoding.dropped(path, "the model takes no word for how much to reason")
    elif effort != reasoning.effort:
        encoding.mapped(path, f"sent as effort `{effort}`")
    return effort


def _asked(encoding: Encoding, reasoning: Reasoning) -> tuple[str, str]:
    """The effort that was asked for, and the client's field that says so."""
    name = encoding.name("reasoning")
    if reasoning.effort is not None:
        return encoding.name("effort"), reasoning.effort
    if reasoning.budget is not None:
        budget = reasoning.budget
        return f"{name}.budget_tokens", next((word for most, word in _OF_BUDGET if budget < most), "high")
    return name, _UNTOLD
