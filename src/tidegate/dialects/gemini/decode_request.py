"""`generateContent` and `streamGenerateContent`, from the wire to the neutral model. The model and whether the answer is streamed stand in
the URL. Everything that nobody models ends in the `extras` of its object. Raises nothing but `bad_request` with the path of the field."""

import msgspec

from tidegate.dialects.base import Head
from tidegate.dialects.gemini.decode_parts import Calls, decode_parts
from tidegate.dialects.gemini.decode_tools import decode_tool_config, decode_tools
from tidegate.dialects.gemini.names import NAME, camel, many
from tidegate.dialects.gemini.schema import to_json_schema
from tidegate.dialects.reading import (
    as_list,
    as_object,
    join,
    missing,
    take_bool,
    take_int,
    take_number,
    take_object,
    take_opt_str,
    take_strings,
    wrong,
)
from tidegate.ir.content import Block, Text
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import Message, OutputFormat, Reasoning, Request, Role
from tidegate.wire.splice import Fields

_DECODER = msgspec.json.Decoder()
_CONFIG = "generationConfig"
_THINKING = "generationConfig.thinkingConfig"
_ROLES: dict[object, Role] = {"user": "user", "model": "assistant", "function": "user", None: "user", "": "user"}
_EFFORTS = ("minimal", "low", "medium", "high")
_JSON = "application/json"


def head(fields: Fields) -> Head:
    """The URL says the model; a body that names one says the same."""
    model = fields.get("model")
    name: object = None if model is None else _DECODER.decode(model)
    if type(name) is not str or not name:
        raise missing("model")
    return Head(name.removeprefix("models/"), False)


def read_count(raw: JsonObject) -> Request:
    """`countTokens`: contents alone, or a whole request in `generateContentRequest`."""
    raw = camel(raw)
    whole = take_object(raw, "generateContentRequest", "")
    return read_request(dict(whole) if whole is not None else raw)


def read_request(raw: JsonObject) -> Request:
    """A whole request."""
    raw = camel(raw)
    raw.pop("model", None)
    request = Request(dialect=NAME, model="", messages=[], include_usage=True)
    request.messages = _messages(raw, request)
    tools = raw.pop("tools", None)
    if tools is not None:
        request.tools = decode_tools(tools)
    config = take_object(raw, "toolConfig", "")
    if config is not None:
        config = camel(dict(config))
        decode_tool_config(config, request)
        if config:
            raw["toolConfig"] = config
    settings = take_object(raw, _CONFIG, "")
    if settings is not None:
        settings = camel(dict(settings))
        _settings(settings, request)
        if settings:
            raw[_CONFIG] = settings
    request.service_tier = take_opt_str(raw, "serviceTier", "")
    if raw.get("cachedContent") is not None:
        # Contents that only its provider holds.
        request.own_only = ("cachedContent",)
    request.extras = raw
    return request


def _messages(raw: JsonObject, request: Request) -> list[Message]:
    messages: list[Message] = []
    calls = Calls()
    system = raw.pop("systemInstruction", None)
    if system is not None:
        request.instructions = True
        messages.append(_system(system, calls))
    listed = raw.pop("contents", None)
    if listed is None:
        raise missing("contents")
    if type(listed) is str:
        return [*messages, Message("user", [Text(listed)])]
    for index, item in enumerate(as_list(many(listed), "contents")):
        path = f"contents[{index}]"
        content = camel(as_object(item, path))
        role = content.pop("role", None)
        known = _ROLES.get(role) if role is None or type(role) is str else None
        if known is None:
            raise wrong(f"{path}.role", "one of user, model")
        parts = content.pop("parts", None)
        blocks = [] if parts is None else decode_parts(parts, f"{path}.parts", calls)
        last = messages[-1] if messages else None
        if known == "assistant" and last is not None and last.role == "assistant" and not content and not last.extras:
            _continue(last, blocks)
        else:
            messages.append(Message(known, blocks, extras=content))
    if len(messages) == request.instructions:
        raise bad_request("contents: at least one content is required", "contents")
    return messages


