"""Tools that OpenAI's models know without a schema though the client runs them: what they look like as functions, for models that do not.

A call is an item of its own type whose one object is what a function would have as arguments; its result is an item too. Codex CLI and the
agents' SDKs use them (https://platform.openai.com/docs/guides/tools-shell, .../tools-local-shell, .../tools-apply-patch).
"""

from collections.abc import Mapping

import msgspec

from tidegate.ir.json import Json, JsonObject

_TEXT: JsonObject = {"type": "string"}
_NUMBER: JsonObject = {"type": "integer"}


class Builtin(msgspec.Struct, frozen=True):
    """`field` of a call's item holds the arguments, beside `fixed` words of the object that say nothing. `blank` are the fields that the
    published schema demands of a call, with what stands for nothing."""

    call: str
    output: str
    field: str
    description: str
    schema: JsonObject
    fixed: Mapping[str, Json] = {}
    blank: Mapping[str, Json] = {}
    beside: Mapping[str, Json] = {}


def _object(properties: JsonObject, required: list[str]) -> JsonObject:
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


BUILTINS: Mapping[str, Builtin] = {
    "local_shell": Builtin(
        "local_shell_call",
        "local_shell_call_output",
        "action",
        "Runs a command on the user's machine and returns its output.",
        _object(
            {
                "command": {"type": "array", "items": _TEXT, "description": "The program and its arguments."},
                "working_directory": {**_TEXT, "description": "Where to run it."},
                "env": {"type": "object", "additionalProperties": _TEXT, "description": "Environment variables to set."},
                "timeout_ms": _NUMBER,
            },
            ["command"],
        ),
        fixed={"type": "exec"},
        blank={"command": [], "env": {}},
    ),
    "shell": Builtin(
        "shell_call",
        "shell_call_output",
        "action",
        "Runs shell commands, which may run at the same time, and returns their output and exit codes.",
        _object(
            {
                "commands": {"type": "array", "items": _TEXT, "description": "The command lines."},
                "timeout_ms": _NUMBER,
                "max_output_length": {**_NUMBER, "description": "Characters of output to return at most."},
            },
            ["commands"],
        ),
        blank={"commands": [], "timeout_ms": None, "max_output_length": None},
        beside={"environment": None},
    ),
    "apply_patch": Builtin(
        "apply_patch_call",
        "apply_patch_call_output",
        "operation",
        "Creates, changes or deletes one file.",
        _object(
            {
                "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
                "path": {**_TEXT, "description": "The file, relative to the root of the project."},
                "diff": {**_TEXT, "description": "The change as a V4A diff, without file headers; not for delete_file."},
            },
            ["type", "path"],
        ),
        blank={"type": "update_file", "path": ""},
    ),
}
BY_CALL: Mapping[str, str] = {builtin.call: name for name, builtin in BUILTINS.items()}
BY_OUTPUT: Mapping[str, str] = {builtin.output: name for name, builtin in BUILTINS.items()}


def arguments_of(builtin: Builtin, raw: JsonObject) -> JsonObject:
    """The arguments that a call's item stands for."""
    held = raw.get(builtin.field)
    return {name: value for name, value in held.items() if builtin.fixed.get(name) != value} if type(held) is dict else {}


def call_object(builtin: Builtin, arguments: Json) -> JsonObject:
    """The object of a call's item; arguments that are none give an empty one."""
    given: JsonObject = arguments if type(arguments) is dict else {}
    return {**builtin.fixed, **builtin.blank, **given}
