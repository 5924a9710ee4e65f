"""`POST /model/{model}/converse`, from the neutral model to the wire: requests of this dialect exactly, those of others as near as Converse
comes, with a receipt."""

import re
from operator import attrgetter
from typing import cast

import msgspec

from tidegate.dialects.base import Encoded
from tidegate.dialects.bedrock_converse.decode_reasoning import MORE
from tidegate.dialects.bedrock_converse.encode_messages import encode_messages, in_tool_loop_without_thinking
from tidegate.dialects.bedrock_converse.encode_reasoning import foreign_reasoning, own_reasoning
from tidegate.dialects.bedrock_converse.encode_tools import encode_tools
from tidegate.dialects.bedrock_converse.fields import NAME
from tidegate.dialects.bedrock_converse.receipt import Receipt
from tidegate.dialects.reading import merge
from tidegate.dialects.refuse import refuse
from tidegate.dialects.strict_schema import adapt
from tidegate.dialects.terms import tool_field
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import OutputFormat, Request
from tidegate.ir.target import Profile

_ENCODER = msgspec.json.Encoder()
_TIERS = {"default": "default", "standard_only": "default", "flex": "flex", "priority": "priority", "reserved": "reserved"}
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,\-.]{0,256}")
_MOST_METADATA = 16
_SCHEMA_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_HINTS = ("seed", "logit_bias", "presence_penalty", "frequency_penalty", "verbosity", "user")
_hints_of = attrgetter(*_HINTS)


def encode_request(request: Request, profile: Profile) -> Encoded:
    """Raises `GatewayError` (unsupported, bad request) for what Converse cannot honour, with the client's name of the field."""
    receipt = Receipt(request, profile, request.dialect == NAME)
    body = _own(request, receipt) if receipt.own else _foreign(request, receipt)
    return Encoded(_ENCODER.encode(body), receipt.losses)


def _own(request: Request, receipt: Receipt) -> JsonObject:
    system, turns = encode_messages(request, receipt)
    out: JsonObject = {"messages": [turn.wire() for turn in turns]}
    if system:
        out["system"] = system
    inference: JsonObject = {}
    for name, value in (("maxTokens", request.max_tokens), ("temperature", request.temperature), ("topP", request.top_p)):
        if value is not None:
            inference[name] = value
    if request.stop:
        inference["stopSequences"] = cast("list[Json]", request.stop)
    if inference:
        out["inferenceConfig"] = inference
    config, _ = encode_tools(request, turns, receipt)
    if config is not None:
        out["toolConfig"] = config
    if request.output is not None:
        out["outputConfig"] = {"textFormat": _format(request.output, request.output.schema)}
    own_reasoning(request, out)
    if request.service_tier is not None:
        out["serviceTier"] = {"type": request.service_tier}
    if request.metadata is not None:
        out["requestMetadata"] = request.metadata
    merge(out, request.extras)
    return out


def _foreign(request: Request, receipt: Receipt) -> JsonObject:
    refuse(request, "Converse")
    system, turns = encode_messages(request, receipt)
    config, demand = encode_tools(request, turns, receipt)
    out: JsonObject = {}
    told = _output(request.output, out, receipt)
    for instruction in (demand, told):
        if instruction is not None:
            system.append({"text": instruction})
    if system:
        out["system"] = system
    out["messages"] = [turn.wire() for turn in turns]
    inference: JsonObject = {}
    more: JsonObject = {}
    forced = config is not None and "toolChoice" in config
    foreign_reasoning(request, inference, more, receipt, forced=forced, unsigned_loop=in_tool_loop_without_thinking(turns))
    _stop(request, inference, receipt)
    if inference:
        out["inferenceConfig"] = inference
    if config is not None:
        out["toolConfig"] = config
    if more:
        out[MORE] = more
    _labels(request, out, receipt)
    if request.cache is not None:
        receipt.mark(turns[-1].content, request.cache, receipt.name("messages"))
    receipt.limit_marks()
    for name, value in zip(_HINTS, _hints_of(request), strict=True):
        if value is not None:
            receipt.dropped(receipt.name(name), "Converse has no such setting")
    if request.extras:
        receipt.foreign_extras(request.extras, "")
    return out


def _format(output: OutputFormat, schema: Json) -> JsonObject:
    definition: JsonObject = {"schema": _ENCODER.encode(schema).decode()}
    if output.name is not None:
        definition["name"] = output.name
    if output.description is not None:
        definition["description"] = output.description
    return {"type": "json_schema", "structure": {"jsonSchema": definition}}


def _output(output: OutputFormat | None, out: JsonObject, receipt: Receipt) -> str | None:
    """Puts a schema into `out` where the model can hold to it; else the instruction that asks for it."""
    if output is None:
        return None
    field = receipt.name("output")
    if output.kind == "json_schema" and output.schema is not None and receipt.profile.capabilities.structured == "native":
        adapted, changes = adapt(output.schema)
        if adapted is not None and adapted.get("type") == "object":
            if output.name is not None and not _SCHEMA_NAME.fullmatch(output.name):
                output = msgspec.structs.replace(output, name=None)
            out["outputConfig"] = {"textFormat": _format(output, adapted)}
            schema = tool_field(receipt.request, "json_schema", "schema")
            for change in changes:
                receipt.emulated(f"{field}.{schema}.{change}", "Bedrock's schemas have no such bound; it is said in words")
            return None
    receipt.emulated(field, "asked for in the system prompt: this model or schema has no native form")
    told = "Answer with one JSON object and nothing else: no other text before or after it, no code fence."
    if output.schema is None:
        return told
    if output.description:
        told = f"{told}\nThe object: {output.description}"
    return f"{told}\nIt must be valid against this JSON Schema:\n{_ENCODER.encode(output.schema).decode()}"


def _stop(request: Request, inference: JsonObject, receipt: Receipt) -> None:
    kept: list[Json] = []
    for index, sequence in enumerate(request.stop):
        if sequence.strip():
            kept.append(sequence)
        else:
            receipt.dropped(f"{receipt.name('stop')}[{index}]", "Bedrock takes no stop sequence of white space")
    if kept:
        inference["stopSequences"] = kept


def _labels(request: Request, out: JsonObject, receipt: Receipt) -> None:
    """The tier and the labels of the call."""
    if request.service_tier not in (None, "auto"):
        tier = _TIERS.get(request.service_tier)
        if tier is None:
            receipt.dropped(receipt.name("service_tier"), "Bedrock has no such tier")
        else:
            out["serviceTier"] = {"type": tier}
    metadata = request.metadata
    if metadata is None:
        return
    fits = len(metadata) <= _MOST_METADATA and all(
        name and _METADATA.fullmatch(name) and type(value) is str and _METADATA.fullmatch(value) for name, value in metadata.items()
    )
    if fits and metadata:
        out["requestMetadata"] = metadata
    elif metadata:
        receipt.dropped(receipt.name("metadata"), f"Bedrock takes {_MOST_METADATA} labels of plain characters")
