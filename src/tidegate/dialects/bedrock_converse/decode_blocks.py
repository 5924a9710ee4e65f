"""Content blocks of a request, from the wire to the neutral model. A block is an object with one field that says its kind; kinds that
only Bedrock has (video, tools that it runs, whatever comes next) are kept whole as `Native`."""

from collections.abc import Callable
from typing import cast

import msgspec

from tidegate.dialects.bedrock_converse.fields import CITED, DOCUMENT_TYPES, GUARD, NAME, may_carry, take_point
from tidegate.dialects.reading import (
    as_list,
    as_object,
    join,
    missing,
    take_bool,
    take_list,
    take_object,
    take_opt_str,
    take_str,
    wrong,
)
from tidegate.dialects.signature import unpack
from tidegate.ir.content import (
    Audio,
    Base64Source,
    Block,
    Citation,
    ContentSource,
    Document,
    DocumentSource,
    FileSource,
    Image,
    Native,
    Origin,
    Text,
    TextSource,
    Thinking,
    ToolResult,
    ToolUse,
)
from tidegate.ir.json import Json, JsonObject

_UNSIGNED = Origin(NAME)
_JSON = msgspec.json.Encoder()
REDACTED = "redacted:"
"""In an envelope, before reasoning that another dialect encrypted: Bedrock's own field for it takes nothing but base64."""


def decode_blocks(value: Json, path: str) -> list[Block]:
    """A list of blocks. A cache point is the mark of the block before it."""
    blocks: list[Block] = []
    for index, item in enumerate(as_list(value, path)):
        where = f"{path}[{index}]"
        raw = as_object(item, where)
        mark = take_point(raw, where) if blocks and may_carry(blocks[-1]) else None
        if mark is not None:
            blocks[-1] = msgspec.structs.replace(blocks[-1], cache=mark)
        else:
            blocks.append(decode_block(raw, where))
    return blocks


def decode_block(raw: JsonObject, path: str) -> Block:
    for kind, decode in _DECODERS.items():
        if kind in raw:
            block = decode(raw, path)
            return block if block is not None else Native(NAME, raw)
    return Native(NAME, raw)


def decode_citation(value: Json) -> Citation | None:
    """A citation as Bedrock writes it; None where it is no object."""
    if type(value) is not dict:
        return None
    title = value.get("title")
    location = value.get("location")
    web = location.get("web") if type(location) is dict else None
    url = web.get("url") if type(web) is dict else None
    source = value.get("sourceContent")
    cited = "".join(text for part in source if type(part) is dict and type(text := part.get("text")) is str) if type(source) is list else ""
    return Citation(
        NAME,
        value,
        url=url if type(url) is str else None,
        title=title if type(title) is str else None,
        cited_text=cited or None,
    )


def _inner(raw: JsonObject, kind: str, path: str) -> tuple[JsonObject, str]:
    """The object under the kind of a block, taken out of it, and its path."""
    found = take_object(raw, kind, path)
    where = join(path, kind)
    if found is None:
        raise missing(where)
    return dict(found), where


def _text(raw: JsonObject, path: str) -> Text:
    return Text(take_str(raw, "text", path), extras=raw)


def _json(raw: JsonObject, path: str) -> Text:
    del path
    return Text(_JSON.encode(raw.pop("json")).decode(), extras=raw, json=True)


def _source(inner: JsonObject, where: str) -> tuple[JsonObject, str]:
    source = take_object(inner, "source", where)
    if source is None:
        raise missing(join(where, "source"))
    return dict(source), join(where, "source")


def _stored(source: JsonObject, where: str) -> FileSource | None:
    """A file in S3: only Bedrock may read it."""
    location = take_object(source, "s3Location", where)
    if location is None:
        return None
    left = dict(location)
    found = FileSource(take_str(left, "uri", join(where, "s3Location")))
    if left:
        source["s3Location"] = left
    return found


def _image(raw: JsonObject, path: str) -> Image | None:
    given = raw.get("image")
    if type(given) is dict and "error" in given:
        return None
    inner, where = _inner(raw, "image", path)
    media_type = f"image/{take_str(inner, 'format', where)}"
    source, at = _source(inner, where)
    stored = _stored(source, at)
    found = stored if stored is not None else Base64Source(media_type, take_str(source, "bytes", at))
    if stored is not None:
        inner["format"] = media_type.removeprefix("image/")
    return Image(found, extras=_left(raw, inner, source, "image"))


def _left(raw: JsonObject, inner: JsonObject, source: JsonObject, kind: str) -> JsonObject:
    """What nobody models of a block, under the names that it had."""
    if source:
        inner["source"] = source
    if inner:
        raw[kind] = inner
    return raw


def _document(raw: JsonObject, path: str) -> Document:
    inner, where = _inner(raw, "document", path)
    name = take_opt_str(inner, "name", where)
    source, at = _source(inner, where)
    return Document(
        _document_source(inner, source, where, at),
        title=name,
        context=take_opt_str(inner, "context", where),
        citations=_cites(inner, where),
        extras=_left(raw, inner, source, "document"),
    )


def _document_source(inner: JsonObject, source: JsonObject, where: str, at: str) -> DocumentSource:
    stored = _stored(source, at)
    if stored is not None:
        return stored
    if "text" in source:
        return TextSource(take_str(source, "text", at))
    if "content" in source:
        return ContentSource([Text(text, extras=left) for text, left in _texts(source, "content", at)])
    word = take_str(inner, "format", where)
    return Base64Source(DOCUMENT_TYPES.get(word, f"application/{word}"), take_str(source, "bytes", at))


