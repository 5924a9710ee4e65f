"""How much Claude is to think, and what goes with it: `thinking`, `output_config.effort`, `max_tokens`, and the sampling fields that
thinking restricts. Asked by the dialects that reach Claude, for requests of other dialects only: their own they keep as they are."""

import msgspec

from tidegate.dialects.effort import nearest
from tidegate.dialects.receipt import BaseReceipt
from tidegate.ir.json import JsonObject
from tidegate.ir.request import Reasoning, Request

# Anthropic takes no smaller budget.
_LEAST_BUDGET = 1024
# Tokens of thinking that stand for an effort on models that are told a budget: powers of two up from the least one, at most the 32k
# above which Anthropic advises batches.
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32768}
# Of the models with adaptive thinking the first took `max` but no `xhigh` (pydantic-ai-4ccda04992c1).
_EFFORTS = ("low", "medium", "high", "max")
# Responses' words for a summary; Anthropic has one.
_DISPLAYS = {"auto": "summarized", "concise": "summarized", "detailed": "summarized"}
_DEFAULT_MAX_TOKENS = 4096
# Left for the answer beside a budget, or half of a smaller limit.
_ANSWER_TOKENS = 4096


class Plan(msgspec.Struct):
    """What to send."""

    max_tokens: int
    thinking: JsonObject | None = None
    effort: str | None = None

    @property
    def on(self) -> bool:
        return self.thinking is not None and self.thinking.get("type") in ("enabled", "adaptive")


def plan(request: Request, receipt: BaseReceipt, *, forced_tool: bool, unsigned_loop: bool) -> Plan:
    """`forced_tool`: the tool choice makes the model call one. `unsigned_loop`: a tool loop without the model's own reasoning."""
    capabilities = receipt.profile.capabilities
    ceiling = capabilities.max_output
    out = Plan(_max_tokens(request, receipt, ceiling))
    reasoning = request.reasoning
    if reasoning is None:
        return out
    field = _field(reasoning, receipt)
    receipt.foreign_extras(reasoning.extras, "reasoning")
    asked_off = reasoning.mode == "disabled" or reasoning.effort == "none"
    style = capabilities.thinking
    if style == "none":
        if not asked_off:
            receipt.dropped(field, "this model does not think")
    elif asked_off:
        if style == "adaptive":
            _off(out, field, receipt)
    elif forced_tool:
        receipt.dropped(field, "Anthropic does not think where a tool call is forced")
    elif style == "budget":
        if unsigned_loop:
            receipt.dropped(field, "thinking is off for this turn: the reasoning of its tool calls did not come back")
        else:
            _budget(out, request, reasoning, receipt, ceiling)
    else:
        _adaptive(out, reasoning, field, receipt)
        if style == "effort":
            out.thinking = None
    if out.on and out.thinking is not None and reasoning.display is not None:
        out.thinking["display"] = _DISPLAYS.get(reasoning.display, reasoning.display)
    return out


def _field(reasoning: Reasoning, receipt: BaseReceipt) -> str:
    if reasoning.effort is not None:
        return receipt.name("effort")
    return "reasoning" if receipt.request.dialect == "openai_chat" else receipt.name("reasoning")


def _max_tokens(request: Request, receipt: BaseReceipt, ceiling: int | None) -> int:
    if request.max_tokens is None:
        default = ceiling or _DEFAULT_MAX_TOKENS
        receipt.mapped(receipt.name("max_tokens"), f"Anthropic wants a limit: {default}")
        return default
    if ceiling is not None and request.max_tokens > ceiling:
        receipt.mapped(receipt.name("max_tokens"), f"this model writes at most {ceiling} tokens")
        return ceiling
    return request.max_tokens


