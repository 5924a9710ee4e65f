"""`tools` and `toolConfig` of a request, from the wire to the neutral model."""

from typing import cast

from tidegate.dialects.gemini.names import NAME, camel, many
from tidegate.dialects.gemini.schema import to_json_schema
from tidegate.dialects.reading import as_list, as_object, join, take_object, take_opt_str, take_str, take_strings, wrong
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import AnyTool, NativeTool, Request, Tool, ToolChoice, WebSearch

_MODES = ("AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED")


def decode_tools(value: Json) -> list[AnyTool]:
    """Google groups functions; each tool stands alone here."""
    tools: list[AnyTool] = []
    for index, item in enumerate(as_list(many(value), "tools")):
        path = f"tools[{index}]"
        for name, inner in camel(as_object(item, path)).items():
            where = join(path, name)
            if name == "functionDeclarations":
                listed = as_list(many(inner), where)
                tools += [_function(as_object(one, f"{where}[{at}]"), f"{where}[{at}]") for at, one in enumerate(listed)]
            elif name == "googleSearch" and inner is not None:
                tools.append(_search(as_object(inner, where), where))
            elif inner is not None:
                tools.append(NativeTool(NAME, {name: inner}))
    return tools


def _function(raw: JsonObject, path: str) -> Tool:
    raw = camel(raw)
    tool = Tool(take_str(raw, "name", path), take_opt_str(raw, "description", path))
    schema, own = take_object(raw, "parametersJsonSchema", path), take_object(raw, "parameters", path)
    if own is not None:
        where = join(path, "parameters")
        tool.schema, tool.own_schema = to_json_schema(own, where), own
    if schema is not None:
        tool.schema = schema
    tool.extras = raw
    return tool


def _search(raw: JsonObject, path: str) -> WebSearch:
    raw = camel(dict(raw))
    return WebSearch(blocked_domains=take_strings(raw, "excludeDomains", path), raw=raw)


def decode_tool_config(raw: JsonObject, request: Request) -> None:
    """Sets the choice; what nobody models stays in `raw`."""
    calling = take_object(raw, "functionCallingConfig", "toolConfig")
    if calling is None:
        return
    calling = camel(dict(calling))
    path = "toolConfig.functionCallingConfig"
    mode = take_opt_str(calling, "mode", path)
    names = tuple(take_strings(calling, "allowedFunctionNames", path) or ())
    if mode is not None and mode.upper() not in _MODES:
        raise wrong(f"{path}.mode", f"one of {', '.join(_MODES)}")
    match (mode or "").upper():
        case "ANY" if len(names) == 1:
            request.tool_choice = ToolChoice("tool", names)
        case "ANY":
            request.tool_choice = ToolChoice("allowed", names, required=True) if names else ToolChoice("required")
        case "NONE":
            request.tool_choice = ToolChoice("none")
        case "VALIDATED":
            # Arguments that are sure to fit their schema: Google's alone.
            calling["mode"] = "VALIDATED"
            request.tool_choice = ToolChoice("allowed", names) if names else ToolChoice("auto")
        case "AUTO":
            request.tool_choice = ToolChoice("allowed", names) if names else ToolChoice("auto")
        case _ if names:
            request.tool_choice = ToolChoice("allowed", names)
        case _:
            pass
    if calling:
        raw["functionCallingConfig"] = cast("Json", calling)
