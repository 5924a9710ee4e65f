"""Images, documents and audio of a request, from the neutral model to the wire. Bedrock takes bytes and places in S3; an address that it
would have to fetch is refused."""

import base64
import re

from tidegate.dialects.bedrock_converse.fields import AUDIO_FORMATS, DOCUMENT_FORMATS, IMAGE_FORMATS
from tidegate.dialects.bedrock_converse.receipt import Receipt
from tidegate.ir.content import (
    Audio,
    Base64Source,
    ContentSource,
    Document,
    FileSource,
    Image,
    Text,
    TextSource,
    UrlSource,
)
from tidegate.ir.errors import GatewayError, bad_request, unsupported
from tidegate.ir.json import Json, JsonObject

_UNFIT = re.compile(r"[^a-zA-Z0-9\s\-()\[\]]")
_BLANKS = re.compile(r"\s+")
_LONGEST_TITLE = 200
_UNNAMED = "document"


def encode_image(block: Image, path: str, receipt: Receipt) -> JsonObject:
    if not receipt.profile.capabilities.vision and not receipt.own:
        raise unsupported("this model takes no images", path)
    if block.detail is not None:
        receipt.dropped(f"{path}.detail", "Bedrock has no detail levels")
    match block.source:
        case FileSource(file_id=uri) if receipt.own:
            return {"image": {"source": {"s3Location": {"uri": uri}}}}
        case FileSource():
            raise _foreign_file(path)
        case UrlSource(url=url):
            source = _inline(url, path)
        case Base64Source():
            source = block.source
    word = source.media_type.removeprefix("image/").replace("jpg", "jpeg")
    if word not in IMAGE_FORMATS and not receipt.own:
        raise unsupported(f"Bedrock takes images of the formats {', '.join(IMAGE_FORMATS)}, not {source.media_type}", path)
    return {"image": {"format": word, "source": {"bytes": source.data}}}


def _inline(url: str, path: str) -> Base64Source:
    """The content of a base64 `data:` URL. Raises `bad_request` or `unsupported`."""
    if not url.startswith("data:"):
        raise unsupported("Bedrock fetches no addresses: send the content in base64", path)
    head, comma, data = url.partition(",")
    media_type, *parameters = head[len("data:") :].split(";")
    if not comma or "base64" not in parameters:
        raise bad_request("a data: URL must hold base64", path)
    return Base64Source(media_type or "application/octet-stream", data)


def _foreign_file(path: str) -> GatewayError:
    return unsupported("a file id means something only to the provider that issued it", path)


def encode_document(block: Document, path: str, receipt: Receipt) -> JsonObject:
    if receipt.own and "searchResult" in block.extras:
        return _search_result(block)
    if not receipt.profile.capabilities.documents and not receipt.own:
        raise unsupported("this model takes no documents", path)
    inner: JsonObject = {}
    if receipt.own:
        if block.title is not None:
            inner["name"] = block.title
        _own_source(block, inner)
    else:
        inner["name"] = _title(block, path, receipt)
        _source(block, inner, path)
    if block.context is not None:
        inner["context"] = block.context
    if block.citations is not None:
        inner["citations"] = {"enabled": block.citations}
    return {"document": inner}


def _own_source(block: Document, inner: JsonObject) -> None:
    match block.source:
        case FileSource(file_id=uri):
            inner["source"] = {"s3Location": {"uri": uri}}
        case TextSource(text=text):
            inner["source"] = {"text": text}
        case ContentSource(blocks=blocks):
            inner["source"] = {"content": [{**part.extras, "text": part.text} for part in blocks if isinstance(part, Text)]}
        case Base64Source(media_type=media_type, data=data):
            inner["format"] = DOCUMENT_FORMATS.get(media_type, media_type.removeprefix("application/"))
            inner["source"] = {"bytes": data}
        case UrlSource(url=url):
            inner["source"] = {"s3Location": {"uri": url}}


def _source(block: Document, inner: JsonObject, path: str) -> None:
    match block.source:
        case FileSource():
            raise _foreign_file(path)
        case TextSource(text=text, media_type=media_type):
            _text_source(text, media_type, inner)
        case ContentSource(blocks=blocks):
            texts = [part.text for part in blocks if isinstance(part, Text)]
            if len(texts) != len(blocks):
                raise unsupported("Bedrock takes documents of texts, not of images", path)
            if block.citations:
                parts: list[Json] = [{"text": text} for text in texts]
                inner["source"] = {"content": parts}
            else:
                _text_source("\n\n".join(texts), "text/plain", inner)
        case UrlSource(url=url):
            _bytes_source(_inline(url, path), inner, path)
        case Base64Source():
            _bytes_source(block.source, inner, path)


def _text_source(text: str, media_type: str, inner: JsonObject) -> None:
    inner["format"] = DOCUMENT_FORMATS.get(media_type, "txt")
    inner["source"] = {"bytes": base64.b64encode(text.encode("utf-8", "replace")).decode()}


def _bytes_source(source: Base64Source, inner: JsonObject, path: str) -> None:
    word = DOCUMENT_FORMATS.get(source.media_type, "txt" if source.media_type.startswith("text/") else None)
    if word is None:
        raise unsupported(f"Bedrock takes no documents of the type {source.media_type}", path)
    inner["format"] = word
    inner["source"] = {"bytes": source.data}


def _title(block: Document, path: str, receipt: Receipt) -> str:
    """A name of the characters that Bedrock takes: letters, digits, single blanks, hyphens and brackets."""
    title = block.title or ""
    fit = _BLANKS.sub(" ", _UNFIT.sub("-", title))[:_LONGEST_TITLE].strip() or _UNNAMED
    found = receipt.document_name(fit)
    if title and found != title:
        receipt.mapped(f"{path}.title", f"Bedrock takes no such name of a document: {found}")
    return found


def _search_result(block: Document) -> JsonObject:
    content: list[Json] = []
    if isinstance(block.source, ContentSource):
        content += [{**part.extras, "text": part.text} for part in block.source.blocks if isinstance(part, Text)]
    inner: JsonObject = {"content": content}
    if block.title is not None:
        inner["title"] = block.title
    if block.citations is not None:
        inner["citations"] = {"enabled": block.citations}
    return {"searchResult": inner}


def encode_audio(block: Audio, path: str, receipt: Receipt) -> JsonObject:
    if not receipt.own:
        if not receipt.profile.capabilities.audio:
            raise unsupported("this model takes no audio", path)
        if block.format not in AUDIO_FORMATS:
            raise unsupported(f"Bedrock takes no audio of the format {block.format}", path)
    return {"audio": {"format": block.format, "source": {"bytes": block.data}}}
