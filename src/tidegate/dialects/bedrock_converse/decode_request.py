"""`POST /model/{model}/converse`, from the wire to the neutral model. Everything that nobody models ends in the `extras` of its object, so
that no field is lost unseen. The model and whether the answer is streamed stand in the URL. Raises nothing but `bad_request` with the
path of the field."""

import msgspec

from tidegate.dialects.base import Head
from tidegate.dialects.bedrock_converse.decode_blocks import decode_blocks
from tidegate.dialects.bedrock_converse.decode_reasoning import decode_reasoning
from tidegate.dialects.bedrock_converse.decode_tools import decode_tool_choice, decode_tools
from tidegate.dialects.bedrock_converse.fields import NAME
from tidegate.dialects.reading import (
    as_list,
    as_object,
    join,
    missing,
    take_int,
    take_number,
    take_object,
    take_opt_str,
    take_str,
    take_strings,
    wrong,
)
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import Message, OutputFormat, Request, Role
from tidegate.wire.splice import Fields

_DECODER = msgspec.json.Decoder()
_ROLES: dict[object, Role] = {"user": "user", "assistant": "assistant", "system": "system"}


def head(fields: Fields) -> Head:
    """The body says neither the model nor whether to stream."""
    del fields
    return Head("", False)


def read_count(raw: JsonObject) -> Request:
    """A request of `count-tokens`: the one of Converse inside. Bodies of single models (`invokeModel`) are not read."""
    wanted = take_object(raw, "input", "")
    if wanted is None:
        raise missing("input")
    inside = take_object(wanted, "converse", "input")
    if inside is None:
        raise bad_request("input.converse: field required; the tokens of `invokeModel` are not counted here", "input.converse")
    return read_request(dict(inside))


def read_request(raw: JsonObject) -> Request:
    request = Request(dialect=NAME, model="", messages=_messages(raw), include_usage=True)
    _inference(raw, request)
    _tools(raw, request)
    tier = take_object(raw, "serviceTier", "")
    if tier is not None:
        left = dict(tier)
        request.service_tier = take_opt_str(left, "type", "serviceTier")
        _keep(raw, "serviceTier", left)
    request.metadata = take_object(raw, "requestMetadata", "")
    effort = _output(raw, request)
    request.reasoning = decode_reasoning(raw, request, effort)
    request.extras = raw
    return request


def _keep(raw: JsonObject, name: str, left: JsonObject) -> None:
    if left:
        raw[name] = left


def _messages(raw: JsonObject) -> list[Message]:
    messages: list[Message] = []
    system = raw.pop("system", None)
    if system is not None:
        blocks = decode_blocks(system, "system")
        if blocks:
            messages.append(Message("system", blocks))
    listed = raw.pop("messages", None)
    if listed is None:
        raise missing("messages")
    items = as_list(listed, "messages")
    if not items:
        raise bad_request("messages: at least one message is required", "messages")
    for index, item in enumerate(items):
        messages.append(_message(dict(as_object(item, f"messages[{index}]")), f"messages[{index}]"))
    return messages


def _message(raw: JsonObject, path: str) -> Message:
    word = raw.pop("role", None)
    role = _ROLES.get(word) if type(word) is str else None
    if role is None:
        raise missing(f"{path}.role") if word is None else wrong(f"{path}.role", "one of user, assistant, system")
    if "content" not in raw:
        raise missing(f"{path}.content")
    return Message(role, decode_blocks(raw.pop("content"), f"{path}.content"), extras=raw)


def _inference(raw: JsonObject, request: Request) -> None:
    where = "inferenceConfig"
    config = take_object(raw, where, "")
    if config is None:
        return
    left = dict(config)
    request.max_tokens = take_int(left, "maxTokens", where)
    request.temperature = take_number(left, "temperature", where)
    request.top_p = take_number(left, "topP", where)
    request.stop = take_strings(left, "stopSequences", where) or []
    _keep(raw, where, left)


def _tools(raw: JsonObject, request: Request) -> None:
    where = "toolConfig"
    config = take_object(raw, where, "")
    if config is None:
        return
    left = dict(config)
    tools = left.pop("tools", None)
    if tools is not None:
        request.tools = decode_tools(tools, join(where, "tools"))
    request.tool_choice = decode_tool_choice(left, where)
    _keep(raw, where, left)


def _output(raw: JsonObject, request: Request) -> str | None:
    """Reads the format of the output; returns the effort that stands beside it."""
    where = "outputConfig"
    config = take_object(raw, where, "")
    if config is None:
        return None
    left = dict(config)
    request.output = _format(left, join(where, "textFormat"))
    effort = take_opt_str(left, "effort", where)
    _keep(raw, where, left)
    return effort


def _format(config: JsonObject, path: str) -> OutputFormat | None:
    given = take_object(config, "textFormat", "outputConfig")
    if given is None:
        return None
    left = dict(given)
    kind = take_str(left, "type", path)
    if kind != "json_schema":
        raise wrong(f"{path}.type", "json_schema")
    at = f"{path}.structure.jsonSchema"
    structure = dict(as_object(left.pop("structure", None), f"{path}.structure"))
    schema = dict(as_object(structure.pop("jsonSchema", None), at))
    text = take_str(schema, "schema", at)
    try:
        shape: Json = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise wrong(f"{at}.schema", "a JSON Schema as text") from None
    found = OutputFormat(
        "json_schema",
        name=take_opt_str(schema, "name", at),
        description=take_opt_str(schema, "description", at),
        schema=as_object(shape, f"{at}.schema"),
    )
    _keep(structure, "jsonSchema", schema)
    _keep(left, "structure", structure)
    _keep(config, "textFormat", left)
    return found
