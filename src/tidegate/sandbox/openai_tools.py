"""The tools, the tool choice and the response format of an OpenAI request, with the rules of strict schemas.

Pure; used by `openai_request`.
"""

from tidegate.sandbox.answer import Offered, Turn
from tidegate.sandbox.openai_refusal import NAME, bad_name, empty_array, invalid_type, invalid_value, missing, unknown
from tidegate.sandbox.values import Json, Obj, RequestRefused, as_object, as_text, objects, text_of


def read_tools(turn: Turn, body: Obj, lenient: bool) -> None:
    """Puts the offered tools and the choice into the turn."""
    tools = body.get("tools")
    if tools is not None:
        if not isinstance(tools, list):
            raise invalid_type("tools", "an array of objects", tools)
        if not tools:
            raise empty_array("tools")
    for index, tool in enumerate(objects(tools)):
        if tool.get("type") != "custom":
            turn.tools.append(_function(tool, f"tools[{index}]", lenient))
    choice = body.get("tool_choice")
    if choice == "none":
        turn.tools_allowed = False
    elif choice == "required":
        turn.forced = "*"
    elif isinstance(choice, dict):
        _read_choice(turn, choice)
    elif choice not in {None, "auto"}:
        raise invalid_value("tool_choice", choice, "'none', 'auto', and 'required'")


def read_format(turn: Turn, body: Obj, messages: list[Obj], lenient: bool) -> None:
    """Puts the wish for JSON into the turn."""
    wanted = body.get("response_format")
    if wanted is None:
        return
    if not isinstance(wanted, dict):
        raise invalid_type("response_format", "an object", wanted)
    kind = wanted.get("type")
    if kind == "json_schema":
        spec = as_object(wanted.get("json_schema"))
        name = as_text(spec.get("name"))
        if not name:
            raise missing("response_format.json_schema.name")
        if spec.get("strict") is True:
            _strict(spec.get("schema"), f"response_format '{name}'", "response_format", None, ())
        turn.structured, turn.schema = True, spec.get("schema")
    elif kind == "json_object":
        if not lenient and not any("json" in text_of(message.get("content")).lower() for message in messages):
            message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
            raise RequestRefused(message, "messages")
        turn.structured = True
    elif kind != "text":
        raise invalid_value("response_format.type", kind, "'json_object', 'json_schema', and 'text'")


def _function(tool: Obj, path: str, lenient: bool) -> Offered:
    if tool.get("type") != "function":
        raise invalid_value(f"{path}.type", tool.get("type"), "'function' and 'custom'")
    if not lenient:
        for name in tool.keys() - {"type", "function"}:
            raise unknown(f"{path}.{name}")
    function = as_object(tool.get("function"))
    name = as_text(function.get("name"))
    if not NAME.fullmatch(name):
        raise bad_name(f"{path}.function.name")
    schema = function.get("parameters", {"type": "object", "properties": {}})
    kind = as_object(schema).get("type", "object")
    if kind != "object":
        message = f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
        raise RequestRefused(message, f"{path}.function.parameters", "invalid_function_parameters")
    if function.get("strict") is True:
        _strict(schema, f"function '{name}'", f"{path}.function.parameters", "invalid_function_parameters", ())
    return Offered(name, schema)


def _read_choice(turn: Turn, choice: Obj) -> None:
    if choice.get("type") == "allowed_tools":
        allowed = as_object(choice.get("allowed_tools"))
        wanted = {as_text(as_object(tool.get("function")).get("name")) for tool in objects(allowed.get("tools"))}
        turn.tools = [tool for tool in turn.tools if tool.name in wanted]
        turn.forced = "*" if allowed.get("mode") == "required" else None
        return
    if choice.get("type") == "custom":
        return
    name = as_text(as_object(choice.get("function")).get("name"))
    if choice.get("type") != "function" or name not in {tool.name for tool in turn.tools}:
        raise RequestRefused(f"Invalid value for 'tool_choice': function '{name}' not found in 'tools'.", "tool_choice")
    turn.forced = name


def _strict(schema: Json, owner: str, path: str, code: str | None, context: tuple[str, ...]) -> None:
    """What strict schemas must have: every object closed, and all its properties required."""
    if not isinstance(schema, dict):
        return
    where = f"Invalid schema for {owner}: In context=({', '.join(repr(name) for name in context)})"
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        if schema.get("additionalProperties") is not False:
            raise RequestRefused(f"{where}, 'additionalProperties' is required to be supplied and to be false.", path, code)
        required = schema.get("required")
        left_out = [name for name in as_object(properties) if name not in (required if isinstance(required, list) else [])]
        if left_out:
            rule = "'required' is required to be supplied and to be an array including every key in properties"
            raise RequestRefused(f"{where}, {rule}. Missing '{left_out[0]}'.", path, code)
    for name in ("properties", "$defs", "definitions"):
        for key, part in as_object(schema.get(name)).items():
            _strict(part, owner, path, code, (*context, name, key))
    _strict(schema.get("items"), owner, path, code, (*context, "items"))
    for index, part in enumerate(objects(schema.get("anyOf"))):
        _strict(part, owner, path, code, (*context, "anyOf", str(index)))
