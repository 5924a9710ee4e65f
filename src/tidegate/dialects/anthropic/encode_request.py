"""`POST /v1/messages`, from the neutral model to the wire: requests of this dialect exactly (up to the shorthand of a string for one
text, and defaults that were spelled out), those of others as near as Anthropic comes, with a receipt."""

import hashlib
from operator import attrgetter
from typing import cast

import msgspec

from tidegate.dialects.anthropic.decode_blocks import NAME
from tidegate.dialects.anthropic.encode_blocks import plain
from tidegate.dialects.anthropic.encode_messages import Turn, foreign_messages, in_tool_loop_without_thinking, own_messages
from tidegate.dialects.anthropic.encode_tools import encode_tool_choice, encode_tools, forces, soften
from tidegate.dialects.anthropic.receipt import Receipt
from tidegate.dialects.base import Encoded
from tidegate.dialects.claude_thinking import plan, sampling
from tidegate.dialects.reading import merge
from tidegate.dialects.refuse import refuse
from tidegate.dialects.strict_schema import adapt
from tidegate.dialects.terms import tool_field
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import OutputFormat, Request
from tidegate.ir.target import Profile

_ENCODER = msgspec.json.Encoder()
_MOST_MARKS = 4
_LONGEST_USER = 256
_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_HINTS = (
    "seed",
    "logit_bias",
    "presence_penalty",
    "frequency_penalty",
    "verbosity",
)
_seldom = attrgetter(
    *("n", "logprobs", "top_logprobs", "modalities", "tools", "legacy_functions", "tool_choice", "parallel_tool_calls"),
    *("stop", "user", "metadata", "service_tier", "cache", *_HINTS),
)
_UNSAID = _seldom(Request(dialect="", model="", messages=[]))
"""What most requests say of the settings that are seldom there."""


def encode_request(request: Request, profile: Profile) -> Encoded:
    """Raises `GatewayError` (unsupported, bad request) for what Anthropic cannot honour, with the client's name of the field."""
    receipt = Receipt(request, profile, request.dialect == NAME)
    body = _own(request, receipt) if receipt.own else _foreign(request, receipt)
    return Encoded(_ENCODER.encode(body), receipt.losses)


def _own(request: Request, receipt: Receipt) -> JsonObject:
    tools = encode_tools(request, receipt)
    system, turns = own_messages(request.messages, receipt)
    out: JsonObject = {"model": receipt.profile.model}
    if request.max_tokens is not None:
        out["max_tokens"] = request.max_tokens
    if system is not None:
        out["system"] = plain(system)
    out["messages"] = [turn.wire() for turn in turns]
    if tools:
        out["tools"] = tools
    choice = encode_tool_choice(request, tools, receipt)
    if choice is not None:
        out["tool_choice"] = choice
    for name, value in (("temperature", request.temperature), ("top_p", request.top_p), ("top_k", request.top_k)):
        if value is not None:
            out[name] = value
    if request.stop:
        out["stop_sequences"] = cast("list[Json]", request.stop)
    if request.stream:
        out["stream"] = True
    if request.user is not None:
        out["metadata"] = {"user_id": request.user}
    if request.service_tier is not None:
        out["service_tier"] = request.service_tier
    _own_output(request, turns, out, receipt)
    receipt.mark(out, request.cache, "")
    merge(out, request.extras)
    return out


def _own_output(request: Request, turns: list[Turn], out: JsonObject, receipt: Receipt) -> None:
    config: JsonObject = {}
    reasoning = request.reasoning
    if reasoning is not None:
        if reasoning.effort is not None:
            config["effort"] = reasoning.effort
        if reasoning.mode != "enabled" or reasoning.budget is not None:
            thinking: JsonObject = {"type": reasoning.mode}
            if reasoning.budget is not None:
                thinking["budget_tokens"] = reasoning.budget
            if reasoning.display is not None:
                thinking["display"] = reasoning.display
            merge(thinking, reasoning.extras)
            if reasoning.mode == "enabled" and in_tool_loop_without_thinking(turns, own=True):
                receipt.dropped("thinking", "thinking is off for this turn: the reasoning of its tool calls was made elsewhere")
            else:
                out["thinking"] = thinking
    if request.output is not None:
        config["format"] = {"type": "json_schema", "schema": request.output.schema}
    if config:
        out["output_config"] = config


