"""`input` of a request, from the wire to the neutral model: one message for each item, so that places are those of the items. Items of
tools that the provider runs, references and compactions are `Native`."""

from collections.abc import Callable

from tidegate.dialects.openai_responses.builtins import BUILTINS, BY_CALL, BY_OUTPUT, arguments_of
from tidegate.dialects.openai_responses.decode_content import decode_content
from tidegate.dialects.openai_responses.fields import DONE, NAME, OWN
from tidegate.dialects.openai_responses.reasoning import thinking_of
from tidegate.dialects.reading import as_list, as_object, join, missing, take_object, take_opt_str, take_str, wrong
from tidegate.dialects.values import dump_text
from tidegate.ir.content import Block, Native, Text, ToolResult, ToolUse
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import Message, Role

_ROLES: dict[str, Role] = {"user": "user", "system": "system", "developer": "developer", "assistant": "assistant"}


def decode_input(value: Json) -> list[Message]:
    """`value` is a string or a list of items."""
    if type(value) is str:
        return [Message("user", [Text(value)])]
    return [_item(as_object(item, f"input[{index}]"), f"input[{index}]") for index, item in enumerate(as_list(value, "input"))]


def _item(raw: JsonObject, path: str) -> Message:
    kind = raw.get("type")
    if kind is None and "role" in raw:
        kind = "message"
    if kind is None and "id" in raw:
        kind = "item_reference"
    if type(kind) is not str:
        raise missing(join(path, "type")) if kind is None else wrong(join(path, "type"), "a string")
    if kind == "message":
        return _message(raw, path)
    if kind == "reasoning":
        return Message("assistant", [thinking_of(raw, OWN, keep=True)])
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(raw, path)
    if kind in BY_CALL and _runs_here(raw):
        return _builtin_call(raw, path, BY_CALL[kind])
    if kind in BY_OUTPUT and (kind != "shell_call_output" or type(raw.get("output")) is list):
        return _builtin_output(raw, path, BY_OUTPUT[kind])
    return Message("user" if kind.endswith(("_output", "_response")) else "assistant", [Native(NAME, raw)])


def _runs_here(raw: JsonObject) -> bool:
    """Not in a container of the provider's."""
    environment = raw.get("environment")
    return type(environment) is not dict or environment.get("type") == "local"


def _kept(message: Message, raw: JsonObject, path: str) -> Message:
    """The message with what is left of its item."""
    raw.pop("type", None)
    message.id = take_opt_str(raw, "id", path)
    if raw.get("status") in (None, DONE):
        raw.pop("status", None)
    message.extras = raw
    return message


def _message(raw: JsonObject, path: str) -> Message:
    word = take_str(raw, "role", path)
    role = _ROLES.get(word)
    if role is None:
        raise bad_request(
            f"Invalid value: '{word}'. Supported values are: 'assistant', 'system', 'developer', and 'user'.",
            f"{path}.role",
            "invalid_value",
        )
    if "content" not in raw:
        raise missing(join(path, "content"))
    return _kept(Message(role, decode_content(raw.pop("content"), join(path, "content"))), raw, path)


def _call(raw: JsonObject, path: str) -> Message:
    use = ToolUse(take_str(raw, "call_id", path), take_str(raw, "name", path), _arguments(raw, path))
    return _kept(Message("assistant", [use]), raw, path)


def _arguments(raw: JsonObject, path: str) -> str:
    """JSON text; some clients give the object itself."""
    value = raw.pop("arguments", None)
    if type(value) is str:
        return value
    if type(value) is dict:
        return dump_text(value)
    raise missing(join(path, "arguments")) if value is None else wrong(join(path, "arguments"), "a string")


def _custom_call(raw: JsonObject, path: str) -> Message:
    use = ToolUse(take_str(raw, "call_id", path), take_str(raw, "name", path), take_str(raw, "input", path), "custom")
    return _kept(Message("assistant", [use]), raw, path)


def _output(raw: JsonObject, path: str) -> Message:
    return _result(raw, path, custom=False)


def _custom_output(raw: JsonObject, path: str) -> Message:
    return _result(raw, path, custom=True)


def _result(raw: JsonObject, path: str, *, custom: bool) -> Message:
    call_id = take_str(raw, "call_id", path)
    if raw.get("output") is None:
        raise missing(join(path, "output"))
    blocks = decode_content(raw.pop("output"), join(path, "output"))
    return _kept(Message("tool", [ToolResult(call_id, blocks, custom=custom)]), raw, path)


def _builtin_call(raw: JsonObject, path: str, name: str) -> Message:
    builtin = BUILTINS[name]
    if take_object(dict(raw), builtin.field, path) is None:
        raise missing(join(path, builtin.field))
    call_id = take_opt_str(raw, "call_id", path) or take_str(dict(raw), "id", path)
    use = ToolUse(call_id, name, dump_text(arguments_of(builtin, raw)), builtin=name)
    del raw[builtin.field]
    return _kept(Message("assistant", [use]), raw, path)


def _builtin_output(raw: JsonObject, path: str, name: str) -> Message:
    """The output of a shell is a list of objects, which goes as its JSON; a patch may have none."""
    call_id = take_opt_str(raw, "call_id", path) or take_str(dict(raw), "id", path)
    value = raw.pop("output", None)
    blocks: list[Block] = [] if value is None else [Text(value if type(value) is str else dump_text(value))]
    return _kept(Message("tool", [ToolResult(call_id, blocks, raw.get("status") == "failed", builtin=name)]), raw, path)


_READERS: dict[str, Callable[[JsonObject, str], Message]] = {
    "function_call": _call,
    "function_call_output": _output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _custom_output,
}
