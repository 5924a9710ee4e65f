"""How much to reason, from the neutral model to `reasoning_effort`, as the target's models take it."""

from tidegate.dialects.openai_chat.encoding import Encoding
from tidegate.dialects.reading import merge
from tidegate.dialects.reasoning_effort import drop_reasoning, effort_of, is_off
from tidegate.ir.json import JsonObject
from tidegate.ir.request import Reasoning


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
        effort = effort_of(encoding, reasoning, shows=False)
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


def _with_tools(encoding: Encoding, reasoning: Reasoning | None, body: JsonObject) -> None:
    """These models answer 400 to tools beside an effort (lingua-4546a6ecdd53), and newer ones reason unasked."""
    body["reasoning_effort"] = "none"
    if reasoning is None:
        encoding.mapped("tools", "the model takes tools only without reasoning: effort `none` is sent")
    elif not is_off(reasoning):
        drop_reasoning(encoding, reasoning, "the model does not reason where tools are offered: effort `none` is sent")
