"""`toolConfig` of a request, from the wire to the neutral model."""

import msgspec

from tidegate.dialects.bedrock_converse.fields import NAME, may_carry, take_point
from tidegate.dialects.reading import as_list, as_object, join, missing, take_bool, take_object, take_opt_str, take_str
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import AnyTool, NativeTool, Tool, ToolChoice

_CHOICES = {"auto": ToolChoice("auto"), "any": ToolChoice("required"), "tool": ToolChoice("tool")}


def decode_tools(value: Json, path: str) -> list[AnyTool]:
    """A cache point is the mark of the tool before it."""
    tools: list[AnyTool] = []
    for index, item in enumerate(as_list(value, path)):
        where = f"{path}[{index}]"
        raw = as_object(item, where)
        mark = take_point(raw, where) if tools and may_carry(tools[-1]) else None
        if mark is not None:
            tools[-1] = msgspec.structs.replace(tools[-1], cache=mark)
        elif "toolSpec" in raw:
            tools.append(_tool(raw, where))
        else:
            tools.append(NativeTool(NAME, raw))
    return tools


def _tool(raw: JsonObject, path: str) -> Tool:
    spec = take_object(raw, "toolSpec", path)
    where = join(path, "toolSpec")
    if spec is None:
        raise missing(where)
    left = dict(spec)
    schema = take_object(left, "inputSchema", where)
    shape: Json = None
    if schema is not None:
        inside = dict(schema)
        shape = inside.pop("json", None)
        if inside:
            left["inputSchema"] = inside
    tool = Tool(
        name=take_str(left, "name", where),
        description=take_opt_str(left, "description", where),
        schema=shape if shape is None else as_object(shape, join(where, "inputSchema.json")),
        strict=take_bool(left, "strict", where),
        extras=raw,
    )
    if left:
        raw["toolSpec"] = left
    return tool


def decode_tool_choice(raw: JsonObject, path: str) -> ToolChoice | None:
    """The choice, taken out of the `toolConfig`; one that is not modelled stays there."""
    given = take_object(raw, "toolChoice", path)
    if given is None:
        return None
    where = join(path, "toolChoice")
    left = dict(given)
    choice: ToolChoice | None = None
    for word, plain in _CHOICES.items():
        if word in left:
            inner = dict(as_object(left.pop(word), join(where, word)))
            choice = plain if word != "tool" else ToolChoice("tool", (take_str(inner, "name", join(where, word)),))
            if inner:
                left[word] = inner
            break
    if left:
        raw["toolChoice"] = left
    return choice
