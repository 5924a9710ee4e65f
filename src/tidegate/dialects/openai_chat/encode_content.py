"""Blocks to content parts: what OpenAI's shape can carry, what stands in for the rest, and what is refused."""

from tidegate.dialects.media import media_url
from tidegate.dialects.openai_chat.encoding import Encoding
from tidegate.dialects.openai_chat.fields import NAME
from tidegate.ir.content import (
    Audio,
    Base64Source,
    Block,
    CacheMark,
    ContentSource,
    Document,
    FileSource,
    Image,
    Native,
    Refusal,
    Text,
    TextSource,
    Thinking,
    ToolResult,
    ToolUse,
)
from tidegate.ir.errors import unsupported
from tidegate.ir.json import Json, JsonObject

Part = JsonObject


def encode_block(encoding: Encoding, block: Block, path: str) -> list[Part]:
    """The parts of one block: one, or none for what is dropped (with its loss). Raises `unsupported` for content without which the
    request would mean something else."""
    match block:
        case Text():
            return [_text(encoding, block, path)] if block.text or encoding.own else []
        case Image():
            return [_image(encoding, block, path)]
        case Document():
            return _document(encoding, block, path)
        case Audio():
            return [_audio(encoding, block, path)]
        case Refusal():
            return [_finish({"type": "refusal", "refusal": block.text}, encoding, None, block.extras, path)]
        case Native(dialect=dialect, raw=raw):
            if dialect == NAME:
                return [raw]
            encoding.dropped(path, f"{raw.get('type', 'a block')} is understood by {dialect} only")
        case Thinking() | ToolUse() | ToolResult():
            encoding.dropped(path, f"a message of this role has no {type(block).__name__}")
    return []


def content_of(encoding: Encoding, parts: list[Part], separator: str) -> Json:
    """Parts as content: plain text is a string, as every provider takes it. Texts of another dialect's blocks are joined; an OpenAI
    client's own parts stay apart."""
    if not parts:
        return ""
    if len(parts) == 1 or not encoding.own:
        texts = [_plain(part) for part in parts]
        if None not in texts:
            return separator.join(text or "" for text in texts)
    return [*parts]


def _plain(part: Part) -> str | None:
    if len(part) == 2 and part["type"] == "text":
        text = part["text"]
        return text if type(text) is str else None
    return None


def _finish(part: Part, encoding: Encoding, cache: CacheMark | None, extras: JsonObject, path: str) -> Part:
    encoding.attach(part, cache, extras, path)
    return part


def _text(encoding: Encoding, block: Text, path: str) -> Part:
    if block.citations:
        encoding.dropped(f"{path}.citations", "a message has no place for citations")
    return _finish({"type": "text", "text": block.text}, encoding, block.cache, block.extras, path)


def _image(encoding: Encoding, block: Image, path: str) -> Part:
    if not (encoding.own or encoding.profile.capabilities.vision):
        raise unsupported("The target model does not take images.", path)
    image: JsonObject = {"url": media_url(block.source, path)}
    if block.detail is not None:
        image["detail"] = block.detail
    return _finish({"type": "image_url", "image_url": image}, encoding, block.cache, block.extras, path)


def _audio(encoding: Encoding, block: Audio, path: str) -> Part:
    if not (encoding.own or encoding.profile.capabilities.audio):
        raise unsupported("The target model does not take audio.", path)
    part: Part = {"type": "input_audio", "input_audio": {"data": block.data, "format": block.format}}
    return _finish(part, encoding, None, block.extras, path)


def _document(encoding: Encoding, block: Document, path: str) -> list[Part]:
    if block.citations:
        encoding.dropped(f"{path}.citations", "OpenAI's shape cannot ask for citations of a document")
    source = block.source
    if encoding.own:
        return [_finish(_file(block, path), encoding, block.cache, block.extras, path)]
    if isinstance(source, TextSource):
        return [_document_text(encoding, block, source.text, path)]
    if isinstance(source, ContentSource):
        return _document_blocks(encoding, block, source.blocks, path)
    if isinstance(source, FileSource):
        raise unsupported(
            f"The file id {source.file_id!r} is known to the provider that issued it only; send the content.", f"{path}.source"
        )
    if not isinstance(source, Base64Source):
        raise unsupported("The target takes documents as base64 only, not as an address.", f"{path}.source.url")
    if not encoding.profile.capabilities.documents:
        raise unsupported("The target model does not take documents.", path)
    parts: list[Part] = []
    if block.context:
        encoding.emulated(f"{path}.context", "said in a text before the document")
        parts.append({"type": "text", "text": block.context})
    parts.append(_finish(_file(block, path), encoding, block.cache, block.extras, path))
    return parts


def _file(block: Document, path: str) -> Part:
    source = block.source
    if isinstance(source, FileSource):
        file: JsonObject = {"file_id": source.file_id}
        if block.title is not None:
            file["filename"] = block.title
        return {"type": "file", "file": file}
    if isinstance(source, TextSource | ContentSource):
        raise unsupported("This document cannot be sent as a file.", path)
    data = media_url(source, path)
    title = block.title
    if title is None and isinstance(source, Base64Source):
        title = "document.pdf" if source.media_type == "application/pdf" else "document"
    named: JsonObject = {} if title is None else {"filename": title}
    return {"type": "file", "file": {**named, "file_data": data}}


def _document_text(encoding: Encoding, block: Document, text: str, path: str) -> Part:
    encoding.emulated(f"{path}.source", "the document is sent as text")
    named = [("title", block.title)]
    extras = block.extras
    if extras.get("type") == "search_result":
        source = extras.get("source")
        named.append(("source", source if type(source) is str else None))
        extras = {name: value for name, value in extras.items() if name not in ("type", "source")}
    head = "".join(f' {name}="{_quoted(value)}"' for name, value in named if value)
    context = f"{block.context}\n" if block.context else ""
    part: Part = {"type": "text", "text": f"<document{head}>\n{context}{text}\n</document>"}
    return _finish(part, encoding, block.cache, extras, path)


def _quoted(title: str) -> str:
    return title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\n", " ")


def _document_blocks(encoding: Encoding, block: Document, blocks: list[Block], path: str) -> list[Part]:
    texts = [inner.text for inner in blocks if isinstance(inner, Text)]
    parts = [_document_text(encoding, block, "\n".join(texts), path)]
    for at, inner in enumerate(blocks):
        if not isinstance(inner, Text):
            parts += encode_block(encoding, inner, f"{path}.source.content[{at}]")
    return parts
