"""Arguments of tool calls as dialects have them whose calls carry an object and not a text."""

from typing import cast

import msgspec

from tidegate.ir.json import JsonObject

_DECODER = msgspec.json.Decoder()


def parse_arguments(text: str) -> JsonObject | None:
    """A tool call's arguments as an object; None where they are not one. No text at all means no arguments."""
    if not text.strip():
        return {}
    try:
        value: object = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return cast("JsonObject", value) if type(value) is dict else None


def wrap_arguments(text: str, *, custom: bool) -> JsonObject:
    """What stands for arguments that are no JSON object: `input` for a free-text tool, else `arguments`."""
    return {"input" if custom else "arguments": text}
