"""The neutral model to `POST /v1/responses`, in one canonical form. What cannot be carried is a loss; what would change the meaning of the
request raises `unsupported`. A provider's quirks are applied to the bytes after this."""

import hashlib
from typing import cast

from tidegate.dialects.base import Encoded
from tidegate.dialects.openai_responses.encode_items import encode_input
from tidegate.dialects.openai_responses.encode_tools import encode_tools
from tidegate.dialects.openai_responses.encoding import Encoding
from tidegate.dialects.openai_responses.fields import NAME
from tidegate.dialects.reading import merge
from tidegate.dialects.reasoning_effort import drop_reasoning, effort_of
from tidegate.dialects.refuse import refuse
from tidegate.dialects.values import dump, dump_text
from tidegate.ir.content import Text
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import Message, OutputFormat, Request
from tidegate.ir.target import Profile

ENCRYPTED = "reasoning.encrypted_content"
_LEAST_OUTPUT = 16
"""OpenAI answers 400 to fewer (lingua-a7e6f5f8527d)."""
_LONGEST_USER = 64
_SUMMARIES: dict[str, str | None] = {"auto": "auto", "concise": "concise", "detailed": "detailed", "summarized": "auto", "omitted": None}
_TIERS = {"auto": "auto", "default": "default", "flex": "flex", "scale": "scale", "priority": "priority", "standard_only": "default"}
_UNKNOWN = ("seed", "logit_bias", "presence_penalty", "frequency_penalty", "top_k")


def encode_request(request: Request, profile: Profile) -> Encoded:
    """The body for `profile`'s model. Raises `unsupported` (and `bad_request` for JSON nested too deeply)."""
    encoding = Encoding(request, profile, request.dialect == NAME)
    body: JsonObject = {"model": profile.model}
    instructions, first = _instructions(encoding)
    body["input"] = cast("list[Json]", encode_input(encoding, first))
    told = [] if instructions is None else [instructions]
    demand = encode_tools(encoding, body)
    if demand is not None:
        told.append(demand)
    _limits(encoding, body)
    _reasoning(encoding, body)
    asked = _text(encoding, body)
    if asked is not None:
        told.append(asked)
    if told and not body["input"] and not encoding.own:
        # OpenAI wants an input; these words are the request then.
        body["input"] = [{"type": "message", "role": "developer", "content": "\n\n".join(told)}]
    elif told:
        body["instructions"] = "\n\n".join(told)
    _own(request, body) if encoding.own else _foreign(encoding, body)
    if request.stream:
        body["stream"] = True
    try:
        return Encoded(dump(body), encoding.losses)
    except RecursionError:
        raise bad_request("the JSON is nested too deeply") from None


def _instructions(encoding: Encoding) -> tuple[str | None, int]:
    """The leading system prompts, and where the other messages begin. An own request has them where it had them."""
    messages = encoding.request.messages
    first = 0
    texts: list[str] = []
    if encoding.own:
        if encoding.request.instructions:
            texts, first = [block.text for block in messages[0].blocks if isinstance(block, Text)], 1
    else:
        while first < len(messages) and messages[first].role == "system" and _is_plain(messages[first]):
            for at, block in enumerate(messages[first].blocks):
                if isinstance(block, Text):
                    texts.append(block.text)
                    encoding.no_mark(block.cache, encoding.block(first, at))
                    encoding.foreign_extras(block.extras, encoding.block(first, at))
            if messages[first].name is not None:
                encoding.dropped(f"{encoding.message(first)}.name", "instructions have no names")
            encoding.foreign_extras(messages[first].extras, encoding.message(first))
            first += 1
    return ("\n\n".join(texts) if first else None), first


def _is_plain(message: Message) -> bool:
    return all(isinstance(block, Text) and not block.citations for block in message.blocks)


def _limits(encoding: Encoding, body: JsonObject) -> None:
    request, capabilities = encoding.request, encoding.profile.capabilities
    if request.max_tokens is not None:
        wanted = request.max_tokens
        if not encoding.own:
            most = capabilities.max_output
            wanted = max(wanted, _LEAST_OUTPUT) if most is None else min(max(wanted, _LEAST_OUTPUT), most)
            if wanted != request.max_tokens:
                encoding.mapped(
                    encoding.name("max_tokens"), f"the model writes {_LEAST_OUTPUT} to {most or 'any number of'} tokens: {wanted}"
                )
        body["max_output_tokens"] = wanted
    for name in ("temperature", "top_p"):
        value = getattr(request, name)
        if value is None:
            continue
        if encoding.own or capabilities.sampling:
            body[name] = value
        else:
            encoding.dropped(name, "the model takes no sampling parameters")


