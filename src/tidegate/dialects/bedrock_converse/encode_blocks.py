"""Content blocks of a request, from the neutral model to the wire."""

from collections.abc import Callable
from typing import Any

import msgspec

from tidegate.dialects.arguments import parse_arguments, wrap_arguments
from tidegate.dialects.bedrock_converse.decode_blocks import REDACTED
from tidegate.dialects.bedrock_converse.encode_media import encode_audio, encode_document, encode_image
from tidegate.dialects.bedrock_converse.fields import CITED, GUARD, NAME
from tidegate.dialects.bedrock_converse.receipt import Receipt
from tidegate.dialects.reading import merge
from tidegate.dialects.signature import pack
from tidegate.dialects.values import object_or_empty
from tidegate.ir.content import Audio, Block, CacheMark, Document, Image, Native, Refusal, Text, Thinking, ToolResult, ToolUse
from tidegate.ir.json import Json, JsonObject

_DECODER = msgspec.json.Decoder()


def encode_into(out: list[Json], block: Block, path: str, receipt: Receipt) -> bool:
    """Puts a block, and its mark behind it, at the end of `out`. False for one that is not sent. Raises `unsupported`."""
    if isinstance(block, ToolResult) and not receipt.own:
        block = _marked_behind(block, path, receipt)
    encoded = _ENCODERS[type(block)](block, path, receipt)
    if encoded is None:
        return False
    extras: JsonObject = getattr(block, "extras", {})
    if extras and receipt.own:
        merge(encoded, extras)
    elif extras:
        receipt.foreign_extras(extras, path)
    out.append(encoded)
    cache: CacheMark | None = getattr(block, "cache", None)
    receipt.mark(out, cache, path)
    return True


def _text(block: Text, path: str, receipt: Receipt) -> JsonObject | None:
    if receipt.own:
        return _own_text(block)
    if not block.text.strip():
        receipt.dropped(path, "Bedrock takes no blank text")
        return None
    if block.citations:
        receipt.dropped(f"{path}.annotations", "Bedrock takes back only its own citations")
    return {"text": block.text}


def _own_text(block: Text) -> JsonObject:
    if block.json:
        return {"json": _DECODER.decode(block.text)}
    if GUARD in block.extras:
        return {GUARD: {"text": {"text": block.text}}}
    if block.citations or CITED in block.extras:
        cited: JsonObject = {"content": [{"text": block.text}]}
        if block.citations:
            cited["citations"] = [citation.raw for citation in block.citations]
        return {CITED: cited | object_or_empty(block.extras.get(CITED))}
    return {"text": block.text}


def _refusal(block: Refusal, path: str, receipt: Receipt) -> JsonObject | None:
    receipt.mapped(path, "a refusal is text in Bedrock's history")
    return {"text": block.text} if block.text.strip() else None


def _thinking(block: Thinking, path: str, receipt: Receipt) -> JsonObject | None:
    if block.origin is None or not block.origin.accepts(NAME, receipt.profile.provider):
        receipt.dropped(path, "reasoning goes back only to where it was made")
        return None
    if block.redacted is None and block.signature is None and not receipt.own:
        receipt.dropped(path, "reasoning without a signature cannot go back")
        return None
    return {"reasoningContent": reasoning_of(block)}


def reasoning_of(block: Thinking) -> JsonObject:
    """The object of a reasoning block, for Bedrock or for a client. What another dialect signed or encrypted is in an envelope."""
    origin = block.origin
    foreign = origin is not None and origin.dialect != NAME
    if block.redacted is not None:
        if not foreign:
            return {"redactedContent": block.redacted}
        return {"reasoningText": {"text": "", "signature": pack(origin, REDACTED + block.redacted)}}
    told: JsonObject = {"text": block.text}
    signature = pack(origin, block.signature) if foreign and block.signature is not None else block.signature
    if signature is not None:
        told["signature"] = signature
    return {"reasoningText": told}


def _tool_use(block: ToolUse, path: str, receipt: Receipt) -> JsonObject:
    arguments: Json = None
    if receipt.own:
        arguments = _DECODER.decode(block.arguments)
    elif block.kind == "custom":
        receipt.emulated(path, "a free-text tool call is a call with one field `input`")
        arguments = wrap_arguments(block.arguments, custom=True)
    else:
        arguments = parse_arguments(block.arguments)
        if arguments is None:
            receipt.emulated(receipt.inner(path, "function", "arguments"), "the arguments are not a JSON object and were put into one")
            arguments = wrap_arguments(block.arguments, custom=False)
    if block.signature is not None:
        receipt.dropped(f"{path}.extra_content", "a call's signature goes back only to where it was made")
    return {
        "toolUse": {
            "toolUseId": receipt.tool_id(block.id, f"{path}.id"),
            "name": receipt.tool_name(block.name, path, block.kind),
            "input": arguments,
        }
    }


def _tool_result(block: ToolResult, path: str, receipt: Receipt) -> JsonObject:
    content: list[Json] = []
    for index, inner in enumerate(block.blocks):
        encode_into(content, inner, f"{path}.content[{index}]", receipt)
    result: JsonObject = {"toolUseId": receipt.tool_id(block.id, f"{path}.{receipt.name('tool_call_id')}"), "content": content}
    if block.is_error:
        result["status"] = "error"
    return {"toolResult": result}


def _marked_behind(block: ToolResult, path: str, receipt: Receipt) -> ToolResult:
    """The result with the marks of its content behind itself: within results Bedrock has no cache points."""
    mark = block.cache
    blocks: list[Block] = []
    for index, inner in enumerate(block.blocks):
        cache: CacheMark | None = getattr(inner, "cache", None)
        if cache is not None:
            receipt.mapped(f"{path}.content[{index}].cache_control", "the cache point stands behind the result")
        blocks.append(inner if cache is None else msgspec.structs.replace(inner, cache=None))
        mark = mark or cache
    return msgspec.structs.replace(block, blocks=blocks, cache=mark)


def _native(block: Native, path: str, receipt: Receipt) -> JsonObject | None:
    if block.dialect == NAME:
        return block.raw
    receipt.dropped(path, f"only {block.dialect} understands this block")
    return None


_ENCODERS: dict[type, Callable[[Any, str, Receipt], JsonObject | None]] = {
    Text: _text,
    Refusal: _refusal,
    Thinking: _thinking,
    Image: encode_image,
    Document: encode_document,
    Audio: encode_audio,
    ToolUse: _tool_use,
    ToolResult: _tool_result,
    Native: _native,
}
