"""How much to think and what goes with it, from the neutral model to `additionalModelRequestFields` and `inferenceConfig`."""

from typing import cast

from tidegate.dialects.bedrock_converse.decode_reasoning import CLAUDE, CLAUDE_EFFORT, COMMON, CONFIG, MORE, NOVA, WORD
from tidegate.dialects.bedrock_converse.receipt import Receipt
from tidegate.dialects.claude_thinking import plan, sampling
from tidegate.dialects.effort import nearest
from tidegate.dialects.reading import merge
from tidegate.dialects.reasoning_effort import drop_reasoning, effort_of, is_off
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import Reasoning, Request

_NOVA_EFFORTS = ("low", "medium", "high")
_CLAUDE = ("budget", "adaptive")


def own_reasoning(request: Request, out: JsonObject) -> None:
    """The settings of a request of this dialect where they stood."""
    more: JsonObject = {}
    reasoning = request.reasoning
    if reasoning is not None:
        match reasoning.form:
            case "thinking":
                thinking: JsonObject = {"type": reasoning.mode}
                if reasoning.budget is not None:
                    thinking["budget_tokens"] = reasoning.budget
                if reasoning.display is not None:
                    thinking["display"] = reasoning.display
                merge(thinking, reasoning.extras)
                more[CLAUDE] = thinking
                if reasoning.effort is not None:
                    more[CLAUDE_EFFORT] = {"effort": reasoning.effort}
            case "output_config":
                more[CLAUDE_EFFORT] = {"effort": reasoning.effort}
            case "reasoningConfig":
                nova: JsonObject = {"type": "enabled" if reasoning.mode == "enabled" else "disabled"}
                if reasoning.effort is not None:
                    nova["maxReasoningEffort"] = reasoning.effort
                merge(nova, reasoning.extras)
                more[NOVA] = nova
            case "outputConfig":
                merge(out, {COMMON: {"effort": reasoning.effort}})
            case _:
                more[reasoning.form if reasoning.form in (WORD, CONFIG) else WORD] = reasoning.effort
    if request.top_k is not None:
        more["top_k"] = request.top_k
    if more:
        out[MORE] = more


def foreign_reasoning(
    request: Request, inference: JsonObject, more: JsonObject, receipt: Receipt, *, forced: bool, unsigned_loop: bool
) -> None:
    """Fills `inference` (tokens and sampling) and `more` (what the model's family has of its own)."""
    capabilities = receipt.profile.capabilities
    if capabilities.thinking in _CLAUDE:
        _claude(request, inference, more, receipt, forced=forced, unsigned_loop=unsigned_loop)
        return
    most = capabilities.max_output
    if request.max_tokens is not None:
        inference["maxTokens"] = request.max_tokens if most is None else min(request.max_tokens, most)
        if inference["maxTokens"] != request.max_tokens:
            receipt.mapped(receipt.name("max_tokens"), f"this model writes at most {most} tokens")
    _sampling(request, inference, receipt)
    reasoning = request.reasoning
    if reasoning is None:
        return
    if capabilities.thinking == "config":
        _nova(reasoning, inference, more, receipt)
    elif capabilities.thinking == "effort":
        effort = effort_of(receipt, reasoning, shows=False)
        if effort is not None:
            more[WORD] = effort
    elif not is_off(reasoning):
        drop_reasoning(receipt, reasoning, "the model's reasoning cannot be asked for")
    receipt.foreign_extras(reasoning.extras, receipt.name("reasoning"))


def _claude(request: Request, inference: JsonObject, more: JsonObject, receipt: Receipt, *, forced: bool, unsigned_loop: bool) -> None:
    thinking = plan(request, receipt, forced_tool=forced, unsigned_loop=unsigned_loop)
    inference["maxTokens"] = thinking.max_tokens
    if thinking.thinking is not None:
        more[CLAUDE] = thinking.thinking
    if thinking.effort is not None:
        more[CLAUDE_EFFORT] = {"effort": thinking.effort}
    for name, value in sampling(request, receipt, thinking=thinking.on).items():
        if name == "top_k":
            more[name] = value
        else:
            inference["topP" if name == "top_p" else name] = value


def _sampling(request: Request, inference: JsonObject, receipt: Receipt) -> None:
    chosen: dict[str, Json] = {"temperature": request.temperature, "topP": request.top_p}
    for wire, name in (("temperature", "temperature"), ("topP", "top_p")):
        value = cast("float | None", chosen[wire])
        if value is None:
            continue
        if not receipt.profile.capabilities.sampling:
            receipt.dropped(receipt.name(name), "this model takes no sampling settings")
            continue
        if value > 1:
            receipt.mapped(receipt.name(name), "Converse's highest is 1")
        inference[wire] = min(value, 1)
    if request.top_k is not None:
        receipt.dropped(receipt.name("top_k"), "Converse has no such setting for this model")


def _nova(reasoning: Reasoning, inference: JsonObject, more: JsonObject, receipt: Receipt) -> None:
    if is_off(reasoning):
        more[NOVA] = {"type": "disabled"}
        return
    where = receipt.name("effort" if reasoning.effort is not None else "reasoning")
    effort = nearest(reasoning.effort or "medium", receipt.profile.capabilities.efforts or _NOVA_EFFORTS)
    if effort is None:
        receipt.dropped(where, "the model takes no such effort")
        return
    if effort != reasoning.effort:
        receipt.mapped(where, f"sent as effort `{effort}`")
    more[NOVA] = {"type": "enabled", "maxReasoningEffort": effort}
    if effort != "high":
        return
    # With the highest effort the model sets these itself and refuses them (Nova user guide, extended thinking).
    for wire, name in (("maxTokens", "max_tokens"), ("temperature", "temperature"), ("topP", "top_p")):
        if inference.pop(wire, None) is not None:
            receipt.dropped(receipt.name(name), "Nova takes none beside its highest effort")