def _texts(raw: JsonObject, name: str, path: str) -> list[tuple[str, JsonObject]]:
    """A list of objects with a text each, and what else they have."""
    found: list[tuple[str, JsonObject]] = []
    for index, item in enumerate(take_list(raw, name, path) or []):
        where = f"{join(path, name)}[{index}]"
        part = dict(as_object(item, where))
        found.append((take_str(part, "text", where), part))
    return found


def _cites(inner: JsonObject, where: str) -> bool | None:
    config = take_object(inner, "citations", where)
    if config is None:
        return None
    left = dict(config)
    enabled = take_bool(left, "enabled", join(where, "citations"))
    if left:
        inner["citations"] = left
    return enabled


def _search_result(raw: JsonObject, path: str) -> Document:
    """A document made of texts, for other dialects; `searchResult` among the extras says that it was a search result."""
    inner, where = _inner(raw, "searchResult", path)
    texts: list[Block] = [Text(text, extras=left) for text, left in _texts(inner, "content", where)]
    document = Document(ContentSource(texts), title=take_opt_str(inner, "title", where), citations=_cites(inner, where), extras=raw)
    inner["source"] = take_str(inner, "source", where)
    raw["searchResult"] = inner
    return document


def _audio(raw: JsonObject, path: str) -> Audio | None:
    given = raw["audio"]
    source = given.get("source") if type(given) is dict else None
    if type(source) is not dict or type(source.get("bytes")) is not str:
        return None
    inner, where = _inner(raw, "audio", path)
    left, at = _source(inner, where)
    return Audio(take_str(left, "bytes", at), take_str(inner, "format", where), _left(raw, inner, left, "audio"))


def _tool_use(raw: JsonObject, path: str) -> ToolUse | None:
    if _of_server(raw["toolUse"]):
        return None
    inner, where = _inner(raw, "toolUse", path)
    identity, name = take_str(inner, "toolUseId", where), take_str(inner, "name", where)
    if "input" not in inner:
        raise missing(join(where, "input"))
    arguments = _JSON.encode(inner.pop("input")).decode()
    return ToolUse(identity, name, arguments, extras=_left(raw, inner, {}, "toolUse"))


def _of_server(value: Json) -> bool:
    """Whether a use or a result is of a tool that Bedrock runs: those have a type (recording pydantic-ai-623615b10e5b)."""
    return type(value) is dict and type(value.get("type")) is str


def _tool_result(raw: JsonObject, path: str) -> ToolResult | None:
    if _of_server(raw["toolResult"]):
        return None
    inner, where = _inner(raw, "toolResult", path)
    identity = take_str(inner, "toolUseId", where)
    content = inner.pop("content", None)
    if content is None:
        raise missing(join(where, "content"))
    blocks = decode_blocks(content, join(where, "content"))
    status = inner.get("status")
    if status in ("error", "success", None):
        inner.pop("status", None)
    return ToolResult(identity, blocks, status == "error", extras=_left(raw, inner, {}, "toolResult"))


def _reasoning(raw: JsonObject, path: str) -> Thinking | None:
    inner, where = _inner(raw, "reasoningContent", path)
    text = inner.pop("reasoningText", None)
    if text is None:
        if "redactedContent" not in inner:
            raw["reasoningContent"] = inner
            return None
        data = take_str(inner, "redactedContent", where)
        return Thinking("", None, data, _UNSIGNED, _left(raw, inner, {}, "reasoningContent"))
    at = join(where, "reasoningText")
    told = dict(as_object(text, at))
    said, signature = take_str(told, "text", at), take_opt_str(told, "signature", at)
    if told:
        inner["reasoningText"] = told
    extras = _left(raw, inner, {}, "reasoningContent")
    opened = unpack(signature) if signature is not None else None
    if opened is None:
        return Thinking(said, signature, None, _UNSIGNED, extras)
    origin, inside = opened
    if inside is not None and inside.startswith(REDACTED):
        return Thinking("", None, inside.removeprefix(REDACTED), origin, extras)
    return Thinking(said, inside, None, origin, extras)


def _guarded(raw: JsonObject, path: str) -> Block | None:
    """Content that a guardrail looks at is content for the model all the same."""
    given = raw[GUARD]
    text = given.get("text") if type(given) is dict else None
    if type(text) is not dict or type(text.get("text")) is not str:
        return None
    inner, where = _inner(raw, GUARD, path)
    told = dict(cast("JsonObject", inner.pop("text")))
    said = take_str(told, "text", join(where, "text"))
    return Text(said, extras={**raw, GUARD: {**inner, "text": told}})


def _cited(raw: JsonObject, path: str) -> Text:
    inner, where = _inner(raw, CITED, path)
    content = inner.get("content")
    told = _texts(inner, "content", where)
    text = "".join(said for said, _ in told)
    if any(left for _, left in told):
        inner["content"] = content
    citations: list[Citation] = []
    for index, item in enumerate(take_list(inner, "citations", where) or []):
        citation = decode_citation(item)
        if citation is None:
            raise wrong(f"{where}.citations[{index}]", "an object")
        citations.append(citation)
    if inner or not citations:
        raw[CITED] = inner
    return Text(text, citations, extras=raw)


_DECODERS: dict[str, Callable[[JsonObject, str], Block | None]] = {
    "text": _text,
    "json": _json,
    "image": _image,
    "document": _document,
    "searchResult": _search_result,
    "audio": _audio,
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "reasoningContent": _reasoning,
    GUARD: _guarded,
    CITED: _cited,
}
