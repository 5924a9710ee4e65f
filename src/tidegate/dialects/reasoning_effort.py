"""How much to reason, from the neutral model to a word for effort as OpenAI's models take it. Both of OpenAI's dialects ask here."""

from tidegate.dialects.effort import nearest
from tidegate.dialects.receipt import BaseReceipt
from tidegate.ir.request import Reasoning

_OF_BUDGET = ((4_096, "low"), (16_384, "medium"))
"""Budgets below these many tokens; from the last on it is `high`. OpenAI gives no numbers: its own guides speak of a few hundred to some
tens of thousands of reasoning tokens, and Anthropic's smallest budget is 1,024."""
_UNTOLD = "medium"
"""OpenAI's own default. Models from gpt-5.1 on reason only if they are asked to, so thinking without an amount needs a word."""
_COMMON = ("low", "medium", "high")
"""The words that every model with efforts has had since o1."""


def is_off(reasoning: Reasoning) -> bool:
    return reasoning.effort == "none" or reasoning.mode == "disabled"


def effort_of(encoding: BaseReceipt, reasoning: Reasoning, *, shows: bool) -> str | None:
    """The word to send, None where there is none. `shows` = the target's dialect can say how reasoning is shown."""
    return _off(encoding, reasoning) if is_off(reasoning) else _on(encoding, reasoning, shows=shows)


def drop_reasoning(encoding: BaseReceipt, reasoning: Reasoning, reason: str) -> None:
    """Names the fields in which the client spoke of reasoning."""
    name, effort = encoding.name("reasoning"), encoding.name("effort")
    if reasoning.effort is None or reasoning.mode != "enabled" or reasoning.budget is not None or effort == name:
        encoding.dropped(name, reason)
    if reasoning.effort is not None and effort != name:
        encoding.dropped(effort, reason)


def _off(encoding: BaseReceipt, reasoning: Reasoning) -> str | None:
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


def _on(encoding: BaseReceipt, reasoning: Reasoning, *, shows: bool) -> str | None:
    capabilities = encoding.profile.capabilities
    if capabilities.thinking != "effort":
        drop_reasoning(encoding, reasoning, "the model's reasoning cannot be asked for")
        return None
    if reasoning.display is not None and not shows:
        encoding.dropped(encoding.name("display"), "OpenAI's shape cannot say how reasoning is shown")
    path, asked = _asked(encoding, reasoning)
    effort = nearest(asked, _COMMON if capabilities.efforts is None else capabilities.efforts)
    if effort is None:
        encoding.dropped(path, "the model takes no word for how much to reason")
    elif effort != reasoning.effort:
        encoding.mapped(path, f"sent as effort `{effort}`")
    return effort


def _asked(encoding: BaseReceipt, reasoning: Reasoning) -> tuple[str, str]:
    """The effort that was asked for, and the client's field that says so."""
    name = encoding.name("reasoning")
    if reasoning.effort is not None:
        return encoding.name("effort"), reasoning.effort
    if reasoning.budget is not None:
        budget = reasoning.budget
        return f"{name}.budget_tokens", next((word for most, word in _OF_BUDGET if budget < most), "high")
    return name, _UNTOLD
