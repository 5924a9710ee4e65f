"""`POST /v1/messages`, from the wire to the neutral model. Everything that nobody models ends in the `extras` of its object, so that
no field is lost unseen. Raises nothing but `bad_request` with the path of the field."""

import msgspec

from tidegate.dialects.anthropic.decode_blocks import NAME, decode_content
from tidegate.dialects.anthropic.decode_tools import decode_tool_choice, decode_tools
from tidegate.dialects.anthropic.fields import take_cache
from tidegate.dialects.base import Head
from tidegate.dialects.reading import (
    as_list,
    as_object,
    missing,
    take_bool,
    take_int,
    take_number,
    take_object,
    take_opt_str,
    take_str,
    take_strings,
    wrong,
)
from tidegate.ir.errors import bad_request
from tidegate.ir.json import JsonObject
from tidegate.ir.request import Message, OutputFormat, Reasoning, Request, Role
from tidegate.wire.splice import Fields

_DECODER = msgspec.json.Decoder()
_ROLES: dict[object, Role] = {"user": "user", "assistant": "assistant", "system": "system"}


def head(fields: Fields) -> Head:
    """What routing needs. Raises `bad_request` for a model that is missing or no string, and a `stream` that is no boolean."""
    model = fields.get("model")
    if model is None:
        raise missing("model")
    name: object = _DECODER.decode(model)
    if type(name) is not str or not name:
        raise wrong("model", "a string")
    stream = fields.get("stream")
    if stream not in (None, b"true", b"false", b"null"):
        raise wrong("stream", "a boolean")
    return Head(name, stream == b"true")


def read_request(raw: JsonObject) -> Request:
    """A whole request: `max_tokens` is required, as Anthropic has it."""
    request = read_count(raw)
    if request.max_tokens is None:
        raise missing("max_tokens")
    return request


def read_unnamed(raw: JsonObject) -> Request:
    """The same where the URL names the model."""
    raw.setdefault("model", "")
    return read_request(raw)


def read_count(raw: JsonObject) -> Request:
    """The same for token counting, where `max_tokens` is not needed."""
    more: JsonObject = {}
    request = Request(dialect=NAME, model=take_str(raw, "model", ""), messages=_messages(raw))
    if "tools" in raw:
        tools = raw.pop("tools")
        request.tools = [] if tools is None else decode_tools(tools)
    choice = raw.pop("tool_choice", None)
    if choice is not None:
        request.tool_choice, request.parallel_tool_calls = decode_tool_choice(choice, more)
    request.max_tokens = take_int(raw, "max_tokens", "")
    request.temperature = take_number(raw, "temperature", "")
    request.top_p = take_number(raw, "top_p", "")
    request.top_k = take_int(raw, "top_k", "")
    request.stop = take_strings(raw, "stop_sequences", "") or []
    request.stream = take_bool(raw, "stream", "") or False
    request.include_usage = True
    request.service_tier = take_opt_str(raw, "service_tier", "")
    request.cache = take_cache(raw, "")
    _metadata(raw, request, more)
    _output(raw, request, more)
    request.extras = raw | more
    return request


def _messages(raw: JsonObject) -> list[Message]:
    messages: list[Message] = []
    system = raw.pop("system", None)
    if system is not None:
        messages.append(Message("system", decode_content(system, "system")))
    listed = raw.pop("messages", None)
    if listed is None:
        raise missing("messages")
    items = as_list(listed, "messages")
    if not items:
        raise bad_request("messages: at least one message is required", "messages")
    for index, item in enumerate(items):
        messages.append(_message(as_object(item, f"messages[{index}]"), f"messages[{index}]"))
    return messages


def _message(raw: JsonObject, path: str) -> Message:
    word = raw.pop("role", None)
    role = _ROLES.get(word) if type(word) is str else None
    if role is None:
        raise missing(f"{path}.role") if word is None else wrong(f"{path}.role", "one of user, assistant, system")
    if "content" not in raw:
        raise missing(f"{path}.content")
    return Message(role, decode_content(raw.pop("content"), f"{path}.content"), extras=raw)


def _metadata(raw: JsonObject, request: Request, more: JsonObject) -> None:
    metadata = take_object(raw, "metadata", "")
    if metadata is None:
        return
    request.user = take_opt_str(metadata, "user_id", "metadata")
    if metadata:
        more["metadata"] = metadata


def _output(raw: JsonObject, request: Request, more: JsonObject) -> None:
    """`thinking`, `output_config` and the older `output_format`."""
    effort: str | None = None
    config = take_object(raw, "output_config", "")
    if config is not None:
        effort = take_opt_str(config, "effort", "output_config")
        request.output = _format(take_object(config, "format", "output_config"), "output_config.format", more)
        if config:
            more.setdefault("output_config", {})
            found = more["output_config"]
            if type(found) is dict:
                found.update(config)
    older = take_object(raw, "output_format", "")
    if older is not None and request.output is None:
        request.output = _format(older, "output_format", more)
    request.reasoning = _thinking(take_object(raw, "thinking", ""), effort, more)


def _format(raw: JsonObject | None, path: str, more: JsonObject) -> OutputFormat | None:
    if raw is None:
        return None
    kind = take_str(raw, "type", path)
    if kind != "json_schema":
        raise wrong(f"{path}.type", "json_schema")
    schema = take_object(raw, "schema", path)
    if schema is None:
        raise missing(f"{path}.schema")
    if raw:
        more["output_config"] = {"format": raw}
    return OutputFormat("json_schema", schema=schema)


def _thinking(raw: JsonObject | None, effort: str | None, more: JsonObject) -> Reasoning | None:
    """An effort without `thinking` stands alone: it holds for the whole answer. A mode that is not modelled is kept as it is."""
    alone = Reasoning(effort=effort) if effort is not None else None
    if raw is None:
        return alone
    kind = take_str(raw, "type", "thinking")
    display = take_opt_str(raw, "display", "thinking")
    if kind == "adaptive":
        return Reasoning("adaptive", effort, None, display, raw)
    if kind == "disabled":
        return Reasoning("disabled", effort, None, display, raw)
    if kind == "enabled":
        budget = take_int(raw, "budget_tokens", "thinking")
        if budget is None:
            raise missing("thinking.budget_tokens")
        return Reasoning("enabled", effort, budget, display, raw)
    more["thinking"] = {"type": kind, **({"display": display} if display is not None else {}), **raw}
    return alone
