"""Messages to `input` items. A turn of another dialect is cut into items in the order of its blocks: reasoning, texts, calls and results
each stand alone."""

from tidegate.dialects.openai_responses.builtins import BUILTINS, call_object
from tidegate.dialects.openai_responses.encode_content import content_of, encode_parts
from tidegate.dialects.openai_responses.encoding import Encoding
from tidegate.dialects.openai_responses.fields import DONE, NAME
from tidegate.dialects.openai_responses.reasoning import item_of
from tidegate.dialects.values import parse
from tidegate.ir.content import Audio, Block, Document, Image, Native, Text, Thinking, ToolResult, ToolUse
from tidegate.ir.json import Json, JsonObject
from tidegate.ir.request import Message


def encode_input(encoding: Encoding, first: int) -> list[JsonObject]:
    """The items of the messages from `first` on."""
    out: list[JsonObject] = []
    for index, message in enumerate(encoding.request.messages[first:], first):
        out += _items(encoding, message, index)
    return out


def _items(encoding: Encoding, message: Message, index: int) -> list[JsonObject]:
    out: list[JsonObject] = []
    content: list[Block] = []
    paths: list[str] = []

    def flush() -> None:
        if content or (encoding.own and not message.blocks):
            out.extend(_message(encoding, message, content, paths))
            content.clear()
            paths.clear()

    for at, block in enumerate(message.blocks):
        item = _item(encoding, message, block, encoding.block(index, at))
        if item is None and message.role == "assistant" and not encoding.own and isinstance(block, Audio | Document | Image):
            item = _shown(encoding, block, encoding.block(index, at))
        if item is None:
            content.append(block)
            paths.append(encoding.block(index, at))
        else:
            flush()
            out += item
    flush()
    return _named(encoding, message, index, out)


def _named(encoding: Encoding, message: Message, index: int, items: list[JsonObject]) -> list[JsonObject]:
    """What else the message had."""
    if message.name is not None:
        encoding.dropped(f"{encoding.message(index)}.name", "items have no names")
    if not encoding.own:
        encoding.foreign_extras(message.extras, encoding.message(index))
    elif len(items) == 1 and not isinstance(message.blocks[0] if message.blocks else None, Thinking | Native):
        if message.id is not None:
            items[0]["id"] = message.id
        encoding.attach(items[0], message.extras, "")
    return items


def _message(encoding: Encoding, message: Message, blocks: list[Block], paths: list[str]) -> list[JsonObject]:
    role = "user" if message.role == "tool" else message.role
    parts = encode_parts(encoding, blocks, paths, answer=role == "assistant")
    if not parts and not encoding.own:
        return []
    return [{"type": "message", "role": role, "content": content_of(parts)}]


def _item(encoding: Encoding, message: Message, block: Block, path: str) -> list[JsonObject] | None:
    """The items of a block that is no content (none where it is dropped); None for content."""
    match block:
        case Thinking():
            return _reasoning(encoding, block, path)
        case ToolUse():
            return [_call(encoding, block, message, path)]
        case ToolResult():
            return [_result(encoding, block, message, path)]
        case Native(dialect=dialect, raw=raw) if dialect == NAME and not _is_part(raw):
            return [raw]
        case _:
            return None


def _shown(encoding: Encoding, block: Block, path: str) -> list[JsonObject]:
    encoding.emulated(path, "an answer has no place for it: shown as a user's message")
    return [{"type": "message", "role": "user", "content": content_of(encode_parts(encoding, [block], [path], answer=False))}]


def _is_part(raw: JsonObject) -> bool:
    kind = raw.get("type")
    return type(kind) is str and kind.startswith(("input_", "output_"))


def _reasoning(encoding: Encoding, block: Thinking, path: str) -> list[JsonObject]:
    if block.origin is None or not block.origin.accepts(NAME, encoding.profile.provider):
        encoding.dropped(path, "reasoning is sent back only to where it was made")
        return []
    if block.signature is None and not encoding.own:
        encoding.dropped(path, "reasoning without a signature is not sent back")
        return []
    return [item_of(block)]


def _call(encoding: Encoding, block: ToolUse, message: Message, path: str) -> JsonObject:
    encoding.no_mark(block.cache, path)
    if block.signature is not None:
        encoding.dropped(f"{path}.extra_content", "a call's signature goes back only to where it was made")
    builtin = BUILTINS.get(block.builtin or "") if encoding.own else None
    call_id = encoding.call_id(block.id)
    if builtin is not None:
        try:
            arguments: Json = parse(block.arguments.encode())
        except ValueError:
            arguments = None
        item: JsonObject = {"type": builtin.call, "call_id": call_id, builtin.field: call_object(builtin, arguments), "status": DONE}
        return item if "status" not in message.extras else {**item, "status": message.extras["status"]}
    name = encoding.tool_name(block.name, path)
    if block.kind == "custom":
        item = {"type": "custom_tool_call", "call_id": call_id, "name": name, "input": block.arguments}
    else:
        arguments = block.arguments if block.arguments or encoding.own else "{}"
        item = {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
    encoding.attach(item, block.extras, path)
    return item


def _result(encoding: Encoding, block: ToolResult, message: Message, path: str) -> JsonObject:
    call_id = encoding.call_id(block.id)
    encoding.no_mark(block.cache, path)
    if encoding.own and block.builtin is not None:
        return _builtin_result(block, message, call_id)
    parts = encode_parts(encoding, block.blocks, [f"{path}.content[{at}]" for at in range(len(block.blocks))], answer=False)
    if block.is_error:
        encoding.emulated(f"{path}.is_error", "said at the start of the result: OpenAI's results have no such flag")
        parts.insert(0, {"type": "input_text", "text": "Error:"})
    if not encoding.own and all(part["type"] == "input_text" for part in parts):
        joined = "\n".join(str(part["text"]) for part in parts)
        parts = list[JsonObject](({"type": "input_text", "text": joined},))
    kind = "custom_tool_call_output" if block.custom or _of_custom(encoding, block.id) else "function_call_output"
    item: JsonObject = {"type": kind, "call_id": call_id, "output": content_of(parts)}
    encoding.attach(item, block.extras, path)
    return item


def _of_custom(encoding: Encoding, call_id: str) -> bool:
    """Whether the call was of a free-text tool, for dialects whose results do not say so."""
    return not encoding.own and any(
        isinstance(block, ToolUse) and block.id == call_id and block.kind == "custom"
        for message in encoding.request.messages
        for block in message.blocks
    )


def _builtin_result(block: ToolResult, message: Message, call_id: str) -> JsonObject:
    builtin = BUILTINS[block.builtin or ""]
    item: JsonObject = {"type": builtin.output}
    # The result of a local shell names its call by its own id.
    if message.id is None or block.builtin != "local_shell":
        item["call_id"] = call_id
    text = block.blocks[0].text if block.blocks and isinstance(block.blocks[0], Text) else None
    if text is not None:
        item["output"] = text
        if block.builtin == "shell":
            try:
                item["output"] = parse(text.encode())
            except ValueError:
                item["output"] = []
    return item
