"""Blocks to content parts: what Responses can carry, what stands in for the rest, and what is refused."""

from tidegate.dialects.media import media_url
from tidegate.dialects.openai_responses.citations import encode_citation
from tidegate.dialects.openai_responses.encoding import Encoding
from tidegate.dialects.openai_responses.fields import NAME
from tidegate.ir.content import (
    Audio,
    Base64Source,
    Block,
    ContentSource,
    Document,
    FileSource,
    Image,
    Native,
    Refusal,
    Text,
    TextSource,
    UrlSource,
)
from tidegate.ir.errors import unsupported
from tidegate.ir.json import Json, JsonObject

_UNKNOWN_FILE = "The file id {!r} is known to the provider that issued it only; send the content."


def encode_parts(encoding: Encoding, blocks: list[Block], paths: list[str], *, answer: bool) -> list[JsonObject]:
    """The parts of blocks with their places. `answer` = they are an assistant's. Raises `unsupported` for content without which the request
    would mean something else."""
    out: list[JsonObject] = []
    for block, path in zip(blocks, paths, strict=True):
        out += _encode(encoding, block, path, answer=answer)
    return out


def content_of(parts: list[JsonObject]) -> Json:
    """Parts as content: one plain text is a string, as every provider takes it."""
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return parts[0]["text"]
    return [*parts]


def _encode(encoding: Encoding, block: Block, path: str, *, answer: bool) -> list[JsonObject]:
    match block:
        case Text():
            return [_text(encoding, block, path, answer=answer)] if block.text or encoding.own else []
        case Refusal():
            return [_refusal(encoding, block, path, answer=answer)]
        case Image():
            return [_image(encoding, block, path)]
        case Document():
            return _document(encoding, block, path)
        case Audio():
            return [_audio(encoding, block, path)]
        case Native(dialect=dialect, raw=raw) if dialect == NAME:
            return [raw]
        case Native(dialect=dialect, raw=raw):
            encoding.dropped(path, f"{raw.get('type', 'a block')} is understood by {dialect} only")
        case _:
            encoding.dropped(path, f"content has no {type(block).__name__}")
    return []


def _finish(encoding: Encoding, part: JsonObject, block: Text | Refusal | Image | Document | Audio, path: str) -> JsonObject:
    if block.extras:
        encoding.attach(part, block.extras, path)
    encoding.no_mark(getattr(block, "cache", None), path)
    return part


def _text(encoding: Encoding, block: Text, path: str, *, answer: bool) -> JsonObject:
    part: JsonObject = {"type": "output_text" if answer else "input_text", "text": block.text}
    if block.citations:
        found = [encode_citation(citation, 0, len(block.text)) for citation in block.citations]
        kept: list[Json] = [annotation for annotation in found if annotation is not None]
        if answer and kept:
            part["annotations"] = kept
        if len(kept) < len(found) or not answer:
            encoding.dropped(f"{path}.citations", "OpenAI takes back citations of addresses only")
    return _finish(encoding, part, block, path)


def _refusal(encoding: Encoding, block: Refusal, path: str, *, answer: bool) -> JsonObject:
    part: JsonObject = {"type": "refusal", "refusal": block.text} if answer else {"type": "input_text", "text": block.text}
    return _finish(encoding, part, block, path)


def _image(encoding: Encoding, block: Image, path: str) -> JsonObject:
    if not (encoding.own or encoding.profile.capabilities.vision):
        raise unsupported("The target model does not take images.", path)
    source = block.source
    part: JsonObject = {"type": "input_image"}
    if isinstance(source, FileSource) and encoding.own:
        part["file_id"] = source.file_id
    else:
        part["image_url"] = media_url(source, path)
    if block.detail is not None:
        part["detail"] = block.detail
    return _finish(encoding, part, block, path)


def _audio(encoding: Encoding, block: Audio, path: str) -> JsonObject:
    if not (encoding.own or encoding.profile.capabilities.audio):
        raise unsupported("The target model does not take audio.", path)
    return _finish(encoding, {"type": "input_audio", "input_audio": {"data": block.data, "format": block.format}}, block, path)


def _document(encoding: Encoding, block: Document, path: str) -> list[JsonObject]:
    source = block.source
    if block.citations:
        encoding.dropped(f"{path}.citations", "OpenAI cannot be asked for citations of a document")
    if isinstance(source, TextSource):
        return [_document_text(encoding, block, source.text, path)]
    if isinstance(source, ContentSource):
        texts = [inner.text for inner in source.blocks if isinstance(inner, Text)]
        others: list[Block] = [inner for inner in source.blocks if not isinstance(inner, Text)]
        paths = [f"{path}.source.content"] * len(others)
        return [_document_text(encoding, block, "\n".join(texts), path), *encode_parts(encoding, others, paths, answer=False)]
    if not (encoding.own or encoding.profile.capabilities.documents):
        raise unsupported("The target model does not take documents.", path)
    if isinstance(source, FileSource) and not encoding.own:
        raise unsupported(_UNKNOWN_FILE.format(source.file_id), f"{path}.source")
    part: JsonObject = {"type": "input_file"}
    title = block.title
    if isinstance(source, Base64Source):
        part["file_data"] = media_url(source, path)
        if title is None and not encoding.own:
            title = "document.pdf" if source.media_type == "application/pdf" else "document"
    elif isinstance(source, UrlSource):
        part["file_url" if not source.url.startswith("data:") else "file_data"] = source.url
    else:
        part["file_id"] = source.file_id
    if title is not None:
        part["filename"] = title
    parts: list[JsonObject] = []
    if block.context:
        encoding.emulated(f"{path}.context", "said in a text before the document")
        parts.append({"type": "input_text", "text": block.context})
    return [*parts, _finish(encoding, part, block, path)]


def _document_text(encoding: Encoding, block: Document, text: str, path: str) -> JsonObject:
    encoding.emulated(f"{path}.source", "the document is sent as text")
    named = [("title", block.title)]
    extras = block.extras
    if extras.get("type") == "search_result":
        source = extras.get("source")
        named.append(("source", source if type(source) is str else None))
        extras = {name: value for name, value in extras.items() if name not in ("type", "source")}
    head = "".join(f' {name}="{_quoted(value)}"' for name, value in named if value)
    context = f"{block.context}\n" if block.context else ""
    encoding.foreign_extras(extras, path)
    encoding.no_mark(block.cache, path)
    return {"type": "input_text", "text": f"<document{head}>\n{context}{text}\n</document>"}


def _quoted(title: str) -> str:
    return title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\n", " ")
