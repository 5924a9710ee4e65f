"""`tools` and `tool_choice` of a request, from the wire to the neutral model."""

from tidegate.dialects.anthropic.decode_blocks import NAME
from tidegate.dialects.anthropic.fields import take_cache
from tidegate.dialects.reading import (
    as_list,
    as_object,
    join,
    take_bool,
    take_int,
    take_object,
    take_opt_str,
    take_str,
    take_strings,
    wrong,
)
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import AnyTool, NativeTool, Tool, ToolChoice, WebSearch

_MODES = ("auto", "any", "tool", "none")


def decode_tools(value: Json) -> list[AnyTool]:
    return [_tool(as_object(item, f"tools[{index}]"), f"tools[{index}]") for index, item in enumerate(as_list(value, "tools"))]


def _tool(raw: JsonObject, path: str) -> AnyTool:
    kind = raw.get("type")
    if kind is None or kind == "custom":
        raw.pop("type", None)
        return _custom(raw, path)
    if type(kind) is not str:
        raise wrong(join(path, "type"), "a string")
    if kind.startswith("web_search_"):
        return _web_search(raw, path)
    return NativeTool(NAME, raw)


def _custom(raw: JsonObject, path: str) -> Tool:
    """A tool that the client runs; `type: custom` is the default and not kept."""
    schema = raw.pop("input_schema", None)
    if schema is not None:
        as_object(schema, join(path, "input_schema"))
    return Tool(
        name=take_str(raw, "name", path),
        description=take_opt_str(raw, "description", path),
        schema=schema,
        strict=take_bool(raw, "strict", path),
        cache=take_cache(raw, path),
        extras=raw,
    )


def _web_search(raw: JsonObject, path: str) -> WebSearch:
    left = dict(raw)
    location = take_object(left, "user_location", path)
    if location is not None:
        location = {name: value for name, value in location.items() if name != "type"}
    return WebSearch(
        user_location=location,
        allowed_domains=take_strings(left, "allowed_domains", path),
        blocked_domains=take_strings(left, "blocked_domains", path),
        max_uses=take_int(left, "max_uses", path),
        raw=raw,
    )


def decode_tool_choice(value: Json, extras: JsonObject) -> tuple[ToolChoice, bool | None]:
    """The choice, and whether parallel calls are allowed (None: not said). Fields that nobody models go to `extras`."""
    raw = as_object(value, "tool_choice")
    mode = take_str(raw, "type", "tool_choice")
    disabled = take_bool(raw, "disable_parallel_tool_use", "tool_choice")
    if mode == "tool":
        choice = ToolChoice("tool", (take_str(raw, "name", "tool_choice"),))
    elif mode == "any":
        choice = ToolChoice("required")
    elif mode == "auto":
        choice = ToolChoice("auto")
    elif mode == "none":
        choice = ToolChoice("none")
    else:
        raise wrong("tool_choice.type", f"one of {', '.join(_MODES)}")
    if raw:
        extras["tool_choice"] = raw
    return choice, None if disabled is None else not disabled
