"""`tools`, `tool_choice` and `web_search_options`, from the neutral model to the wire."""

from typing import cast

import msgspec

from tidegate.dialects.openai_chat.encode_messages import instruct
from tidegate.dialects.openai_chat.encoding import Encoding
from tidegate.dialects.openai_chat.fields import NAME
from tidegate.dialects.reading import merge
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import NativeTool, Tool, ToolChoice, WebSearch

_ANTHROPIC_SEARCH = frozenset(("type", "name", "user_location", "allowed_domains", "blocked_domains", "max_uses", "cache_control"))


def encode_tools(encoding: Encoding, body: JsonObject) -> None:
    """Sets `tools`, `web_search_options`, `tool_choice` and `parallel_tool_calls`."""
    request = encoding.request
    tools: list[Json] = []
    for at, tool in enumerate(request.tools):
        match tool:
            case Tool():
                tools.append(_tool(encoding, tool, f"tools[{at}]"))
            case NativeTool(dialect=dialect, raw=raw):
                if dialect == NAME:
                    tools.append(raw)
                else:
                    encoding.dropped(f"tools[{at}]", f"{raw.get('type', 'a tool')} is run by {dialect} only")
            case WebSearch():
                _web_search(encoding, tool, "web_search_options" if encoding.own else f"tools[{at}]", body)
    if tools:
        body["tools"] = tools
    if tools or encoding.own:
        if request.tool_choice is not None:
            body["tool_choice"] = _allowed_choice(encoding, request.tool_choice, body)
        if request.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = request.parallel_tool_calls
        return
    for name in ("tool_choice", "parallel_tool_calls"):
        if getattr(request, name) is not None:
            encoding.dropped(encoding.name(name), "no tool is left to call")


_FREE_TEXT: JsonObject = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


def _as_function(encoding: Encoding, tool: Tool, path: str) -> Tool:
    """A free-text tool as a function with one field, whose grammar is said in words."""
    encoding.emulated(path, "a free-text tool is offered as a function with one field `input`")
    grammar = tool.format.get("grammar") if tool.format is not None else None
    told = [tool.description] if tool.description else []
    if type(grammar) is dict:
        told.append(f"The input must fit this {grammar.get('syntax')} grammar:\n{grammar.get('definition')}")
    return msgspec.structs.replace(tool, kind="function", schema=_FREE_TEXT, description="\n\n".join(told) or None, format=None)


def _tool(encoding: Encoding, tool: Tool, path: str) -> JsonObject:
    if tool.kind == "custom" and not encoding.takes_free_text:
        tool = _as_function(encoding, tool, path)
    inner: JsonObject = {"name": encoding.tool_name(tool.name, path)}
    if tool.description is not None:
        inner["description"] = tool.description
    if tool.kind == "custom":
        if tool.format is not None:
            inner["format"] = tool.format
    elif tool.schema is not None:
        inner["parameters"] = tool.schema
    elif not encoding.own:
        inner["parameters"] = {"type": "object", "properties": {}}
    if tool.strict is not None:
        inner["strict"] = tool.strict
    raw: JsonObject = {"type": tool.kind, tool.kind: inner}
    encoding.attach(raw, tool.cache, tool.extras, path)
    return raw


def _web_search(encoding: Encoding, tool: WebSearch, path: str, body: JsonObject) -> None:
    if not (encoding.own or encoding.profile.capabilities.web_search):
        encoding.dropped(path, "the target has no web search of its own")
        return
    options: JsonObject = {}
    if tool.context_size is not None:
        options["search_context_size"] = tool.context_size
    if tool.user_location is not None:
        options["user_location"] = {"type": "approximate", "approximate": tool.user_location}
    if encoding.own:
        merge(options, tool.raw)
    else:
        for name in ("allowed_domains", "blocked_domains", "max_uses"):
            if getattr(tool, name) is not None:
                encoding.dropped(f"{path}.{name}", "OpenAI's web search has no such option")
        encoding.foreign_extras({name: value for name, value in tool.raw.items() if name not in _ANTHROPIC_SEARCH}, path)
    body["web_search_options"] = options


def _allowed_choice(encoding: Encoding, choice: ToolChoice, body: JsonObject) -> Json:
    """The choice; for models that refuse one that demands a tool, `auto` and an instruction."""
    demands = choice.mode in ("required", "tool")
    if encoding.own or not demands or encoding.profile.capabilities.forced_tools:
        return _choice(encoding, choice)
    encoding.emulated(encoding.name("tool_choice"), "the model takes no choice that demands a tool: it is asked to in a system message")
    told = "Call one of the tools in this turn."
    if choice.names:
        told = f"Call the tool `{encoding.tool_name(choice.names[0], 'tool_choice')}` in this turn."
    instruct(cast("list[Json]", body["messages"]), told)
    return "auto"


def _choice(encoding: Encoding, choice: ToolChoice) -> Json:
    if choice.mode == "tool":
        return _entry(encoding, choice.names[0])
    if choice.mode == "allowed":
        entries: list[Json] = [_entry(encoding, name) for name in choice.names]
        return {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required" if choice.required else "auto", "tools": entries},
        }
    return choice.mode


def _entry(encoding: Encoding, name: str) -> JsonObject:
    kind = next((tool.kind for tool in encoding.request.tools if isinstance(tool, Tool) and tool.name == name), "function")
    if not encoding.takes_free_text:
        kind = "function"
    return {"type": kind, kind: {"name": encoding.tool_name(name, "tool_choice")}}
