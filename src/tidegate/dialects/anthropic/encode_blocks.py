"""Content blocks of a request, from the neutral model to the wire."""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Never, cast

from tidegate.dialects.anthropic.decode_blocks import NAME
from tidegate.dialects.anthropic.receipt import Receipt
from tidegate.dialects.arguments import parse_arguments, wrap_arguments
from tidegate.dialects.reading import merge
from tidegate.ir.content import (
    Audio,
    Base64Source,
    Block,
    ContentSource,
    Document,
    DocumentSource,
    FileSource,
    Image,
    MediaSource,
    Native,
    Refusal,
    Text,
    TextSource,
    Thinking,
    ToolResult,
    ToolUse,
    UrlSource,
)
from tidegate.ir.errors import bad_request, unsupported
from tidegate.ir.json import Json, JsonObject


def encode_block(block: Block, path: str, receipt: Receipt) -> JsonObject | None:
    """None for a block that is not sent. Raises `unsupported` for what Anthropic cannot take."""
    return _ENCODERS[type(block)](block, path, receipt)


def _refusal(block: Refusal, path: str, receipt: Receipt) -> JsonObject | None:
    receipt.mapped(path, "a refusal is text in Anthropic's history")
    receipt.foreign_extras(block.extras, path)
    return {"type": "text", "text": block.text} if block.text.strip() else None


def _audio(block: Audio, path: str, receipt: Receipt) -> Never:
    del block, receipt
    raise unsupported("Anthropic's models take no audio", path)


def _native(block: Native, path: str, receipt: Receipt) -> JsonObject | None:
    if block.dialect == NAME:
        return block.raw
    receipt.dropped(path, f"only {block.dialect} understands this block")
    return None


def _text(block: Text, path: str, receipt: Receipt) -> JsonObject | None:
    if not receipt.own:
        if not block.text.strip():
            receipt.dropped(path, "Anthropic takes no empty text")
            return None
        if block.citations:
            receipt.dropped(f"{path}.annotations", "Anthropic takes back only its own citations")
    out: JsonObject = {"type": "text", "text": block.text}
    if receipt.own and block.citations:
        out["citations"] = [citation.raw for citation in block.citations]
    receipt.mark(out, block.cache, path)
    if block.extras:
        _extras(out, block.extras, path, receipt)
    return out


def _extras(out: JsonObject, extras: JsonObject, path: str, receipt: Receipt) -> None:
    if receipt.own:
        merge(out, extras)
    else:
        receipt.foreign_extras(extras, path)


def _thinking(block: Thinking, path: str, receipt: Receipt) -> JsonObject | None:
    if block.origin is None or not block.origin.accepts(NAME, receipt.profile.provider):
        receipt.dropped(path, "reasoning goes back only to where it was made")
        return None
    if block.redacted is not None:
        out: JsonObject = {"type": "redacted_thinking", "data": block.redacted}
    elif block.signature is None:
        receipt.dropped(path, "reasoning without a signature cannot go back")
        return None
    else:
        out = {"type": "thinking", "thinking": block.text, "signature": block.signature}
    _extras(out, block.extras, path, receipt)
    return out


def _tool_use(block: ToolUse, path: str, receipt: Receipt) -> JsonObject:
    arguments = None
    if block.kind == "custom":
        receipt.emulated(path, "a free-text tool call is a call with one field `input`")
    else:
        arguments = parse_arguments(block.arguments)
        if arguments is None:
            receipt.emulated(receipt.inner(path, "function", "arguments"), "the arguments are not a JSON object and were put into one")
    if arguments is None:
        arguments = wrap_arguments(block.arguments, custom=block.kind == "custom")
    name = receipt.tool_name(block.name, path, block.kind)
    out: JsonObject = {"type": "tool_use", "id": receipt.tool_id(block.id, f"{path}.id"), "name": name, "input": arguments}
    if block.signature is not None:
        receipt.dropped(f"{path}.extra_content", "a call's signature goes back only to where it was made")
    receipt.mark(out, block.cache, path)
    _extras(out, block.extras, path, receipt)
    return out


def _tool_result(block: ToolResult, path: str, receipt: Receipt) -> JsonObject:
    out: JsonObject = {"type": "tool_result", "tool_use_id": receipt.tool_id(block.id, f"{path}.{receipt.name('tool_call_id')}")}
    content = encode_content(block.blocks, f"{path}.content", receipt)
    if content is not None:
        out["content"] = content
    if block.is_error:
        out["is_error"] = True
    receipt.mark(out, block.cache, path)
    _extras(out, block.extras, path, receipt)
    return out


def encode_content(blocks: list[Block], path: str, receipt: Receipt) -> Json:
    """A string where the blocks are one plain text, else an array; None where nothing is left."""
    out: list[JsonObject] = []
    for index, block in enumerate(blocks):
        encoded = encode_block(block, f"{path}[{index}]", receipt)
        if encoded is not None:
            out.append(encoded)
    return plain(out) if out else None