def _reasoning(encoding: Encoding, body: JsonObject) -> None:
    reasoning, capabilities = encoding.request.reasoning, encoding.profile.capabilities
    if reasoning is None:
        return
    raw: JsonObject = {}
    if encoding.own:
        if reasoning.effort is not None:
            raw["effort"] = reasoning.effort
        if reasoning.display is not None:
            raw["summary"] = reasoning.display
        merge(raw, reasoning.extras)
    else:
        encoding.foreign_extras(reasoning.extras, encoding.name("reasoning"))
        effort = effort_of(encoding, reasoning, shows=True)
        if effort is not None:
            raw["effort"] = effort
        summary = _SUMMARIES.get(reasoning.display) if reasoning.display is not None and capabilities.thinking == "effort" else None
        if summary is not None:
            raw["summary"] = summary
        elif reasoning.display not in (None, "omitted") and capabilities.thinking == "effort":
            drop_reasoning(encoding, reasoning, "how reasoning is shown is not known")
        if effort not in (None, "none") and not capabilities.sampling_while_thinking:
            for name in ("temperature", "top_p"):
                if body.pop(name, None) is not None:
                    encoding.dropped(name, "the model takes none while it reasons")
    if raw:
        body["reasoning"] = raw


def _text(encoding: Encoding, body: JsonObject) -> str | None:
    """Sets `text`, or gives the instruction that asks for the format where the model has none."""
    request = encoding.request
    text: JsonObject = {}
    instruction = None
    if request.output is not None:
        style = encoding.profile.capabilities.structured
        if encoding.own or style == "native" or (style == "json_object" and request.output.kind == "json_object"):
            text["format"] = _format(encoding, request.output)
        else:
            encoding.emulated(encoding.name("output"), "the model has no structured output: asked for in the instructions")
            instruction = "Answer with one JSON object and nothing else."
            if request.output.schema is not None:
                instruction = f"Answer with JSON that fits this JSON Schema, and with nothing else:\n{dump_text(request.output.schema)}"
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    if text:
        body["text"] = text
    return instruction


def _format(encoding: Encoding, output: OutputFormat) -> JsonObject:
    if output.kind == "json_object":
        return {"type": "json_object"}
    form: JsonObject = {"type": "json_schema"}
    if output.name is not None or not encoding.own:
        form["name"] = output.name or "response"
    if output.description is not None:
        form["description"] = output.description
    form["schema"] = output.schema
    if output.strict is not None:
        form["strict"] = output.strict
    elif not encoding.own:
        form["strict"] = False
    return form


def _own(request: Request, body: JsonObject) -> None:
    for name in ("presence_penalty", "frequency_penalty", "top_logprobs", "store", "service_tier", "metadata"):
        value = getattr(request, name)
        if value is not None:
            body[name] = value
    if request.user is not None:
        body["safety_identifier"] = request.user
    others = request.extras.get("include")
    include: list[Json] = [ENCRYPTED] if request.encrypted_reasoning else []
    if type(others) is list:
        include += others
    if include:
        body["include"] = include
    merge(body, request.extras)


def _foreign(encoding: Encoding, body: JsonObject) -> None:
    """Nothing is kept by the provider; reasoning comes back signed, so that the client can keep it."""
    request = encoding.request
    refuse(request, "The Responses API")
    body["store"] = False
    if encoding.profile.capabilities.thinking == "effort":
        body["include"] = [ENCRYPTED]
    if request.stop:
        encoding.dropped(encoding.name("stop"), "the Responses API has no stop sequences")
    for name in _UNKNOWN:
        if getattr(request, name) is not None:
            encoding.dropped(encoding.name(name), "the Responses API has no such field")
    if request.metadata is not None:
        body["metadata"] = request.metadata
    _user(encoding, body)
    encoding.no_mark(request.cache, "")
    encoding.foreign_extras(request.extras, "")


def _user(encoding: Encoding, body: JsonObject) -> None:
    request = encoding.request
    if request.user is not None:
        user = request.user
        if len(user) > _LONGEST_USER:
            user = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
            encoding.mapped(encoding.name("user"), f"longer than {_LONGEST_USER} characters: a digest is sent")
        body["safety_identifier"] = user
    if request.service_tier is not None:
        tier = _TIERS.get(request.service_tier)
        if tier is None:
            encoding.dropped("service_tier", f"OpenAI has no service tier {request.service_tier!r}")
        elif tier != "auto":
            body["service_tier"] = tier
            if tier != request.service_tier:
                encoding.mapped("service_tier", f"`{request.service_tier}` is OpenAI's `{tier}`")
