"""Content blocks of a request, from the wire to the neutral model. Types that only Anthropic has (server tools and their results,
container uploads, tool additions, whatever comes next) are kept whole as `Native`."""

from collections.abc import Callable

import msgspec

from tidegate.dialects.anthropic.fields import take_cache
from tidegate.dialects.reading import as_list, as_object, join, missing, take_bool, take_object, take_opt_str, take_str, wrong
from tidegate.dialects.signature import unpack
from tidegate.ir.content import (
    Base64Source,
    Block,
    Citation,
    ContentSource,
    Document,
    DocumentSource,
    FileSource,
    Image,
    MediaSource,
    Native,
    Origin,
    Text,
    TextSource,
    Thinking,
    ToolResult,
    ToolUse,
    UrlSource,
)
from tidegate.ir.json import Json, JsonObject

NAME = "anthropic"
_UNSIGNED = Origin(NAME)
_ENCODER = msgspec.json.Encoder()


def decode_content(value: Json, path: str) -> list[Block]:
    """`content` as a string or an array of blocks."""
    if type(value) is str:
        return [Text(value)]
    if type(value) is not list:
        raise wrong(path, "a string or an array of content blocks")
    return [decode_block(item, f"{path}[{index}]") for index, item in enumerate(value)]


def decode_block(value: Json, path: str) -> Block:
    raw = as_object(value, path)
    kind = raw.get("type")
    if type(kind) is not str:
        raise missing(join(path, "type")) if kind is None else wrong(join(path, "type"), "a string")
    decode = _DECODERS.get(kind)
    if decode is None:
        return Native(NAME, raw)
    del raw["type"]
    return decode(raw, path)


def decode_citation(value: Json) -> Citation | None:
    """A citation as Anthropic writes it; None where it is no object."""
    if type(value) is not dict:
        return None
    found: dict[str, Json] = value
    title = found.get("title") or found.get("document_title")
    source, cited = found.get("source"), found.get("cited_text")
    # A search result's source is whatever the client named it by, mostly an address.
    url = source if type(source) is str and source.startswith(("https://", "http://")) else found.get("url")
    return Citation(
        NAME,
        found,
        url=url if type(url) is str else None,
        title=title if type(title) is str else None,
        cited_text=cited if type(cited) is str else None,
    )


def _text(raw: JsonObject, path: str) -> Text:
    text = take_str(raw, "text", path)
    if not raw:
        return Text(text)
    cache = take_cache(raw, path)
    cited = raw.pop("citations", None)
    citations: list[Citation] = []
    if cited is not None:
        where = join(path, "citations")
        for index, item in enumerate(as_list(cited, where)):
            citation = decode_citation(item)
            if citation is None:
                raise wrong(f"{where}[{index}]", "an object")
            citations.append(citation)
    return Text(text, citations, cache, raw)


def _thinking(raw: JsonObject, path: str) -> Thinking:
    text = take_str(raw, "thinking", path)
    signature = take_opt_str(raw, "signature", path)
    opened = unpack(signature) if signature is not None else None
    if opened is None:
        return Thinking(text, signature, None, _UNSIGNED, raw)
    return Thinking(text, opened[1], None, opened[0], raw)


def _redacted(raw: JsonObject, path: str) -> Thinking:
    data = take_str(raw, "data", path)
    opened = unpack(data)
    if opened is None:
        return Thinking("", None, data, _UNSIGNED, raw)
    return Thinking("", None, opened[1] or "", opened[0], raw)


def _source(raw: JsonObject, path: str) -> tuple[str, JsonObject, str]:
    where = join(path, "source")
    source = take_object(raw, "source", path)
    if source is None:
        raise missing(where)
    return take_str(source, "type", where), source, where


def _media_source(kind: str, source: JsonObject, where: str) -> MediaSource:
    if kind == "base64":
        return Base64Source(take_str(source, "media_type", where), take_str(source, "data", where))
    if kind == "url":
        return UrlSource(take_str(source, "url", where))
    if kind == "file":
        return FileSource(take_str(source, "file_id", where))
    raise wrong(join(where, "type"), "one of base64, url, file")


def _image(raw: JsonObject, path: str) -> Image:
    kind, source, where = _source(raw, path)
    image = Image(_media_source(kind, source, where), cache=take_cache(raw, path), extras=raw)
    if source:
        raw["source"] = source
    return image


def _document_source(kind: str, source: JsonObject, where: str) -> DocumentSource:
    if kind == "text":
        text = take_str(source, "data", where)
        return TextSource(text, take_opt_str(source, "media_type", where) or "text/plain")
    if kind == "content":
        return ContentSource(decode_content(source.pop("content", None), join(where, "content")))
    return _media_source(kind, source, where)


def _citations_flag(raw: JsonObject, path: str) -> bool | None:
    config = take_object(raw, "citations", path)
    if config is None:
        return None
    enabled = take_bool(config, "enabled", join(path, "citations"))
    if config:
        raw["citations"] = config
    return enabled


def _document(raw: JsonObject, path: str) -> Document:
    kind, source, where = _source(raw, path)
    document = Document(
        _document_source(kind, source, where),
        title=take_opt_str(raw, "title", path),
        context=take_opt_str(raw, "context", path),
        citations=_citations_flag(raw, path),
        cache=take_cache(raw, path),
        extras=raw,
    )
    if source:
        raw["source"] = source
    return document


def _search_result(raw: JsonObject, path: str) -> Document:
    """A document made of texts, for other dialects; `type` and `source` among the extras say that it was a search result."""
    blocks = decode_content(raw.pop("content", None), join(path, "content"))
    document = Document(
        ContentSource(blocks),
        title=take_opt_str(raw, "title", path),
        citations=_citations_flag(raw, path),
        cache=take_cache(raw, path),
        extras=raw,
    )
    raw["source"] = take_str(raw, "source", path)
    raw["type"] = "search_result"
    return document


def _tool_use(raw: JsonObject, path: str) -> ToolUse:
    identity, name = take_str(raw, "id", path), take_str(raw, "name", path)
    where = join(path, "input")
    if "input" not in raw:
        raise missing(where)
    arguments = _ENCODER.encode(as_object(raw.pop("input"), where)).decode()
    if not raw:
        return ToolUse(identity, name, arguments)
    return ToolUse(identity, name, arguments, cache=take_cache(raw, path), extras=raw)


def _tool_result(raw: JsonObject, path: str) -> ToolResult:
    identity = take_str(raw, "tool_use_id", path)
    content = raw.pop("content", None)
    blocks = [] if content is None else decode_content(content, join(path, "content"))
    is_error = take_bool(raw, "is_error", path) or False
    if not raw:
        return ToolResult(identity, blocks, is_error)
    return ToolResult(identity, blocks, is_error, take_cache(raw, path), raw)


_DECODERS: dict[str, Callable[[JsonObject, str], Block]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}
