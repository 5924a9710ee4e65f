"""Items of an answer to neutral blocks. Used for whole answers and for the finished items of a stream."""

from typing import cast

from tidegate.dialects.openai_responses.builtins import BUILTINS, BY_CALL, arguments_of
from tidegate.dialects.openai_responses.citations import decode_annotations
from tidegate.dialects.openai_responses.fields import NAME
from tidegate.dialects.openai_responses.reasoning import thinking_of
from tidegate.dialects.values import dump_text, object_or_empty, text_or_empty
from tidegate.ir.content import Base64Source, Block, Image, Native, Origin, Refusal, Text, ToolUse
from tidegate.ir.json import Json, JsonObject

_CALL = frozenset(("id", "type", "call_id", "name", "arguments", "input", "status"))
_MESSAGE = frozenset(("id", "type", "role", "status", "content"))
_PART = frozenset(("type", "text", "annotations", "logprobs", "refusal"))
MESSAGE = "message"
"""Among the extras of a text: what its message had beside it."""


def blocks_of(item: JsonObject, origin: Origin, before: int) -> list[Block]:
    """The blocks of one item. `before` = characters of text in the answer before it. An item that says nothing has none."""
    kind = item.get("type")
    if kind == "message":
        return _message(item, before)
    if kind == "reasoning":
        block = thinking_of(item, origin, keep=False)
        return [block] if block.text or block.signature is not None else []
    if kind in ("function_call", "custom_tool_call"):
        return [call_of(item)]
    if type(kind) is str and kind in BY_CALL and _runs_here(item):
        name = BY_CALL[kind]
        call_id = text_or_empty(item.get("call_id")) or text_or_empty(item.get("id"))
        return [ToolUse(call_id, name, dump_text(arguments_of(BUILTINS[name], item)), builtin=name)]
    if kind == "image_generation_call" and item.get("result") and type(item["result"]) is str:
        form = text_or_empty(item.get("output_format")) or "png"
        rest = {name: value for name, value in item.items() if name not in ("type", "result")}
        return [Image(Base64Source(f"image/{form}", item["result"]), extras=rest)]
    return [Native(NAME, item)]


def _runs_here(item: JsonObject) -> bool:
    """A shell in a container is the provider's."""
    environment = item.get("environment")
    return type(environment) is not dict or environment.get("type") == "local"


def call_of(item: JsonObject) -> ToolUse:
    custom = item.get("type") == "custom_tool_call"
    value = item.get("input" if custom else "arguments")
    return ToolUse(
        text_or_empty(item.get("call_id")) or text_or_empty(item.get("id")),
        text_or_empty(item.get("name")),
        value if type(value) is str else "" if value is None else dump_text(value),
        "custom" if custom else "function",
        extras={name: value for name, value in item.items() if name not in _CALL and value is not None},
    )


def message_extras(item: JsonObject) -> JsonObject:
    """What a text keeps of its message."""
    rest: JsonObject = {name: value for name, value in item.items() if name not in _MESSAGE and value is not None}
    return {MESSAGE: rest} if rest else {}


def _message(item: JsonObject, before: int) -> list[Block]:
    content = item.get("content")
    if type(content) is str:
        return [Text(content, extras=message_extras(item))] if content else []
    blocks: list[Block] = []
    for part in content if type(content) is list else []:
        block = _part(object_or_empty(part), message_extras(item), before)
        if block is not None:
            blocks.append(block)
            before += len(block.text) if isinstance(block, Text) else 0
    return blocks


def _part(part: JsonObject, extras: JsonObject, before: int) -> Block | None:
    kind = part.get("type")
    if kind == "refusal":
        text = text_or_empty(part.get("refusal"))
        return Refusal(text) if text else None
    text = text_or_empty(part.get("text"))
    if kind not in ("output_text", "text"):
        return Native(NAME, {"type": "message", "role": "assistant", "content": [cast("Json", part)]})
    if not text:
        return None
    extras = extras | {name: value for name, value in part.items() if name not in _PART}
    if part.get("logprobs"):
        extras["logprobs"] = part["logprobs"]
    return Text(text, decode_annotations(part.get("annotations"), before), extras=extras)
