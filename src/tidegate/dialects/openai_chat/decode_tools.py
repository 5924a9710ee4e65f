"""`tools`, `tool_choice` and their forerunners `functions` and `function_call`, from the wire to the neutral model."""

from tidegate.dialects.openai_chat.fields import NAME, take_cache
from tidegate.dialects.reading import as_list, as_object, join, missing, take_bool, take_object, take_opt_str, take_str, wrong
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import AnyTool, NativeTool, Tool, ToolChoice, WebSearch

_MODES: dict[str, ToolChoice] = {
    "auto": ToolChoice("auto"),
    "none": ToolChoice("none"),
    "required": ToolChoice("required"),
    "any": ToolChoice("required"),
}
"""`any` is Mistral's word for `required`."""


def decode_tools(value: Json) -> list[AnyTool]:
    return [_tool(as_object(item, f"tools[{index}]"), f"tools[{index}]") for index, item in enumerate(as_list(value, "tools"))]


def decode_functions(value: Json) -> list[AnyTool]:
    """The legacy list: bare functions."""
    tools: list[AnyTool] = []
    for index, item in enumerate(as_list(value, "functions")):
        path = f"functions[{index}]"
        inner = as_object(item, path)
        tool = _function(inner, path)
        tool.extras = {"function": inner} if inner else {}
        tools.append(tool)
    return tools


def _tool(raw: JsonObject, path: str) -> AnyTool:
    kind = raw.get("type")
    if kind is None or kind == "function":
        inner = take_object(raw, "function", path)
        if inner is None:
            raise missing(join(path, "type" if kind is None else "function"))
        raw.pop("type", None)
        tool = _function(inner, f"{path}.function")
        word = "function"
    elif kind == "custom":
        inner = take_object(raw, "custom", path)
        if inner is None:
            raise missing(join(path, "custom"))
        del raw["type"]
        where = join(path, "custom")
        tool = Tool(take_str(inner, "name", where), take_opt_str(inner, "description", where), kind="custom")
        tool.format = take_object(inner, "format", where)
        word = "custom"
    elif type(kind) is str:
        return NativeTool(NAME, raw)
    else:
        raise wrong(join(path, "type"), "a string")
    if raw:
        tool.cache = take_cache(raw)
    if inner:
        raw[word] = inner
    tool.extras = raw
    return tool


def _function(inner: JsonObject, path: str) -> Tool:
    tool = Tool(take_str(inner, "name", path), take_opt_str(inner, "description", path), take_object(inner, "parameters", path))
    if inner:
        tool.strict = take_bool(inner, "strict", path)
    return tool


def decode_tool_choice(value: Json, extras: JsonObject) -> ToolChoice | None:
    """A word, a named tool or `allowed_tools`. A shape that is not modelled goes to `extras` whole."""
    if type(value) is str:
        mode = _MODES.get(value)
        if mode is None:
            raise bad_request(f"Invalid value: '{value}' for 'tool_choice'.", "tool_choice", "invalid_value")
        return mode
    raw = as_object(value, "tool_choice")
    kind = raw.get("type")
    if kind in ("function", "custom") or (kind is None and "function" in raw):
        word = "custom" if kind == "custom" else "function"
        raw.pop("type", None)
        inner = take_object(raw, word, "tool_choice")
        if inner is None:
            raise missing(f"tool_choice.{word}")
        choice = ToolChoice("tool", (take_str(inner, "name", f"tool_choice.{word}"),))
        if inner:
            raw[word] = inner
        if raw:
            extras["tool_choice"] = raw
        return choice
    if type(kind) is str and len(raw) == 1 and kind in _MODES:
        return _MODES[kind]
    allowed = _allowed(raw) if kind == "allowed_tools" else None
    if allowed is None:
        extras["tool_choice"] = raw
    return allowed


def _allowed(raw: JsonObject) -> ToolChoice | None:
    inner = raw.get("allowed_tools")
    if type(inner) is not dict or len(raw) != 2 or inner.keys() != {"mode", "tools"} or type(inner["tools"]) is not list:
        return None
    names: list[str] = []
    for entry in inner["tools"]:
        name = _entry_name(entry)
        if name is None:
            return None
        names.append(name)
    return ToolChoice("allowed", tuple(names), inner["mode"] == "required") if inner["mode"] in ("auto", "required") else None


def _entry_name(entry: Json) -> str | None:
    if type(entry) is not dict or len(entry) != 2:
        return None
    word = "custom" if entry.get("type") == "custom" else "function"
    inner = entry.get(word)
    if type(inner) is not dict or len(inner) != 1:
        return None
    name = inner.get("name")
    return name if type(name) is str else None


def decode_function_call(value: Json, extras: JsonObject) -> ToolChoice | None:
    """The legacy choice: `auto`, `none` or `{name}`."""
    if type(value) is str:
        return decode_tool_choice(value, extras)
    raw = as_object(value, "function_call")
    choice = ToolChoice("tool", (take_str(raw, "name", "function_call"),))
    if raw:
        extras["function_call"] = raw
    return choice


def decode_web_search(value: Json) -> WebSearch:
    """`raw` keeps what nobody models, under the names of this dialect."""
    raw = as_object(value, "web_search_options")
    size = take_opt_str(raw, "search_context_size", "web_search_options")
    location = take_object(raw, "user_location", "web_search_options")
    place: JsonObject | None = None
    if location is not None:
        place = take_object(location, "approximate", "web_search_options.user_location")
        location.pop("type", None)
        if location:
            raw["user_location"] = location
    return WebSearch(size, place, raw=raw)
