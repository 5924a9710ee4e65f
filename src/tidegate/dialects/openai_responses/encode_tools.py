"""`tools`, `tool_choice` and `parallel_tool_calls`, from the neutral model to the wire."""

from typing import cast

from tidegate.dialects.openai_responses.builtins import BUILTINS
from tidegate.dialects.openai_responses.encoding import Encoding
from tidegate.dialects.openai_responses.fields import NAME
from tidegate.dialects.reading import merge
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import NativeTool, Tool, ToolChoice, WebSearch

_FOREIGN_SEARCH = frozenset(("type", "name", "user_location", "allowed_domains", "blocked_domains", "max_uses", "cache_control"))


def encode_tools(encoding: Encoding, body: JsonObject) -> str | None:
    """Sets the fields. What it gives is an instruction to say where the model takes no choice that demands a tool."""
    request = encoding.request
    tools: list[Json] = []
    for at, tool in enumerate(request.tools):
        found = _encode(encoding, tool, f"tools[{at}]")
        if found is not None:
            tools.append(found)
    if tools:
        body["tools"] = tools
    if not (tools or encoding.own):
        for name in ("tool_choice", "parallel_tool_calls"):
            if getattr(request, name) is not None:
                encoding.dropped(encoding.name(name), "no tool is left to call")
        return None
    parallel = False if request.legacy_functions else request.parallel_tool_calls
    if parallel is not None:
        body["parallel_tool_calls"] = parallel
    choice = request.tool_choice
    if choice is None:
        return None
    if encoding.own or choice.mode not in ("required", "tool") or encoding.profile.capabilities.forced_tools:
        body["tool_choice"] = encode_choice(encoding, choice)
        return None
    encoding.emulated("tool_choice", "the model takes no choice that demands a tool: it is asked to in the instructions")
    body["tool_choice"] = "auto"
    if choice.names:
        return f"Call the tool `{encoding.tool_name(choice.names[0], 'tool_choice')}` in this turn."
    return "Call one of the tools in this turn."


def _encode(encoding: Encoding, tool: Tool | WebSearch | NativeTool, path: str) -> JsonObject | None:
    match tool:
        case Tool():
            return encode_tool(encoding, tool, path)
        case WebSearch():
            return _web_search(encoding, tool, path)
        case NativeTool(dialect=dialect, raw=raw):
            if dialect == NAME:
                return raw
            encoding.dropped(path, f"{raw.get('type', 'a tool')} is run by {dialect} only")
    return None


def encode_tool(encoding: Encoding, tool: Tool, path: str) -> JsonObject:
    raw: JsonObject
    if encoding.own and tool.builtin is not None:
        return {"type": tool.builtin, **tool.extras}
    raw = {"type": tool.kind, "name": encoding.tool_name(tool.name, path)}
    if tool.description is not None:
        raw["description"] = tool.description
    if tool.kind == "custom":
        if tool.format is not None:
            raw["format"] = _format(encoding, tool.format, path)
    else:
        if tool.schema is not None:
            raw["parameters"] = tool.schema
        elif not encoding.own:
            raw["parameters"] = {"type": "object", "properties": {}}
        if tool.strict is not None:
            raw["strict"] = tool.strict
        elif not encoding.own:
            # Where nothing is said Responses takes a schema to be strict, other dialects do not.
            raw["strict"] = False
    encoding.no_mark(tool.cache, path)
    encoding.attach(raw, tool.extras, path)
    return raw


def _format(encoding: Encoding, form: JsonObject, path: str) -> JsonObject:
    """Chat completions have the grammar in an object of its own."""
    grammar = form.get("grammar")
    if form.get("type") != "grammar" or type(grammar) is not dict:
        return form
    encoding.foreign_extras({name: value for name, value in form.items() if name not in ("type", "grammar")}, f"{path}.custom.format")
    return {"type": "grammar", **grammar}


def _web_search(encoding: Encoding, tool: WebSearch, path: str) -> JsonObject | None:
    if encoding.own:
        return tool.raw
    if encoding.request.dialect == "openai_chat":
        path = "web_search_options"
    if not encoding.profile.capabilities.web_search:
        encoding.dropped(path, "the target has no web search of its own")
        return None
    raw: JsonObject = {"type": "web_search"}
    if tool.context_size is not None:
        raw["search_context_size"] = tool.context_size
    if tool.user_location is not None:
        raw["user_location"] = {"type": "approximate", **tool.user_location}
    if tool.allowed_domains is not None:
        raw["filters"] = {"allowed_domains": cast("list[Json]", tool.allowed_domains)}
    for name in ("blocked_domains", "max_uses"):
        if getattr(tool, name) is not None:
            encoding.dropped(f"{path}.{name}", "OpenAI's web search has no such option")
    # What chat completions have beside the place is left under its name; the others' location is all in the neutral one.
    known = frozenset[str]() if encoding.request.dialect == "openai_chat" else _FOREIGN_SEARCH
    encoding.foreign_extras({name: value for name, value in tool.raw.items() if name not in known}, path)
    return raw


def encode_choice(encoding: Encoding, choice: ToolChoice) -> Json:
    if choice.mode == "tool":
        return _entry(encoding, choice.names[0])
    if choice.mode == "allowed":
        tools: list[Json] = [_entry(encoding, name) for name in choice.names]
        return {"type": "allowed_tools", "mode": "required" if choice.required else "auto", "tools": tools}
    return choice.mode


def _entry(encoding: Encoding, name: str) -> JsonObject:
    tool = next((tool for tool in encoding.request.tools if isinstance(tool, Tool) and tool.name == name), None)
    if encoding.own and name in BUILTINS and (tool is None or tool.builtin is not None):
        return {"type": name}
    return {"type": "function" if tool is None else tool.kind, "name": encoding.tool_name(name, "tool_choice")}


def echoed_tools(encoding: Encoding) -> list[Json]:
    """The client's tools as answers repeat them, with every field that the published schema demands."""
    out: list[Json] = []
    for tool in encoding.request.tools:
        raw = _encode(encoding, tool, "")
        if raw is None:
            continue
        if raw.get("type") == "function":
            raw = {"parameters": None, "strict": None, **raw}
        elif raw.get("type") == "custom":
            merge(raw, {"format": {"type": "text"}})
        out.append(raw)
    return out