def _continue(turn: Message, blocks: list[Block]) -> None:
    """Google's own clients keep each piece of a streamed answer as a content: together they are one turn, whose text goes on."""
    for block in blocks:
        last = turn.blocks[-1] if turn.blocks else None
        if isinstance(block, Text) and not block.extras and (not block.text or isinstance(last, Text)):
            if isinstance(last, Text) and not last.extras:
                last.text += block.text
            elif block.text:
                turn.blocks.append(block)
        else:
            turn.blocks.append(block)


def _system(value: Json, calls: Calls) -> Message:
    """Its role says nothing: clients write `user` or `system`."""
    if type(value) is str:
        return Message("system", [Text(value)])
    content = camel(as_object(value, "systemInstruction"))
    content.pop("role", None)
    parts = content.pop("parts", None)
    return Message("system", [] if parts is None else decode_parts(parts, "systemInstruction.parts", calls), extras=content)


def _settings(raw: JsonObject, request: Request) -> None:
    request.max_tokens = take_int(raw, "maxOutputTokens", _CONFIG)
    request.temperature = take_number(raw, "temperature", _CONFIG)
    request.top_p = take_number(raw, "topP", _CONFIG)
    request.top_k = take_int(raw, "topK", _CONFIG)
    request.stop = take_strings(raw, "stopSequences", _CONFIG) or []
    request.seed = take_int(raw, "seed", _CONFIG)
    request.n = take_int(raw, "candidateCount", _CONFIG)
    request.presence_penalty = take_number(raw, "presencePenalty", _CONFIG)
    request.frequency_penalty = take_number(raw, "frequencyPenalty", _CONFIG)
    request.logprobs = take_bool(raw, "responseLogprobs", _CONFIG)
    request.top_logprobs = take_int(raw, "logprobs", _CONFIG)
    kinds = take_strings(raw, "responseModalities", _CONFIG) or []
    # Some clients say text alone with every request: it is the default.
    request.modalities = [] if [kind.upper() for kind in kinds] == ["TEXT"] else [kind.lower() for kind in kinds]
    request.output = _output(raw)
    request.reasoning = _reasoning(raw)


def _output(raw: JsonObject) -> OutputFormat | None:
    """Other media types (`text/plain`, `text/x.enum`) stay among the extras, with their schema."""
    kind = raw.get("responseMimeType")
    if kind not in (_JSON, None):
        if type(kind) is not str:
            raise wrong(f"{_CONFIG}.responseMimeType", "a string")
        if kind == "text/plain" and "responseSchema" not in raw and "responseJsonSchema" not in raw:
            del raw["responseMimeType"]
        return None
    schema, own = take_object(raw, "responseJsonSchema", _CONFIG), take_object(raw, "responseSchema", _CONFIG)
    raw.pop("responseMimeType", None)
    if schema is not None:
        return OutputFormat("json_schema", schema=schema)
    if own is not None:
        return OutputFormat("json_schema", schema=to_json_schema(own, join(_CONFIG, "responseSchema")), own_schema=own)
    return OutputFormat("json_object") if kind == _JSON else None


def _reasoning(raw: JsonObject) -> Reasoning | None:
    config = take_object(raw, "thinkingConfig", _CONFIG)
    if config is None:
        return None
    config = camel(dict(config))
    budget, level = take_int(config, "thinkingBudget", _THINKING), take_opt_str(config, "thinkingLevel", _THINKING)
    shown = take_bool(config, "includeThoughts", _THINKING)
    display = None if shown is None else "summarized" if shown else "omitted"
    effort = None if level is None else level.lower()
    if effort is not None and effort not in _EFFORTS:
        effort = None
        if level != "THINKING_LEVEL_UNSPECIFIED":
            config["thinkingLevel"] = level
    if budget == 0:
        return Reasoning("disabled", effort, None, display, config)
    if budget is not None and budget > 0:
        return Reasoning("enabled", effort, budget, display, config)
    if effort is not None:
        return Reasoning("enabled", effort, None, display, config)
    # -1 leaves the amount to the model, as saying nothing does.
    return Reasoning("adaptive", None, None, display, config)
