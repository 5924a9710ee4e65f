"""`POST /v1/responses`, from the wire to the neutral model. What nobody models ends in the `extras` of its object, so that no field is lost
unseen. Raises nothing but `bad_request` with the path of the field."""

from typing import cast

from tidegate.dialects.base import Head
from tidegate.dialects.openai_responses.decode_items import decode_input
from tidegate.dialects.openai_responses.decode_tools import decode_tool_choice, decode_tools
from tidegate.dialects.openai_responses.fields import NAME
from tidegate.dialects.reading import missing, take_bool, take_int, take_number, take_object, take_opt_str, take_str, take_strings, wrong
from tidegate.dialects.values import parse
from tidegate.ir.content import Text
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import Message, OutputFormat, Reasoning, Request
from tidegate.wire.splice import Fields

_ENCRYPTED = "reasoning.encrypted_content"
_STATE = ("previous_response_id", "conversation", "prompt", "background")
_SAYS_NOTHING: JsonObject = {"truncation": "disabled", "background": False, "top_logprobs": 0, "metadata": {}}


def head(fields: Fields) -> Head:
    """What routing needs. Raises `bad_request` for a model that is missing or no string, and a `stream` that is no boolean."""
    model = fields.get("model")
    if model is None:
        raise missing("model")
    name = parse(model)
    if type(name) is not str or not name:
        raise wrong("model", "a string")
    stream = fields.get("stream")
    if stream not in (None, b"true", b"false", b"null"):
        raise wrong("stream", "a boolean")
    return Head(name, stream == b"true")


def read_request(raw: JsonObject) -> Request:
    """A whole request."""
    instructions = take_opt_str(raw, "instructions", "")
    request = Request(dialect=NAME, model=take_str(raw, "model", ""), messages=_input(raw), include_usage=True)
    if instructions is not None:
        request.instructions = True
        request.messages = [Message("system", [Text(instructions)]), *request.messages]
    for name, value in [*raw.items()]:
        if value is None or _SAYS_NOTHING.get(name, ...) == value:
            del raw[name]
    request.own_only = tuple(name for name in _STATE if name in raw)
    _tools(request, raw)
    _limits(request, raw)
    _reasoning(request, raw)
    _text(request, raw)
    _include(request, raw)
    request.extras = raw
    return request


def _input(raw: JsonObject) -> list[Message]:
    """None is needed where something else says what to answer."""
    value = raw.pop("input", None)
    if value is None:
        if all(raw.get(name) is None for name in ("previous_response_id", "conversation", "prompt")):
            raise missing("input")
        return []
    return decode_input(value)


def _tools(request: Request, raw: JsonObject) -> None:
    if "tools" in raw:
        request.tools = decode_tools(raw.pop("tools"))
    if "tool_choice" in raw:
        request.tool_choice = decode_tool_choice(raw.pop("tool_choice"), raw)
    request.parallel_tool_calls = take_bool(raw, "parallel_tool_calls", "")


def _limits(request: Request, raw: JsonObject) -> None:
    request.max_tokens = take_int(raw, "max_output_tokens", "")
    request.temperature = take_number(raw, "temperature", "")
    request.top_p = take_number(raw, "top_p", "")
    request.presence_penalty = take_number(raw, "presence_penalty", "")
    request.frequency_penalty = take_number(raw, "frequency_penalty", "")
    request.top_logprobs = take_int(raw, "top_logprobs", "")
    request.stream = take_bool(raw, "stream", "") or False
    request.store = take_bool(raw, "store", "")
    request.service_tier = take_opt_str(raw, "service_tier", "")
    request.metadata = take_object(raw, "metadata", "")
    request.user = take_opt_str(raw, "safety_identifier", "")
    if request.user is None:
        request.user = take_opt_str(raw, "user", "")


def _reasoning(request: Request, raw: JsonObject) -> None:
    """`summary` says how reasoning is shown; `generate_summary` is its older name."""
    reasoning = take_object(raw, "reasoning", "")
    if reasoning is None:
        return
    effort = take_opt_str(reasoning, "effort", "reasoning")
    older = take_opt_str(reasoning, "generate_summary", "reasoning")
    summary = take_opt_str(reasoning, "summary", "reasoning") or older
    rest: JsonObject = {name: value for name, value in reasoning.items() if value is not None}
    if effort is not None or summary is not None or rest:
        request.reasoning = Reasoning("disabled" if effort == "none" else "enabled", effort, None, summary, rest)


def _text(request: Request, raw: JsonObject) -> None:
    text = take_object(raw, "text", "")
    if text is None:
        return
    request.verbosity = take_opt_str(text, "verbosity", "text")
    form = take_object(text, "format", "text")
    if form is not None and form != {"type": "text"}:
        left = _format(request, form)
        if left:
            text["format"] = left
    if text:
        raw["text"] = text


def _format(request: Request, form: JsonObject) -> JsonObject:
    """What is left of the format; a kind that nobody models is left whole."""
    path = "text.format"
    kind = form.get("type")
    if kind == "json_object":
        request.output = OutputFormat("json_object")
    elif kind == "json_schema":
        request.output = OutputFormat(
            "json_schema",
            take_opt_str(form, "name", path),
            take_opt_str(form, "description", path),
            take_object(form, "schema", path),
            take_bool(form, "strict", path),
        )
    else:
        return form
    del form["type"]
    return form


def _include(request: Request, raw: JsonObject) -> None:
    include = take_strings(raw, "include", "")
    if include is None:
        return
    request.encrypted_reasoning = _ENCRYPTED in include
    others = [word for word in include if word != _ENCRYPTED]
    if others:
        raw["include"] = cast("list[Json]", others)