def _budget(out: Plan, request: Request, reasoning: Reasoning, receipt: BaseReceipt, ceiling: int | None) -> None:
    """A budget below `max_tokens`, of which it is a part. What the client gave is kept as far as the two fit together; else room is left
    for the answer."""
    field = _field(reasoning, receipt)
    budget = reasoning.budget if reasoning.budget is not None else _BUDGETS.get(reasoning.effort or "medium", _BUDGETS["medium"])
    if request.max_tokens is None:
        wanted = max(out.max_tokens, budget + _ANSWER_TOKENS)
        out.max_tokens = wanted if ceiling is None else min(wanted, ceiling)
    if out.max_tokens <= _LEAST_BUDGET:
        receipt.dropped(field, f"max_tokens leaves no room to think: Anthropic's least budget is {_LEAST_BUDGET}")
        return
    if reasoning.budget is None or request.max_tokens is None or budget >= out.max_tokens:
        budget = min(budget, out.max_tokens - min(_ANSWER_TOKENS, out.max_tokens // 2))
    budget = max(_LEAST_BUDGET, budget)
    out.thinking = {"type": "enabled", "budget_tokens": budget}
    if budget != reasoning.budget:
        receipt.mapped(field, f"a thinking budget of {budget} tokens")


def _off(out: Plan, field: str, receipt: BaseReceipt) -> None:
    """Models that always think answer 400 to `disabled`; the least effort is what comes nearest."""
    word = receipt.profile.capabilities.thinking_off
    if word == "never":
        out.effort = nearest("low", receipt.profile.capabilities.efforts or ())
        told = "" if out.effort is None else f": sent as the effort {out.effort}"
        receipt.emulated(field, f"this model's thinking cannot be turned off{told}")
    else:
        out.thinking = {"type": word}


def _adaptive(out: Plan, reasoning: Reasoning, field: str, receipt: BaseReceipt) -> None:
    out.thinking = {"type": "adaptive"}
    effort = reasoning.effort
    if effort is None:
        if reasoning.budget is not None:
            effort = next((word for word, tokens in _BUDGETS.items() if tokens >= reasoning.budget), "max")
            receipt.mapped(field, f"a budget of {reasoning.budget} tokens is the effort {effort}")
        else:
            return
    allowed = receipt.profile.capabilities.efforts
    out.effort = nearest(effort, _EFFORTS if allowed is None else allowed)
    if out.effort is None:
        receipt.dropped(field, f"the model has no effort {effort!r}")
    elif out.effort != effort:
        receipt.mapped(field, f"the effort {out.effort}")


def sampling(request: Request, receipt: BaseReceipt, *, thinking: bool) -> JsonObject:
    """`temperature`, `top_p` and `top_k` as the model takes them."""
    if request.temperature is None and request.top_p is None and request.top_k is None:
        return {}
    if not receipt.profile.capabilities.sampling:
        for name, value in (("temperature", request.temperature), ("top_p", request.top_p), ("top_k", request.top_k)):
            if value is not None:
                receipt.dropped(receipt.name(name), "this model takes no sampling settings")
        return {}
    out: JsonObject = {}
    temperature = None if request.temperature is None else _temperature(request.temperature, receipt, thinking=thinking)
    top_p = None if request.top_p is None else _top_p(request.top_p, receipt, thinking=thinking)
    if temperature is not None and top_p is not None:
        # Models from Claude 4.5 on answer 400 where both are there. A value of 1 says nothing.
        if temperature == 1 and top_p != 1:
            temperature = None
        else:
            top_p = None
        receipt.dropped(receipt.name("temperature" if temperature is None else "top_p"), "Anthropic takes temperature or top_p, not both")
    if temperature is not None:
        out["temperature"] = temperature
    if top_p is not None:
        out["top_p"] = top_p
    if request.top_k is not None:
        if thinking:
            receipt.dropped(receipt.name("top_k"), "Anthropic takes none while thinking")
        else:
            out["top_k"] = request.top_k
    return out


def _temperature(asked: float, receipt: BaseReceipt, *, thinking: bool) -> float | None:
    if thinking and asked != 1:
        receipt.dropped(receipt.name("temperature"), "Anthropic takes none while thinking")
        return None
    if asked > 1:
        receipt.mapped(receipt.name("temperature"), "Anthropic's highest is 1")
        return 1
    return asked


def _top_p(asked: float, receipt: BaseReceipt, *, thinking: bool) -> float | None:
    if thinking and asked < 0.95:
        receipt.dropped(receipt.name("top_p"), "Anthropic takes none below 0.95 while thinking")
        return None
    return asked
