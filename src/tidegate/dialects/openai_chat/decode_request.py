"""`POST /v1/chat/completions`, from the wire to the neutral model. Everything that nobody models ends in the `extras` of its object, so
that no field is lost unseen. Raises nothing but `bad_request` with the path of the field."""

from collections.abc import Callable
from typing import cast

from tidegate.dialects.base import Head
from tidegate.dialects.openai_chat.decode_messages import decode_messages
from tidegate.dialects.openai_chat.decode_tools import (
    decode_function_call,
    decode_functions,
    decode_tool_choice,
    decode_tools,
    decode_web_search,
)
from tidegate.dialects.openai_chat.fields import NAME, parse, take_cache
from tidegate.dialects.reading import as_list, missing, take_bool, take_int, take_number, take_object, take_opt_str, take_str, wrong
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import OutputFormat, Reasoning, Request
from tidegate.wire.splice import Fields


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
    model = take_str(raw, "model", "")
    if "messages" not in raw:
        raise missing("messages")
    request = Request(dialect=NAME, model=model, messages=decode_messages(raw.pop("messages")))
    for name in [*filter(_is_read, raw)]:
        if raw[name] is None:
            del raw[name]
        elif name in _VALUES:
            setattr(request, name, _VALUES[name](raw, name, ""))
        else:
            _READERS[name](request, raw, name)
    if raw:
        if not raw.keys().isdisjoint(_OF_TOOLS):
            _tools(request, raw)
        if not raw.keys().isdisjoint(_OF_REASONING):
            _reasoning(request, raw)
        request.extras = raw
    return request


def _max_tokens(request: Request, raw: JsonObject, name: str) -> None:
    """The newer name wins where both are there; the older is then kept as it is."""
    if raw.get("max_completion_tokens") is None and request.max_tokens is None:
        request.max_tokens = take_int(raw, name, "")


def _max_completion_tokens(request: Request, raw: JsonObject, name: str) -> None:
    request.max_tokens = take_int(raw, name, "")


def _stop(request: Request, raw: JsonObject, name: str) -> None:
    value = raw.pop(name)
    if type(value) is str:
        request.stop = [value]
        return
    items = as_list(value, "stop")
    if any(type(item) is not str for item in items):
        raise wrong("stop", "a string or an array of strings")
    request.stop = cast("list[str]", items)


def _stream_options(request: Request, raw: JsonObject, name: str) -> None:
    options = take_object(raw, name, "") or {}
    request.include_usage = take_bool(options, "include_usage", "stream_options") or False
    if options:
        raw[name] = options


def _safety_identifier(request: Request, raw: JsonObject, name: str) -> None:
    """The newer name of `user`; a second, different word stays as it is."""
    if raw.get("user") is None and request.user is None:
        request.user = take_opt_str(raw, name, "")


def _response_format(request: Request, raw: JsonObject, name: str) -> None:
    """`text` is the default and says nothing; kinds that nobody models stay as they are."""
    value = take_object(raw, name, "") or {}
    kind = value.get("type")
    if kind == "text" and len(value) == 1:
        return
    if kind == "json_schema":
        request.output = _json_schema(value)
    elif kind == "json_object":
        request.output = OutputFormat("json_object")
        del value["type"]
    if value:
        raw[name] = value


def _json_schema(value: JsonObject) -> OutputFormat:
    path = "response_format.json_schema"
    inner = take_object(value, "json_schema", "response_format")
    if inner is None:
        raise missing(path)
    del value["type"]
    output = OutputFormat(
        "json_schema",
        take_opt_str(inner, "name", path),
        take_opt_str(inner, "description", path),
        take_object(inner, "schema", path),
        take_bool(inner, "strict", path),
    )
    if inner:
        value["json_schema"] = inner
    return output


def _cache(request: Request, raw: JsonObject, name: str) -> None:
    request.cache = take_cache(raw)


