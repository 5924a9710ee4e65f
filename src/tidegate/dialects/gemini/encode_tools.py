"""`tools` and `toolConfig` of a request, from the neutral model to the wire."""

from typing import cast

from tidegate.dialects.gemini.encoding import Encoding
from tidegate.dialects.gemini.names import NAME
from tidegate.dialects.reading import merge
from tidegate.ir.errors import unsupported
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import NativeTool, Tool, ToolChoice, WebSearch

_SAYS_NOTHING = frozenset(("type", "properties", "required", "additionalProperties", "title", "description", "$schema"))
_FREE_TEXT: JsonObject = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
_FUNCTIONS = "functionDeclarations"


def encode_tools(encoding: Encoding, body: JsonObject) -> None:
    """Sets `tools` and `toolConfig`."""
    request = encoding.request
    tools, functions = _tools(encoding)
    if tools:
        body["tools"] = tools
    calling = _choice(encoding, request.tool_choice, has_functions=functions)
    if calling is not None:
        body["toolConfig"] = {"functionCallingConfig": calling}
    if request.parallel_tool_calls is False and not encoding.own and functions:
        encoding.dropped(encoding.name("parallel_tool_calls"), "Gemini cannot be held to one call at a time")


def _tools(encoding: Encoding) -> tuple[list[Json], bool]:
    """The tools, and whether there are functions: these stand in one group where the first of them stood. A choice among a few that does
    not demand one offers only those."""
    choice = encoding.request.tool_choice
    narrowed = not encoding.own and choice is not None and choice.mode == "allowed" and not choice.required
    allowed = choice.names if narrowed and choice is not None else None
    tools: list[Json] = []
    functions: list[Json] = []
    for at, tool in enumerate(encoding.request.tools):
        path = f"tools[{at}]"
        match tool:
            case Tool() if allowed is not None and tool.name not in allowed:
                encoding.emulated(path, "tools that are not allowed in this turn are not offered")
            case Tool():
                if not functions:
                    tools.append({_FUNCTIONS: functions})
                functions.append(_function(encoding, tool, path))
            case WebSearch():
                tools += _search(encoding, tool)
            case NativeTool(dialect=dialect, raw=raw) if dialect == NAME:
                tools.append(raw)
            case NativeTool(dialect=dialect, raw=raw):
                encoding.dropped(path, f"{raw.get('type', 'a tool')} is run by {dialect} only")
    return tools, bool(functions)


def _function(encoding: Encoding, tool: Tool, path: str) -> JsonObject:
    out: JsonObject = {"name": encoding.tool_name(tool.name, path, tool.kind)}
    description, schema = tool.description, tool.schema
    if tool.kind == "custom":
        encoding.emulated(path, "a free-text tool is offered as a function with one field `input`")
        schema = _FREE_TEXT
        grammar = tool.format.get("grammar") if tool.format is not None else None
        if type(grammar) is dict:
            rule = f"The input must fit this {grammar.get('syntax')} grammar:\n{grammar.get('definition')}"
            description = f"{description}\n\n{rule}" if description else rule
    if description is not None:
        out["description"] = description
    if encoding.own and tool.own_schema is not None:
        out["parameters"] = tool.own_schema
    elif schema is not None and (encoding.own or _has_properties(schema)):
        out["parametersJsonSchema"] = schema
    encoding.attach(out, tool.cache, tool.extras, path)
    return out


def _has_properties(schema: Json) -> bool:
    """A function without parameters has no schema: one whose words say nothing else."""
    if type(schema) is not dict or schema.get("type", "object") != "object" or schema.get("properties") or schema.get("required"):
        return True
    return not schema.keys() <= _SAYS_NOTHING or schema.get("additionalProperties", False) is not False


def _search(encoding: Encoding, tool: WebSearch) -> list[Json]:
    if encoding.own:
        search: JsonObject = {} if tool.blocked_domains is None else {"excludeDomains": cast("list[Json]", tool.blocked_domains)}
        return [{"googleSearch": search | tool.raw}]
    where = "web_search_options" if encoding.request.dialect == "openai_chat" else "tools"
    if not encoding.profile.capabilities.web_search:
        encoding.dropped(where, "this model has no web search")
        return []
    for name in ("context_size", "user_location", "allowed_domains", "blocked_domains", "max_uses"):
        if getattr(tool, name) is not None:
            encoding.dropped(f"{where}.{name}", "Google's search has no such option")
    return [{"googleSearch": {}}]


def _choice(encoding: Encoding, choice: ToolChoice | None, *, has_functions: bool) -> JsonObject | None:
    if encoding.own:
        return _own_choice(choice)
    strict = any(isinstance(tool, Tool) and tool.strict for tool in encoding.request.tools)
    if not has_functions:
        if choice is not None and choice.mode in ("required", "tool", "allowed"):
            raise unsupported("a tool is demanded and none is offered", encoding.name("tool_choice"))
        if choice is not None:
            encoding.mapped(encoding.name("tool_choice"), "there are no tools to choose from")
        return None
    match choice:
        case ToolChoice(mode="none"):
            return {"mode": "NONE"}
        case ToolChoice(mode="required"):
            return {"mode": "ANY"}
        case ToolChoice(mode="tool", names=names) | ToolChoice(mode="allowed", names=names, required=True):
            return {"mode": "ANY", "allowedFunctionNames": [encoding.tool_name(name, "tool_choice") for name in names]}
        case None if not strict:
            return None
        case _:
            # Google's word for calls that are sure to fit their schema.
            return {"mode": "VALIDATED"} if strict else {"mode": "AUTO"}


def _own_choice(choice: ToolChoice | None) -> JsonObject | None:
    if choice is None:
        return None
    out: JsonObject = {"mode": {"auto": "AUTO", "none": "NONE"}.get(choice.mode, "ANY")}
    if choice.mode == "allowed" and not choice.required:
        out["mode"] = "AUTO"
    if choice.names:
        out["allowedFunctionNames"] = [*choice.names]
    return out


def own_config(body: JsonObject, extras: Json) -> None:
    """Puts what nobody models of `toolConfig` back; its own mode counts before the neutral one."""
    if type(extras) is not dict:
        return
    there = body.setdefault("toolConfig", {})
    mode = extras.get("functionCallingConfig")
    if type(there) is dict:
        calling = there.get("functionCallingConfig")
        if type(mode) is dict and type(calling) is dict:
            there["functionCallingConfig"] = {**calling, **mode}
        merge(there, extras)