def _foreign(request: Request, receipt: Receipt) -> JsonObject:
    tools: list[Json] = []
    choice: JsonObject | None = None
    demand: str | None = None
    says_more = bool(request.extras) or _seldom(request) != _UNSAID
    if says_more:
        refuse(request, "Anthropic")
        tools = encode_tools(request, receipt)
        choice = encode_tool_choice(request, tools, receipt)
        demand = None if choice is None else soften(choice, receipt)
    system, turns = foreign_messages(request.messages, receipt)
    loop = request.reasoning is not None and in_tool_loop_without_thinking(turns, own=False)
    thinking = plan(request, receipt, forced_tool=choice is not None and forces(choice), unsigned_loop=loop)
    config: JsonObject = {} if thinking.effort is None else {"effort": thinking.effort}
    if demand is not None:
        system.append({"type": "text", "text": demand})
    if request.output is not None:
        _output(request.output, config, system, receipt)
    out: JsonObject = {"model": receipt.profile.model, "max_tokens": thinking.max_tokens}
    if system:
        out["system"] = plain(system)
    out["messages"] = [turn.wire() for turn in turns]
    if tools:
        out["tools"] = tools
    if choice is not None:
        out["tool_choice"] = choice
    if thinking.thinking is not None:
        out["thinking"] = thinking.thinking
    if config:
        out["output_config"] = config
    out |= sampling(request, receipt, thinking=thinking.on)
    if request.stream:
        out["stream"] = True
    if says_more:
        _stop(request, out, receipt)
        _identity(request, out, receipt)
        _hints(request, receipt)
        receipt.mark(out, request.cache, "")
        receipt.foreign_extras(request.extras, "")
    if receipt.marked:
        _limit_marks(receipt)
    return out


def _output(output: OutputFormat, config: JsonObject, system: list[JsonObject], receipt: Receipt) -> None:
    """Puts a schema into `config` where the model can hold to it; else the instruction that asks for it into `system`."""
    field = receipt.name("output")
    if output.kind == "json_schema" and output.schema is not None and receipt.profile.capabilities.structured == "native":
        adapted, changes = adapt(output.schema)
        if adapted is not None and adapted.get("type") == "object":
            if output.description is not None:
                adapted.setdefault("description", output.description)
            config["format"] = {"type": "json_schema", "schema": adapted}
            schema = tool_field(receipt.request, "json_schema", "schema")
            for change in changes:
                receipt.emulated(f"{field}.{schema}.{change}", "Anthropic's schemas have no such bound; it is said in words")
            return
    receipt.emulated(field, "asked for in the system prompt: this model or schema has no native form")
    told = "Answer with one JSON object and nothing else: no other text before or after it, no code fence."
    if output.schema is not None:
        about = f"\nThe object: {output.description}" if output.description else ""
        told += f"{about}\nIt must be valid against this JSON Schema:\n{_ENCODER.encode(output.schema).decode()}"
    system.append({"type": "text", "text": told})


def _stop(request: Request, out: JsonObject, receipt: Receipt) -> None:
    kept: list[Json] = []
    for index, sequence in enumerate(request.stop):
        if sequence.strip():
            kept.append(sequence)
        else:
            receipt.dropped(f"stop[{index}]", "Anthropic takes no stop sequence of white space")
    if kept:
        out["stop_sequences"] = kept


def _identity(request: Request, out: JsonObject, receipt: Receipt) -> None:
    """Who asks, and in which tier."""
    if request.user is not None:
        user = request.user
        if len(user) > _LONGEST_USER:
            user = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
            receipt.mapped(receipt.name("user"), f"Anthropic takes {_LONGEST_USER} characters: a digest stands for it")
        out["metadata"] = {"user_id": user}
    if request.metadata is not None:
        receipt.dropped(receipt.name("metadata"), "Anthropic keeps no metadata but the user's id")
    if request.service_tier is not None:
        tier = _TIERS.get(request.service_tier)
        if tier is None:
            receipt.dropped(receipt.name("service_tier"), "Anthropic has no such tier")
        else:
            out["service_tier"] = tier
            if tier != request.service_tier:
                receipt.mapped(receipt.name("service_tier"), tier)


def _hints(request: Request, receipt: Receipt) -> None:
    for name in _HINTS:
        if getattr(request, name) is not None:
            receipt.dropped(receipt.name(name), "Anthropic has no such setting")


def _limit_marks(receipt: Receipt) -> None:
    """Anthropic takes four cache marks: the last ones cover the longest prefixes."""
    for out, path in receipt.marked[:-_MOST_MARKS]:
        del out["cache_control"]
        receipt.dropped(
            f"{path}.cache_control" if path else "cache_control", f"Anthropic takes {_MOST_MARKS} cache marks: the last are kept"
        )