def plain(content: list[JsonObject]) -> Json:
    """Anthropic's shorthand for one text without marks."""
    if len(content) == 1 and len(only := content[0]) == 2 and only.get("type") == "text":
        return only["text"]
    return cast("list[Json]", content)


def _image(block: Image, path: str, receipt: Receipt) -> JsonObject:
    if not receipt.profile.capabilities.vision and not receipt.own:
        raise unsupported("this model takes no images", path)
    if block.detail is not None:
        receipt.dropped(f"{path}.detail", "Anthropic has no detail levels")
    out: JsonObject = {"type": "image", "source": _media(block.source, path, receipt)}
    receipt.mark(out, block.cache, path)
    _extras(out, block.extras, path, receipt)
    return out


def _media(source: MediaSource, path: str, receipt: Receipt) -> JsonObject:
    match source:
        case UrlSource(url=url):
            if url.startswith("data:"):
                return _inline_image(inline_data(url, path), path, receipt)
            return {"type": "url", "url": url}
        case Base64Source():
            return _inline_image(source, path, receipt)
        case FileSource(file_id=file_id):
            if not receipt.own:
                raise unsupported("a file id means something only to the provider that issued it", path)
            return {"type": "file", "file_id": file_id}


def _inline_image(source: Base64Source, path: str, receipt: Receipt) -> JsonObject:
    """Anthropic answers 400 to `image/jpg`, which no registry has and many clients send."""
    media_type = source.media_type
    if media_type.lower() == "image/jpg" and not receipt.own:
        media_type = "image/jpeg"
        receipt.mapped(path, "Anthropic's word for `image/jpg` is `image/jpeg`")
    return {"type": "base64", "media_type": media_type, "data": source.data}


def inline_data(url: str, path: str) -> Base64Source:
    """The content of a base64 `data:` URL. Raises `bad_request`."""
    head, comma, data = url.partition(",")
    media_type, *parameters = head[len("data:") :].split(";")
    if not comma or "base64" not in parameters:
        raise bad_request("a data: URL must hold base64", path)
    return Base64Source(media_type or "application/octet-stream", data)


def _document(block: Document, path: str, receipt: Receipt) -> JsonObject:
    if receipt.own and block.extras.get("type") == "search_result":
        return _search_result(block, path, receipt)
    if not receipt.profile.capabilities.documents and not receipt.own:
        raise unsupported("this model takes no documents", path)
    out: JsonObject = {"type": "document", "source": _document_source(block.source, path, receipt)}
    if block.title is not None:
        out["title"] = block.title
    if block.context is not None:
        out["context"] = block.context
    if block.citations is not None:
        out["citations"] = {"enabled": block.citations}
    receipt.mark(out, block.cache, path)
    _extras(out, block.extras, path, receipt)
    return out


def _document_source(source: DocumentSource, path: str, receipt: Receipt) -> JsonObject:
    match source:
        case TextSource(text=text, media_type=media_type):
            return {"type": "text", "media_type": media_type if receipt.own else "text/plain", "data": text}
        case ContentSource(blocks=blocks):
            content: list[Json] = []
            for index, block in enumerate(blocks):
                encoded = encode_block(block, f"{path}[{index}]", receipt)
                if encoded is not None:
                    content.append(encoded)
            return {"type": "content", "content": content}
        case UrlSource(url=url) if url.startswith("data:"):
            return _inline_document(inline_data(url, path), path, receipt)
        case Base64Source():
            return _inline_document(source, path, receipt)
        case _:
            return _media(source, path, receipt)


def _inline_document(source: Base64Source, path: str, receipt: Receipt) -> JsonObject:
    """Anthropic takes base64 only for PDFs; text goes as text."""
    out: JsonObject = {"type": "base64", "media_type": source.media_type, "data": source.data}
    if receipt.own or source.media_type == "application/pdf":
        return out
    if not (source.media_type.startswith("text/") or source.media_type == "application/json"):
        raise unsupported(f"Anthropic takes PDF and text documents, not {source.media_type}", path)
    try:
        text = base64.b64decode(source.data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise bad_request("the file is not text in base64", path) from None
    receipt.mapped(path, "a text file goes as a text document")
    return {"type": "text", "media_type": "text/plain", "data": text}


def _search_result(block: Document, path: str, receipt: Receipt) -> JsonObject:
    content: list[Json] = []
    if isinstance(block.source, ContentSource):
        content = [encode_block(inner, f"{path}.content[{index}]", receipt) for index, inner in enumerate(block.source.blocks)]
    out: JsonObject = {"type": "search_result", "source": block.extras.get("source"), "title": block.title, "content": content}
    if block.citations is not None:
        out["citations"] = {"enabled": block.citations}
    receipt.mark(out, block.cache, path)
    merge(out, block.extras)
    return out


_ENCODERS: dict[type, Callable[[Any, str, Receipt], JsonObject | None]] = {
    Text: _text,
    Refusal: _refusal,
    Thinking: _thinking,
    Image: _image,
    Document: _document,
    Audio: _audio,
    ToolUse: _tool_use,
    ToolResult: _tool_result,
    Native: _native,
}
