"""`tools` and `tool_choice` of a request, from the neutral model to the wire."""

from typing import cast

from tidegate.dialects.anthropic.decode_blocks import NAME
from tidegate.dialects.anthropic.receipt import Receipt
from tidegate.dialects.reading import merge
from tidegate.dialects.strict_schema import adapt
from tidegate.ir.errors import unsupported
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import NativeTool, Request, Tool, ToolChoice, WebSearch

_FREE_TEXT: JsonObject = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


def encode_tools(request: Request, receipt: Receipt) -> list[Json]:
    """The tools to offer. A choice among a few allowed tools offers only those."""
    choice = request.tool_choice
    allowed = set(choice.names) if choice is not None and choice.mode == "allowed" else None
    out: list[Json] = []
    for index, tool in enumerate(request.tools):
        path = f"tools[{index}]"
        match tool:
            case Tool():
                if allowed is not None and tool.name not in allowed:
                    receipt.emulated(path, "tools that are not allowed in this turn are not offered")
                else:
                    out.append(_tool(tool, path, receipt))
            case WebSearch():
                search = _web_search(tool, path, receipt)
                if search is not None:
                    out.append(search)
            case NativeTool(dialect=dialect, raw=raw):
                if dialect == NAME:
                    out.append(raw)
                else:
                    receipt.dropped(path, f"only providers of {dialect} run this tool")
    return out


def _tool(tool: Tool, path: str, receipt: Receipt) -> JsonObject:
    out: JsonObject = {"name": receipt.tool_name(tool.name, path, tool.kind)}
    description = tool.description
    schema = tool.schema
    if tool.kind == "custom":
        receipt.emulated(path, "a free-text tool is offered as a function with one field `input`")
        schema = _FREE_TEXT
        grammar = tool.format.get("grammar") if tool.format is not None else None
        if type(grammar) is dict:
            rule = f"The input must fit this {grammar.get('syntax')} grammar:\n{grammar.get('definition')}"
            description = f"{description}\n\n{rule}" if description else rule
    if description is not None and (description or receipt.own):
        out["description"] = description
    if receipt.own:
        if schema is not None:
            out["input_schema"] = schema
        if tool.strict is not None:
            out["strict"] = tool.strict
        receipt.mark(out, tool.cache, path)
        merge(out, tool.extras)
        return out
    out["input_schema"] = _schema(tool, schema, out, path, receipt)
    receipt.mark(out, tool.cache, path)
    if tool.extras:
        receipt.foreign_extras(tool.extras, path)
    return out


def _schema(tool: Tool, schema: Json, out: JsonObject, path: str, receipt: Receipt) -> Json:
    """The input schema, and `strict` where it can be kept."""
    found: JsonObject = cast("JsonObject", schema) if type(schema) is dict else {}
    if found.get("type") != "object":
        if found:
            receipt.mapped(receipt.inner(path, "function", "parameters.type"), "Anthropic wants an object schema")
        found = {**found, "type": "object"}
        found.setdefault("properties", {})
    if not tool.strict:
        return found
    if receipt.profile.capabilities.structured != "native":
        receipt.dropped(receipt.inner(path, "function", "strict"), "this model has no strict tools")
        return found
    adapted, changes = adapt(found)
    if adapted is None:
        receipt.dropped(receipt.inner(path, "function", "strict"), "Anthropic cannot hold to this schema strictly")
        return found
    out["strict"] = True
    for change in changes:
        receipt.emulated(
            receipt.inner(path, "function", f"parameters.{change}"),
            "Anthropic's strict schemas take no such bound; it is said in the description",
        )
    return adapted


def _web_search(tool: WebSearch, path: str, receipt: Receipt) -> JsonObject | None:
    if receipt.own:
        return tool.raw
    where = "web_search_options" if receipt.request.dialect == "openai_chat" else path
    if not receipt.profile.capabilities.web_search:
        receipt.dropped(where, "this model has no web search")
        return None
    out: JsonObject = {"type": "web_search_20250305", "name": "web_search"}
    if tool.context_size is not None:
        receipt.dropped(f"{where}.search_context_size", "Anthropic's web search has no context sizes")
    if tool.user_location:
        out["user_location"] = {"type": "approximate", **tool.user_location}
    if tool.allowed_domains:
        out["allowed_domains"] = cast("list[Json]", tool.allowed_domains)
    if tool.blocked_domains:
        out["blocked_domains"] = cast("list[Json]", tool.blocked_domains)
    if tool.max_uses is not None:
        out["max_uses"] = tool.max_uses
    receipt.foreign_extras(tool.raw, where)
    return out


def encode_tool_choice(request: Request, tools: list[Json], receipt: Receipt) -> JsonObject | None:
    """None where nothing is to be said. Raises `unsupported` where a tool is demanded and none is there."""
    choice, parallel = request.tool_choice, request.parallel_tool_calls
    if request.legacy_functions:
        # A `function_call` is one call.
        parallel = False
    if not tools and not receipt.own:
        _no_tools(choice, parallel, receipt)
        return None
    out = None if choice is None else _choice(choice, receipt)
    if receipt.own and out is not None and parallel is not None:
        out["disable_parallel_tool_use"] = not parallel
    elif parallel is False:
        if out is not None and out["type"] == "none":
            receipt.mapped(receipt.name("parallel_tool_calls"), "no tool may be called in this turn")
        else:
            out = out or {"type": "auto"}
            out["disable_parallel_tool_use"] = True
    return out


def _no_tools(choice: ToolChoice | None, parallel: bool | None, receipt: Receipt) -> None:
    """Anthropic takes no choice without tools."""
    if choice is not None:
        if choice.mode not in ("none", "auto"):
            raise unsupported("a tool is demanded and none is offered", receipt.name("tool_choice"))
        receipt.mapped(receipt.name("tool_choice"), "there are no tools to choose from")
    if parallel is not None:
        receipt.mapped(receipt.name("parallel_tool_calls"), "there are no tools to call")


def _choice(choice: ToolChoice, receipt: Receipt) -> JsonObject:
    if choice.mode == "tool":
        return {"type": "tool", "name": receipt.tool_name(choice.names[0], "tool_choice", "function") if choice.names else ""}
    if choice.mode == "allowed":
        receipt.emulated(receipt.name("tool_choice"), "only the allowed tools are offered")
        return {"type": "any" if choice.required else "auto"}
    return {"type": "any" if choice.mode == "required" else choice.mode}


def soften(choice: JsonObject, receipt: Receipt) -> str | None:
    """For models that refuse a choice that demands a tool: makes it `auto`, and gives the instruction to say instead."""
    if not forces(choice) or receipt.profile.capabilities.forced_tools:
        return None
    name = choice.pop("name", None)
    choice["type"] = "auto"
    receipt.emulated(receipt.name("tool_choice"), "this model takes no choice that demands a tool: it is asked to in the system prompt")
    return f"Call the tool `{name}` in this turn." if type(name) is str else "Call one of the tools in this turn."


def forces(choice: JsonObject) -> bool:
    """Whether the choice makes the model call a tool."""
    return choice.get("type") in ("any", "tool")
