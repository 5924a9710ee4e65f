"""Parts of a request, from the wire to the neutral model. What only Gemini has (executed code, calls of its own tools, whatever comes
next) is kept whole as `Native`."""

from collections.abc import Callable
from typing import cast

from tidegate.dialects.gemini.names import NAME, camel, many
from tidegate.dialects.gemini.signs import UNSIGNED, signed
from tidegate.dialects.reading import as_list, as_object, join, missing, take_bool, take_list, take_object, take_opt_str, take_str
from tidegate.dialects.values import dump_text, parse
from tidegate.ir.content import (
    Audio,
    Base64Source,
    Block,
    Document,
    FileSource,
    Image,
    Native,
    Text,
    ToolResult,
    ToolUse,
    UrlSource,
)
from tidegate.ir.json import Json, JsonObject

DERIVED = "call_gemini_"
"""Begins the ids of calls that came without one: they are sent to nobody of this dialect."""
_FILES = ("gs://", "https://generativelanguage.googleapis.com/")


class Calls:
    """The calls of the turns so far, by which results without an id find theirs: those of one name in their order."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self._waiting: dict[str, list[str]] = {}
        self._count = 0

    def called(self, identity: str | None, name: str) -> str:
        identity = identity or self._derived()
        self.names[identity] = name
        self._waiting.setdefault(name, []).append(identity)
        return identity

    def answered(self, identity: str | None, name: str) -> str:
        waiting = self._waiting.get(name, [])
        if not identity:
            return waiting.pop(0) if waiting else self._derived()
        if identity in waiting:
            waiting.remove(identity)
        return identity

    def _derived(self) -> str:
        self._count += 1
        return f"{DERIVED}{self._count}"


def decode_parts(value: Json, path: str, calls: Calls) -> list[Block]:
    blocks: list[Block] = []
    for index, item in enumerate(as_list(many(value), path)):
        where = f"{path}[{index}]"
        blocks += _part(as_object(item, where), where, calls)
    return blocks


def _part(raw: JsonObject, path: str, calls: Calls) -> list[Block]:
    raw = camel(raw)
    for name, decode in _DECODERS.items():
        if raw.get(name) is not None:
            return decode(raw, path, calls)
    return [Native(NAME, raw)]


def _text(raw: JsonObject, path: str, calls: Calls) -> list[Block]:
    """The signature of a text that is no thought stays with it: nobody else has a use for it."""
    del calls
    text = take_str(raw, "text", path)
    if not raw:
        return [Text(text)]
    if not take_bool(raw, "thought", path):
        return [Text(text, extras=raw)]
    block = signed(text, take_opt_str(raw, "thoughtSignature", path))
    block.extras = raw
    return [block]


def _inline(raw: JsonObject, path: str, calls: Calls) -> list[Block]:
    del calls
    inner = _message(raw, "inlineData", path)
    where = join(path, "inlineData")
    kind, data = take_opt_str(inner, "mimeType", where) or "application/octet-stream", take_str(inner, "data", where)
    title = take_opt_str(inner, "displayName", where)
    extras = _left(raw, "inlineData", inner)
    if kind.startswith("audio/"):
        return [Audio(data, audio_format(kind), _titled(extras, "inlineData", title))]
    if kind.startswith("image/"):
        return [Image(Base64Source(kind, data), extras=_titled(extras, "inlineData", title))]
    return [Document(Base64Source(kind, data), title, extras=extras)]


def audio_format(kind: str) -> str:
    """`audio/mpeg` is what others call `mp3`, as Google does."""
    form = kind.removeprefix("audio/")
    return "mp3" if form == "mpeg" else form


def _titled(extras: JsonObject, name: str, title: str | None) -> JsonObject:
    """Images and audio have no place for a name."""
    if title is None:
        return extras
    inner = extras.get(name)
    return {**extras, name: {**(inner if type(inner) is dict else {}), "displayName": title}}


def _file(raw: JsonObject, path: str, calls: Calls) -> list[Block]:
    del calls
    inner = _message(raw, "fileData", path)
    where = join(path, "fileData")
    uri, kind, title = take_str(inner, "fileUri", where), take_opt_str(inner, "mimeType", where), take_opt_str(inner, "displayName", where)
    source = FileSource(uri, kind) if uri.startswith(_FILES) or "://" not in uri else UrlSource(uri, kind)
    extras = _left(raw, "fileData", inner)
    if kind is not None and kind.startswith("image/"):
        return [Image(source, extras=_titled(extras, "fileData", title))]
    return [Document(source, title, extras=extras)]


def _call(raw: JsonObject, path: str, calls: Calls) -> list[Block]:
    inner = _message(raw, "functionCall", path)
    where = join(path, "functionCall")
    name, arguments = take_str(inner, "name", where), take_object(inner, "args", where)
    use = ToolUse(calls.called(take_opt_str(inner, "id", where), name), name, dump_text(arguments or {}))
    signature = take_opt_str(raw, "thoughtSignature", path)
    before: list[Block] = []
    if signature is not None:
        opened = signed("", signature)
        if opened.origin == UNSIGNED:
            use.signature, use.origin = signature, UNSIGNED
        else:
            before.append(opened)
    use.extras = _left(raw, "functionCall", inner)
    return [*before, use]


def _result(raw: JsonObject, path: str, calls: Calls) -> list[Block]:
    """Google reads `output` and `error` of a response apart, and everything else as one JSON value; so it becomes text."""
    inner = _message(raw, "functionResponse", path)
    where = join(path, "functionResponse")
    name, identity = take_str(inner, "name", where), take_opt_str(inner, "id", where)
    response = inner.pop("response", None)
    found = calls.answered(identity, name)
    blocks: list[Block] = []
    is_error = type(response) is dict and len(response) == 1 and "error" in response
    if response is not None:
        blocks.append(Text(_said(response)))
    media = take_list(inner, "parts", where)
    if media:
        blocks += decode_parts(cast("Json", media), join(where, "parts"), calls)
    if found not in calls.names:
        inner["name"] = name
    return [ToolResult(found, blocks, is_error, extras=_left(raw, "functionResponse", inner))]


def _said(response: Json) -> str:
    if type(response) is dict and len(response) == 1:
        ((name, value),) = response.items()
        if name in ("output", "error") and type(value) is str and not is_object(value):
            return value
    return dump_text(response)


def is_object(text: str) -> bool:
    """Whether the text is a JSON object."""
    if not text.lstrip().startswith("{"):
        return False
    try:
        return type(parse(text.encode())) is dict
    except ValueError:
        return False


def _message(raw: JsonObject, name: str, path: str) -> JsonObject:
    inner = take_object(raw, name, path)
    if inner is None:
        raise missing(join(path, name))
    return camel(dict(inner))


def _left(raw: JsonObject, name: str, inner: JsonObject) -> JsonObject:
    """What is left of a part, with what is left of the object inside it under its own name."""
    if inner:
        raw[name] = inner
    return raw


_DECODERS: dict[str, Callable[[JsonObject, str, Calls], list[Block]]] = {
    "text": _text,
    "functionCall": _call,
    "functionResponse": _result,
    "inlineData": _inline,
    "fileData": _file,
}