_VALUES: dict[str, Callable[[JsonObject, str, str], object]] = {
    "temperature": take_number,
    "top_p": take_number,
    "presence_penalty": take_number,
    "frequency_penalty": take_number,
    "top_k": take_int,
    "n": take_int,
    "seed": take_int,
    "top_logprobs": take_int,
    "user": take_opt_str,
    "service_tier": take_opt_str,
    "verbosity": take_opt_str,
    "stream": take_bool,
    "logprobs": take_bool,
    "parallel_tool_calls": take_bool,
    "logit_bias": take_object,
    "metadata": take_object,
}
"""Fields that the neutral request has under the same name."""
_READERS: dict[str, Callable[[Request, JsonObject, str], None]] = {
    "max_tokens": _max_tokens,
    "max_completion_tokens": _max_completion_tokens,
    "safety_identifier": _safety_identifier,
    "stop": _stop,
    "stream_options": _stream_options,
    "response_format": _response_format,
    "cache_control": _cache,
}
_is_read = (_VALUES.keys() | _READERS.keys()).__contains__


_OF_TOOLS = frozenset({"tools", "functions", "web_search_options", "tool_choice", "function_call"})
_OF_REASONING = frozenset({"reasoning_effort", "reasoning", "thinking"})


def _tools(request: Request, raw: JsonObject) -> None:
    """What is left of a choice is kept under its name."""
    tools = raw.pop("tools", None)
    if tools is not None:
        request.tools = decode_tools(tools)
    functions = raw.pop("functions", None)
    if functions is not None:
        request.legacy_functions = not request.tools
        request.tools = request.tools + decode_functions(functions)
    search = raw.pop("web_search_options", None)
    if search is not None:
        request.tools = [*request.tools, decode_web_search(search)]
    choice = raw.pop("tool_choice", None)
    if choice is not None:
        request.tool_choice = decode_tool_choice(choice, raw)
    legacy = raw.pop("function_call", None)
    if legacy is not None:
        if request.tool_choice is None:
            request.tool_choice = decode_function_call(legacy, raw)
        else:
            raw["function_call"] = legacy


def _reasoning(request: Request, raw: JsonObject) -> None:
    """`reasoning_effort`, OpenRouter's `reasoning` and the `thinking` of Anthropic, DeepSeek and Z.ai, which OpenAI-shaped clients
    send too. What is left of an object is kept under its name."""
    effort = take_opt_str(raw, "reasoning_effort", "")
    reasoning = take_object(raw, "reasoning", "")
    thinking = take_object(raw, "thinking", "")
    if effort is None and reasoning is None and thinking is None:
        return
    mode: str | None = "disabled" if effort == "none" else None
    budget: int | None = None
    left: JsonObject = {}
    if thinking is not None:
        mode = _take_mode(thinking) or mode
        budget = take_int(thinking, "budget_tokens", "thinking")
        if thinking:
            left["thinking"] = thinking
    if reasoning is not None:
        if effort is None:
            effort = take_opt_str(reasoning, "effort", "reasoning")
        if budget is None:
            budget = take_int(reasoning, "max_tokens", "reasoning")
        enabled = take_bool(reasoning, "enabled", "reasoning")
        if enabled is False or effort == "none":
            mode = "disabled"
        elif enabled and mode is None:
            mode = "enabled"
        if reasoning:
            left["reasoning"] = reasoning
    if mode is None and effort is None and budget is None:
        raw.update(left)
    elif mode == "disabled":
        request.reasoning = Reasoning("disabled", effort, budget, extras=left)
    else:
        request.reasoning = Reasoning("adaptive" if mode == "adaptive" else "enabled", effort, budget, extras=left)


def _take_mode(thinking: JsonObject) -> str | None:
    kind: Json = thinking.get("type")
    if kind in ("enabled", "adaptive", "disabled"):
        del thinking["type"]
        return cast("str", kind)
    return None
