"""What a request names by id instead of saying it: files, containers, stores and caches that a provider keeps. Found where a provider would
look for them, not in what people and tools say, so that a tool may have an argument `file_id`.

Called by `proxy.named`, which knows whose they are. `inline` puts the bytes of a file in the place of its id.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec

from tidegate.ir.json import Json, JsonObject
from tidegate.wire.splice import Fields

Kind: TypeAlias = Literal["File", "Container", "Vector store", "Cached content", "Stored object", "Prompt", "Item"]
Form: TypeAlias = Literal["", "chat", "input_file", "input_image", "source", "gemini"]

_MARKS = {
    "openai_chat": b'"file_id',
    "openai_responses": b'"file_id',
    "anthropic": b'"file_id',
    "gemini": b'"file',
    "bedrock_converse": b'"s3Location',
}
"""What stands in a body that names a file anywhere."""
_TOOL_MARKS = {
    "openai_responses": (b'"container', b'"vector_store_ids"'),
    "gemini": (b'"fileSearch', b'"file_search', b'"retrieval"'),
}
_COUNTED = ("generateContentRequest", "generate_content_request")
"""Where Google's `countTokens` has the whole request."""
_TOP = {"openai_responses": ("prompt",), "anthropic": ("container",), "gemini": ("cachedContent", "cached_content", *_COUNTED)}
_ESCAPE = b"\\u00"
_ESCAPED = re.compile(rb"\\u00[2-7]")
"""A letter that could be written plainly: a name that is hidden so is looked for as well."""

_FREE = {
    "openai_chat": frozenset(("parameters", "schema", "metadata", "annotations")),
    "openai_responses": frozenset(("parameters", "schema", "metadata", "annotations", "results")),
    "anthropic": frozenset(("input", "input_schema", "schema", "metadata")),
    "gemini": frozenset(
        (
            *("args", "response", "parameters", "parametersJsonSchema", "parameters_json_schema"),
            *("responseSchema", "response_schema", "responseJsonSchema", "response_json_schema"),
        )
    ),
    "bedrock_converse": frozenset(("input", "json", "inputSchema", "additionalModelRequestFields")),
}
"""Fields that hold what tools and people say, and what a provider said before: nobody looks for an id there."""
_STORES = frozenset(
    ("fileSearchStoreNames", "file_search_store_names", "datastore", "ragCorpora", "rag_corpora", "ragCorpus", "rag_corpus", "engine")
)
_GIVEN = re.compile(r"(?:https?://[^/]+/v1(?:alpha|beta)?/)?files/([A-Za-z0-9_-]{1,128})")
"""The address of a file, or its name, as Google's API has them: the gateway's own have that form too."""
_GOOGLES = "googleapis.com"
_PUBLIC = "storage.googleapis.com"


class Reference(msgspec.Struct):
    """`field` is its path. Where the bytes of a file can stand for it, `form` says how, and `holder` is the object that they go into."""

    id: str
    kind: Kind
    field: str
    form: Form = ""
    holder: JsonObject = {}


def mentions(fields: Fields, dialect: str) -> bool:
    """Whether a body may name something by an id. A look at its bytes, which is wrong in one direction only."""
    body = fields.body
    mark = _MARKS.get(dialect)
    if mark is None:
        return False
    if body.find(mark) >= 0 or not fields.raw.keys().isdisjoint(_TOP.get(dialect, ())):
        return True
    tools = fields.raw.get("tools") if dialect in _TOOL_MARKS else None
    if tools is not None and any(mark in bytes(tools) for mark in _TOOL_MARKS[dialect]):
        return True
    return body.find(_ESCAPE) >= 0 and _ESCAPED.search(body) is not None


def references(body: JsonObject, dialect: str) -> list[Reference]:
    """What a body names by an id."""
    return list(_found(body, "", dialect))


def _found(value: Json, path: str, dialect: str) -> Iterator[Reference]:
    if type(value) is list:
        for place, item in enumerate(value):
            yield from _found(item, f"{path}[{place}]", dialect)
    elif type(value) is dict:
        kind = value.get("type")
        if dialect == "anthropic" and type(kind) is str and kind.endswith("_tool_result"):
            return
        yield from _NAMED[dialect](value, path)
        free = _FREE[dialect]
        for name, inner in value.items():
            if name not in free:
                yield from _found(inner, f"{path}.{name}" if path else name, dialect)


def _texts(value: Json) -> list[str]:
    found = value if type(value) is list else [value]
    return [one for one in found if type(one) is str and one]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _chat(value: JsonObject, path: str) -> Iterator[Reference]:
    file = value.get("file")
    if type(file) is dict:
        for id in _texts(file.get("file_id")):
            yield Reference(id, "File", _join(path, "file.file_id"), "chat" if value.get("type") == "file" else "", value)
    if not path.endswith(".file"):
        for id in _texts(value.get("file_id")):
            yield Reference(id, "File", _join(path, "file_id"))


