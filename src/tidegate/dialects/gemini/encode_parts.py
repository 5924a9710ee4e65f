"""Parts of a request, from the neutral model to the wire: what Gemini can carry, what stands in for the rest, and what is refused."""

import mimetypes
from collections.abc import Callable
from typing import Any

from tidegate.dialects.gemini.decode_parts import DERIVED, is_object
from tidegate.dialects.gemini.encoding import Encoding
from tidegate.dialects.gemini.names import NAME
from tidegate.dialects.gemini.signs import UNSIGNED
from tidegate.dialects.references import is_kept
from tidegate.dialects.values import object_or_empty, parse, text_or_empty
from tidegate.ir.content import (
    Audio,
    Base64Source,
    Block,
    ContentSource,
    Document,
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

Part = JsonObject


def encode_block(encoding: Encoding, block: Block, path: str) -> list[Part]:
    """The parts of one block: one, or none for what is dropped (with its loss). Raises `unsupported` for content without which the
    request would mean something else."""
    return _ENCODERS[type(block)](encoding, block, path)


def _text(encoding: Encoding, block: Text, path: str) -> list[Part]:
    if not encoding.own:
        if not block.text:
            return []
        if block.citations:
            encoding.dropped(f"{path}.citations", "a message to Gemini has no place for citations")
    part: Part = {"text": block.text}
    encoding.attach(part, block.cache, block.extras, path)
    return [part]


def _refusal(encoding: Encoding, block: Refusal, path: str) -> list[Part]:
    encoding.mapped(path, "a refusal is text in Gemini's history")
    encoding.foreign_extras(block.extras, path)
    return [{"text": block.text}] if block.text else []


def _thinking(encoding: Encoding, block: Thinking, path: str) -> list[Part]:
    """A signature without a text is of the text beside it: `encode_contents` puts it there."""
    if block.origin is None or not block.origin.accepts(NAME, encoding.profile.provider):
        encoding.dropped(path, "reasoning goes back only to where it was made")
        return []
    if block.redacted is not None or (block.signature is None and not encoding.own):
        encoding.dropped(path, "reasoning without a signature need not go back")
        return []
    part: Part = {"text": block.text}
    if block.text or encoding.own:
        part["thought"] = True
    if block.signature is not None:
        part["thoughtSignature"] = block.signature
    encoding.attach(part, None, block.extras, path)
    return [part]


def _native(encoding: Encoding, block: Native, path: str) -> list[Part]:
    if block.dialect == NAME:
        return [block.raw]
    encoding.dropped(path, f"only {block.dialect} understands this block")
    return []


def _image(encoding: Encoding, block: Image, path: str) -> list[Part]:
    if not (encoding.own or encoding.profile.capabilities.vision):
        raise unsupported("this model takes no images", path)
    if block.detail is not None and block.detail != "auto":
        encoding.dropped(f"{path}.detail", "Gemini has no detail levels")
    part = _media(encoding, block.source, path, "image")
    encoding.attach(part, block.cache, block.extras, path)
    return [part]


def _audio(encoding: Encoding, block: Audio, path: str) -> list[Part]:
    if not (encoding.own or encoding.profile.capabilities.audio):
        raise unsupported("this model takes no audio", path)
    part: Part = {"inlineData": {"mimeType": f"audio/{block.format}", "data": block.data}}
    encoding.attach(part, None, block.extras, path)
    return [part]


def _media(encoding: Encoding, source: MediaSource, path: str, kind: str) -> Part:
    match source:
        case Base64Source(media_type=media_type, data=data):
            return {"inlineData": {"mimeType": media_type, "data": data}}
        case UrlSource(url=url) if url[:5].lower() == "data:":
            return {"inlineData": _data_url(url, path)}
        case UrlSource(url=url) if is_kept(url) and not encoding.own:
            raise unsupported("only a public address of the web can be given to this model; send the content", path)
        case UrlSource(url=url, media_type=media_type):
            return {"fileData": _file(url, media_type if encoding.own else media_type or _guessed(url, kind))}
        case FileSource(file_id=file_id, media_type=media_type):
            if not encoding.own:
                raise unsupported("a file id means something only to the provider that issued it; send the content", path)
            return {"fileData": _file(file_id, media_type)}


def _file(uri: str, media_type: str | None) -> JsonObject:
    return {"fileUri": uri} if media_type is None else {"mimeType": media_type, "fileUri": uri}


def _guessed(url: str, kind: str) -> str | None:
    """The media type by the address's ending, which Vertex demands and others do not give."""
    found, _ = mimetypes.guess_type(url.partition("?")[0])
    return found or ("image/jpeg" if kind == "image" else None)


def _data_url(url: str, path: str) -> JsonObject:
    head, comma, data = url[5:].partition(",")
    media_type, *parameters = head.split(";")
    if not comma or "base64" not in parameters:
        raise bad_request("a data: URL must hold base64", path)
    return {"mimeType": media_type or "application/octet-stream", "data": data}


def _document(encoding: Encoding, block: Document, path: str) -> list[Part]:
    source = block.source
    if encoding.own and not isinstance(source, TextSource | ContentSource):
        part = _media(encoding, source, path, "document")
        if block.title is not None:
            object_or_empty(next(iter(part.values())))["displayName"] = block.title
        encoding.attach(part, None, block.extras, path)
        return [part]
    if block.citations:
        encoding.dropped(f"{path}.citations", "Gemini cannot be asked for citations of a document")
    if isinstance(source, TextSource):
        return [_as_text(encoding, block, source.text, path)]
    if isinstance(source, ContentSource):
        texts = [inner.text for inner in source.blocks if isinstance(inner, Text)]
        parts = [_as_text(encoding, block, "\n".join(texts), path)]
        for at, inner in enumerate(source.blocks):
            if not isinstance(inner, Text):
                parts += encode_block(encoding, inner, f"{path}.source.content[{at}]")
        return parts
    if not encoding.profile.capabilities.documents:
        raise unsupported("this model takes no documents", path)
    part = _media(encoding, source, path, "document")
    encoding.attach(part, block.cache, block.extras, path)
    if block.title is not None:
        encoding.dropped(f"{path}.title", "Gemini's documents have no name")
    if block.context:
        encoding.emulated(f"{path}.context", "said in a text before the document")
        return [{"text": block.context}, part]
    return [part]


def _as_text(encoding: Encoding, block: Document, text: str, path: str) -> Part:
    encoding.emulated(f"{path}.source", "the document is sent as text")
    extras = block.extras
    named = [("title", block.title)]
    if extras.get("type") == "search_result":
        named.append(("source", text_or_empty(extras.get("source"))))
        extras = {name: value for name, value in extras.items() if name not in ("type", "source")}
    head = "".join(f' {name}="{_quoted(value)}"' for name, value in named if value)
    context = f"{block.context}\n" if block.context else ""
    part: Part = {"text": f"<document{head}>\n{context}{text}\n</document>"}
    encoding.attach(part, block.cache, extras, path)
    return part


def _quoted(title: str) -> str:
    return title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\n", " ")


def _tool_use(encoding: Encoding, block: ToolUse, path: str) -> list[Part]:
    # Some clients number the calls of each turn anew: a result is of the last call before it with its id.
    encoding.tools[block.id] = block.name
    call: JsonObject = {} if block.id.startswith(DERIVED) or not block.id else {"id": block.id}
    call["name"] = encoding.tool_name(block.name, path, block.kind)
    call["args"] = _arguments(encoding, block, path)
    part: Part = {"functionCall": call}
    signature = _call_signature(encoding, block)
    if signature is not None:
        part["thoughtSignature"] = signature
    elif block.signature is not None:
        encoding.dropped(f"{path}.extra_content", "a call's signature goes back only to where it was made")
    encoding.attach(part, block.cache, block.extras, path)
    return [part]


def _arguments(encoding: Encoding, block: ToolUse, path: str) -> JsonObject:
    if block.kind == "custom":
        encoding.emulated(path, "a free-text tool call is a call with one field `input`")
        return {"input": block.arguments}
    if not block.arguments.strip():
        return {}
    try:
        value = parse(block.arguments.encode())
    except ValueError:
        value = None
    if type(value) is dict:
        return value
    encoding.emulated(encoding.inner(path, block.kind, "arguments"), "the arguments are not a JSON object and were put into one")
    return {"arguments": block.arguments}


def _call_signature(encoding: Encoding, block: ToolUse) -> str | None:
    """Gemini's own, also in the form in which OpenAI-shaped clients carry it (`extra_content`, as Google's compatible endpoint has it)."""
    if block.signature is None or block.origin is None:
        return None
    if block.origin.accepts(NAME, encoding.profile.provider) or block.origin == UNSIGNED:
        return block.signature
    if block.origin.dialect != "openai_chat":
        return None
    try:
        content = object_or_empty(parse(block.signature.encode()))
    except ValueError:
        return None
    return text_or_empty(object_or_empty(content.get("google")).get("thought_signature")) or None


def _tool_result(encoding: Encoding, block: ToolResult, path: str) -> list[Part]:
    """Media go inside the result where the model takes them there, else beside it."""
    texts: list[str] = []
    media: list[Json] = []
    for at, inner in enumerate(block.blocks):
        for part in encode_block(encoding, inner, f"{path}.content[{at}]"):
            text = part.get("text")
            if type(text) is str and len(part) == 1:
                texts.append(text)
            else:
                media.append(part)
    response: JsonObject = {} if block.id.startswith(DERIVED) or not block.id else {"id": block.id}
    known = encoding.tools.get(block.id)
    if known is not None:
        response["name"] = encoding.tool_name(known, path)
    elif not encoding.own:
        response["name"] = "unknown_tool"
        encoding.emulated(path, "the result is of a call that is not there")
    if texts or not encoding.own:
        response["response"] = _response("\n".join(texts), is_error=block.is_error)
    out: Part = {"functionResponse": response}
    beside: list[Part] = []
    if media and (encoding.own or encoding.profile.capabilities.media_in_results):
        response["parts"] = media
    elif media:
        encoding.emulated(f"{path}.content", "the model takes no media in results: sent beside it")
        beside = [part for part in media if type(part) is dict]
    encoding.attach(out, block.cache, block.extras, path)
    return [out, *beside]


def _response(text: str, *, is_error: bool) -> JsonObject:
    if is_object(text) and not is_error:
        return object_or_empty(parse(text.encode()))
    if is_error and is_object(text):
        found = object_or_empty(parse(text.encode()))
        return found if found.keys() == {"error"} else {"error": found}
    return {"error" if is_error else "output": text}


_ENCODERS: dict[type, Callable[[Encoding, Any, str], list[Part]]] = {
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
