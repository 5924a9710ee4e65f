"""`tools` and `tool_choice` of a request, from the wire to the neutral model."""

from tidegate.dialects.openai_responses.builtins import BUILTINS
from tidegate.dialects.openai_responses.fields import NAME
from tidegate.dialects.reading import as_list, as_object, join, missing, take_bool, take_object, take_opt_str, take_str, take_strings, wrong
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import AnyTool, NativeTool, Tool, ToolChoice, WebSearch

_MODES: dict[str, ToolChoice] = {"auto": ToolChoice("auto"), "none": ToolChoice("none"), "required": ToolChoice("required")}


def decode_tools(value: Json) -> list[AnyTool]:
    return [_tool(as_object(item, f"tools[{index}]"), f"tools[{index}]") for index, item in enumerate(as_list(value, "tools"))]


def _tool(raw: JsonObject, path: str) -> AnyTool:
    kind = raw.get("type")
    if type(kind) is not str:
        raise missing(join(path, "type")) if kind is None else wrong(join(path, "type"), "a string")
    if kind == "function":
        del raw["type"]
        return Tool(
            take_str(raw, "name", path),
            take_opt_str(raw, "description", path),
            take_object(raw, "parameters", path),
            take_bool(raw, "strict", path),
            extras=raw,
        )
    if kind == "custom":
        del raw["type"]
        tool = Tool(take_str(raw, "name", path), take_opt_str(raw, "description", path), kind="custom", extras=raw)
        tool.format = _format(take_object(raw, "format", path))
        return tool
    if kind.startswith("web_search"):
        return _web_search(raw, path)
    if kind in BUILTINS and _runs_here(raw):
        del raw["type"]
        return Tool(kind, BUILTINS[kind].description, BUILTINS[kind].schema, extras=raw, builtin=kind)
    return NativeTool(NAME, raw)


def _format(raw: JsonObject | None) -> JsonObject | None:
    """A grammar stands in an object of its own in neutral terms, as chat completions have it."""
    if raw is None or raw.get("type") != "grammar":
        return raw
    return {"type": "grammar", "grammar": {name: value for name, value in raw.items() if name != "type"}}


def _runs_here(raw: JsonObject) -> bool:
    """Not in a container of the provider's."""
    environment = raw.get("environment")
    return environment is None or (type(environment) is dict and environment.get("type") == "local")


def _web_search(raw: JsonObject, path: str) -> WebSearch:
    left = dict(raw)
    location = take_object(left, "user_location", path)
    if location is not None:
        location = {name: value for name, value in location.items() if name != "type"}
    filters = take_object(left, "filters", path) or {}
    return WebSearch(
        take_opt_str(left, "search_context_size", path),
        location,
        take_strings(dict(filters), "allowed_domains", join(path, "filters")),
        take_strings(dict(filters), "blocked_domains", join(path, "filters")),
        raw=raw,
    )


def decode_tool_choice(value: Json, extras: JsonObject) -> ToolChoice | None:
    """A word, a named tool or `allowed_tools`. A shape that is not modelled goes to `extras` whole."""
    if type(value) is str:
        mode = _MODES.get(value)
        if mode is None:
            raise bad_request(f"Invalid value: '{value}' for 'tool_choice'.", "tool_choice", "invalid_value")
        return mode
    raw = as_object(value, "tool_choice")
    name = _entry_name(raw)
    choice = ToolChoice("tool", (name,)) if name is not None else _allowed(raw)
    if choice is None:
        extras["tool_choice"] = raw
    return choice


def _allowed(raw: JsonObject) -> ToolChoice | None:
    tools, mode = raw.get("tools"), raw.get("mode")
    if raw.get("type") != "allowed_tools" or raw.keys() != {"type", "mode", "tools"} or type(tools) is not list:
        return None
    names: list[str] = []
    for entry in tools:
        name = _entry_name(entry)
        if name is None:
            return None
        names.append(name)
    return ToolChoice("allowed", tuple(names), mode == "required") if mode in ("auto", "required") else None


def _entry_name(entry: Json) -> str | None:
    """The neutral name of the tool that a choice names; None for one that only OpenAI runs."""
    if type(entry) is not dict:
        return None
    kind, name = entry.get("type"), entry.get("name")
    if kind in ("function", "custom") and type(name) is str and len(entry) == 2:
        return name
    return kind if type(kind) is str and kind in BUILTINS and len(entry) == 1 else None