def _responses(value: JsonObject, path: str) -> Iterator[Reference]:
    kind = value.get("type")
    form: Form = "input_file" if kind == "input_file" else "input_image" if kind == "input_image" else ""
    for id in _texts(value.get("file_id")):
        yield Reference(id, "File", _join(path, "file_id"), form, value)
    for id in _texts(value.get("file_ids")):
        yield Reference(id, "File", _join(path, "file_ids"))
    prompt = None if path else value.get("prompt")
    for id in _texts(prompt.get("id") if type(prompt) is dict else prompt):
        yield Reference(id, "Prompt", "prompt.id")
    if path.startswith("tools["):
        for name in ("container", "container_id"):
            for id in _texts(value.get(name)):
                yield Reference(id, "Container", _join(path, name))
        for id in _texts(value.get("vector_store_ids")):
            yield Reference(id, "Vector store", _join(path, "vector_store_ids"))


def _anthropic(value: JsonObject, path: str) -> Iterator[Reference]:
    for id in _texts(value.get("file_id")):
        yield Reference(id, "File", _join(path, "file_id"), "source" if path.endswith(".source") else "", value)
    if not path:
        container = value.get("container")
        for id in _texts(container.get("id") if type(container) is dict else container):
            yield Reference(id, "Container", "container")


def _gemini(value: JsonObject, path: str) -> Iterator[Reference]:
    for name in ("fileData", "file_data"):
        data = value.get(name)
        if type(data) is dict:
            for uri in (*_texts(data.get("fileUri")), *_texts(data.get("file_uri"))):
                own = _GIVEN.fullmatch(uri)
                if own is not None or is_kept(uri):
                    kind: Kind = "File" if uri.startswith("http") or "://" not in uri else "Stored object"
                    yield Reference(uri if own is None else own[1], kind, _join(path, f"{name}.fileUri"), "gemini", value)
    if not path or path in _COUNTED:
        for name in ("cachedContent", "cached_content"):
            for id in _texts(value.get(name)):
                yield Reference(id, "Cached content", _join(path, name))
    if path.startswith("tools"):
        for name in _STORES & value.keys():
            for id in _texts(value[name]):
                yield Reference(id, "Stored object", _join(path, name))


def _converse(value: JsonObject, path: str) -> Iterator[Reference]:
    location = value.get("s3Location")
    if type(location) is dict:
        for uri in _texts(location.get("uri")):
            yield Reference(uri, "Stored object", _join(path, "s3Location.uri"))


_NAMED = {
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "bedrock_converse": _converse,
}


def is_kept(uri: str) -> bool:
    """Whether an address that Google's models are given is read with the credential of the call: all but public ones of the web are."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return True
    if parts.scheme.lower() not in ("http", "https") or "\\" in uri or "@" in parts.netloc:
        return True
    host = (parts.hostname or "").rstrip(".")
    return host.endswith(_GOOGLES) and host != _PUBLIC


def inline(reference: Reference, media_type: str, filename: str, data: bytes) -> str:
    """Puts the bytes of a file into the body in place of its id. What is wrong with that, if something is."""
    holder, kind = reference.holder, media_type.partition("/")[0]
    if not reference.form:
        return "its bytes cannot stand here"
    if kind == "text" and reference.form == "source":
        holder.clear()
        holder |= {"type": "text", "media_type": "text/plain", "data": data.decode("utf-8", "replace")}
        return ""
    text = b64encode(data).decode()
    url = f"data:{media_type};base64,{text}"
    match reference.form:
        case "chat":
            holder.clear()
            if kind == "image":
                holder |= {"type": "image_url", "image_url": {"url": url}}
            else:
                holder |= {"type": "file", "file": {"filename": filename, "file_data": url}}
        case "input_image" | "input_file" if kind == "image":
            detail = {name: holder[name] for name in ("detail",) if name in holder}
            holder.clear()
            holder |= {"type": "input_image", "image_url": url, **detail}
        case "input_file":
            holder.clear()
            holder |= {"type": "input_file", "filename": filename, "file_data": url}
        case "input_image":
            return f"it is of the type {media_type}, which is no image"
        case "source":
            holder.clear()
            holder |= {"type": "base64", "media_type": media_type, "data": text}
        case "gemini":
            holder.pop("fileData", holder.pop("file_data", None))
            holder["inlineData"] = {"mimeType": media_type, "data": text}
    return ""
