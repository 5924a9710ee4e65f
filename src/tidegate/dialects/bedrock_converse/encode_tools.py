"""`toolConfig` of a request, from the neutral model to the wire."""

from typing import cast

from tidegate.dialects.bedrock_converse.encode_messages import Turn
from tidegate.dialects.bedrock_converse.fields import NAME
from tidegate.dialects.bedrock_converse.receipt import Receipt
from tidegate.dialects.reading import merge
from tidegate.dialects.strict_schema import adapt
from tidegate.ir.errors import unsupported
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import NativeTool, Request, Tool, ToolChoice, WebSearch

_FREE_TEXT: JsonObject = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
_ANY: JsonObject = {"type": "object", "properties": {}}
_GROUNDING = "nova_grounding"
"""Nova's own web search (Nova user guide, web grounding)."""


def encode_tools(request: Request, turns: list[Turn], receipt: Receipt) -> tuple[JsonObject | None, str | None]:
    """The `toolConfig`, and an instruction for the system prompt where a choice cannot be said otherwise."""
    tools: list[Json] = []
    choice = request.tool_choice
    allowed = set(choice.names) if choice is not None and choice.mode == "allowed" else None
    for index, tool in enumerate(request.tools):
        path = f"tools[{index}]"
        match tool:
            case Tool() if allowed is not None and tool.name not in allowed:
                receipt.emulated(path, "tools that are not allowed in this turn are not offered")
            case Tool():
                tools.append(_tool(tool, path, receipt))
                receipt.mark(tools, tool.cache, path)
            case WebSearch():
                _web_search(tool, path, tools, receipt)
            case NativeTool(dialect=dialect, raw=raw):
                if dialect == NAME:
                    tools.append(raw)
                else:
                    receipt.dropped(path, f"only providers of {dialect} run this tool")
    if receipt.own:
        return _own(request, tools, choice), None
    if request.parallel_tool_calls is False or request.legacy_functions:
        receipt.dropped(receipt.name("parallel_tool_calls"), "Converse cannot say that calls come one at a time")
    return _foreign(tools, choice, turns, receipt)


def _own(request: Request, tools: list[Json], choice: ToolChoice | None) -> JsonObject | None:
    out: JsonObject = {}
    if tools or "toolConfig" in request.extras:
        out["tools"] = tools
    if choice is not None:
        out["toolChoice"] = _word(choice)
    return out or None


def _word(choice: ToolChoice) -> JsonObject:
    if choice.mode == "tool":
        return {"tool": {"name": choice.names[0]}}
    return {"any" if choice.mode == "required" else "auto": {}}


def _foreign(tools: list[Json], choice: ToolChoice | None, turns: list[Turn], receipt: Receipt) -> tuple[JsonObject | None, str | None]:
    mode = choice.mode if choice is not None else "auto"
    if not tools:
        if mode in ("required", "tool") or (choice is not None and choice.required):
            raise unsupported("a tool is demanded and none is offered", receipt.name("tool_choice"))
        tools = _of_history(turns, receipt)
        return ({"tools": tools} if tools else None), None
    out: JsonObject = {"tools": tools}
    if choice is None or mode == "auto":
        return out, None
    where = receipt.name("tool_choice")
    if mode == "none":
        receipt.emulated(where, "Converse has no such choice: the model is told so in the system prompt")
        return out, "Do not call any tool in this turn."
    if mode == "allowed":
        receipt.emulated(where, "only the allowed tools are offered")
        if not choice.required:
            return out, None
    name = receipt.tool_name(choice.names[0], where, "function") if mode == "tool" and choice.names else ""
    if not receipt.profile.capabilities.forced_tools:
        receipt.emulated(where, "the model takes no choice that demands a tool: it is told so in the system prompt")
        return out, f"Call the tool `{name}` in this turn." if name else "Call one of the tools in this turn."
    out["toolChoice"] = {"tool": {"name": name}} if name else {"any": {}}
    return out, None


def _of_history(turns: list[Turn], receipt: Receipt) -> list[Json]:
    """Bedrock refuses calls and results in the history where no tool is offered, so those that were called are."""
    names: dict[str, None] = {}
    found = False
    for turn in turns:
        for block in turn.content:
            use = cast("JsonObject", block).get("toolUse")
            found = found or use is not None or "toolResult" in cast("JsonObject", block)
            if type(use) is dict and type(name := use.get("name")) is str:
                names[name] = None
    if not found:
        return []
    receipt.emulated("tools", "Bedrock wants the tools of the history offered")
    return [{"toolSpec": {"name": name, "inputSchema": {"json": _ANY}}} for name in names or {"tool": None}]


def _tool(tool: Tool, path: str, receipt: Receipt) -> JsonObject:
    spec: JsonObject = {"name": receipt.tool_name(tool.name, path, tool.kind)}
    description, schema = tool.description, tool.schema
    if tool.kind == "custom":
        receipt.emulated(path, "a free-text tool is offered as a function with one field `input`")
        schema = _FREE_TEXT
        grammar = tool.format.get("grammar") if tool.format is not None else None
        if type(grammar) is dict:
            rule = f"The input must fit this {grammar.get('syntax')} grammar:\n{grammar.get('definition')}"
            description = f"{description}\n\n{rule}" if description else rule
    if description is not None and (description or receipt.own):
        spec["description"] = description
    out: JsonObject = {"toolSpec": spec}
    if receipt.own:
        if schema is not None:
            spec["inputSchema"] = {"json": schema}
        if tool.strict is not None:
            spec["strict"] = tool.strict
        merge(out, tool.extras)
        return out
    spec["inputSchema"] = {"json": _schema(tool, schema, spec, path, receipt)}
    if tool.extras:
        receipt.foreign_extras(tool.extras, path)
    return out


def _schema(tool: Tool, schema: Json, spec: JsonObject, path: str, receipt: Receipt) -> Json:
    """The input schema, and `strict` where it can be kept."""
    found: JsonObject = schema if type(schema) is dict else {}
    if found.get("type") != "object":
        if found:
            receipt.mapped(receipt.inner(path, "function", "parameters.type"), "Bedrock wants an object schema")
        found = {**found, "type": "object"}
        found.setdefault("properties", {})
    if not tool.strict:
        return found
    adapted, changes = adapt(found) if receipt.profile.capabilities.structured == "native" else (None, [])
    if adapted is None:
        receipt.dropped(receipt.inner(path, "function", "strict"), "this model cannot hold to this schema strictly")
        return found
    spec["strict"] = True
    for change in changes:
        receipt.emulated(
            receipt.inner(path, "function", f"parameters.{change}"), "strict schemas take no such bound; it is said in the description"
        )
    return adapted


def _web_search(tool: WebSearch, path: str, tools: list[Json], receipt: Receipt) -> None:
    where = "web_search_options" if receipt.request.dialect == "openai_chat" else path
    if not receipt.profile.capabilities.web_search:
        receipt.dropped(where, "this model has no web search")
        return
    tools.append({"systemTool": {"name": _GROUNDING}})
    for name in ("context_size", "user_location", "allowed_domains", "blocked_domains", "max_uses"):
        if getattr(tool, name) is not None:
            receipt.dropped(f"{where}.{name}", "Nova's web search has no settings")
