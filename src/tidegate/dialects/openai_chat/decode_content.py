"""The content of messages and its parts, from the wire to blocks. Parts of a type that is not OpenAI's (Mistral's `document_url` and
`thinking`, Qwen's `video_url`) are `Native` of this dialect."""

from tidegate.dialects.media import document_source, media_source
from tidegate.dialects.openai_chat.fields import NAME, take_cache
from tidegate.dialects.reading import as_object, join, missing, take_object, take_opt_str, take_str, wrong
from tidegate.ir.content import Audio, Block, Document, DocumentSource, FileSource, Image, Native, Refusal, Text
from tidegate.ir.json import Json, JsonObject


def decode_content(value: Json, path: str) -> list[Block]:
    """`value` is a string, null or a list of parts. An empty string is one empty text."""
    if type(value) is str:
        return [Text(value)]
    if value is None:
        return []
    if type(value) is not list:
        raise wrong(path, "a string or an array of content parts")
    return [_part(part, path, index) for index, part in enumerate(value)]


def _part(value: Json, path: str, index: int) -> Block:
    if type(value) is dict:
        kind = value.get("type")
        if kind == "text":
            if len(value) == 2:
                text = value.get("text")
                if type(text) is str:
                    return Text(text)
            return _text(value, f"{path}[{index}]")
        where = f"{path}[{index}]"
        if type(kind) is str:
            reader = _PARTS.get(kind)
            return Native(NAME, value) if reader is None else reader(value, where)
        raise missing(f"{where}.type") if kind is None else wrong(f"{where}.type", "a string")
    if type(value) is str:
        return Text(value)
    raise wrong(f"{path}[{index}]", "an object")


def _text(raw: JsonObject, path: str) -> Text:
    del raw["type"]
    return Text(take_str(raw, "text", path), cache=take_cache(raw), extras=raw)


def _image(raw: JsonObject, path: str) -> Image:
    """`image_url` is an object, or (Mistral) the address itself."""
    del raw["type"]
    value = raw.pop("image_url", None)
    where = join(path, "image_url")
    if type(value) is str:
        return Image(media_source(value), cache=take_cache(raw), extras=raw)
    if value is None:
        raise missing(where)
    inner = as_object(value, where)
    source = media_source(take_str(inner, "url", where))
    detail = take_opt_str(inner, "detail", where)
    return Image(source, detail, take_cache(raw), _with(raw, "image_url", inner))


def _audio(raw: JsonObject, path: str) -> Audio:
    del raw["type"]
    inner = take_object(raw, "input_audio", path)
    where = join(path, "input_audio")
    if inner is None:
        raise missing(where)
    data, form = take_str(inner, "data", where), take_str(inner, "format", where)
    return Audio(data, form, _with(raw, "input_audio", inner))


def _file(raw: JsonObject, path: str) -> Document:
    del raw["type"]
    inner = take_object(raw, "file", path)
    where = join(path, "file")
    if inner is None:
        raise missing(where)
    data, file_id = take_opt_str(inner, "file_data", where), take_opt_str(inner, "file_id", where)
    title = take_opt_str(inner, "filename", where)
    source: DocumentSource
    if data is not None:
        source = document_source(data)
        if file_id is not None:
            inner["file_id"] = file_id
    elif file_id is not None:
        source = FileSource(file_id)
    else:
        raise missing(join(where, "file_data"))
    return Document(source, title, cache=take_cache(raw), extras=_with(raw, "file", inner))


def _refusal(raw: JsonObject, path: str) -> Refusal:
    del raw["type"]
    return Refusal(take_str(raw, "refusal", path), raw)


_PARTS = {"image_url": _image, "input_audio": _audio, "file": _file, "refusal": _refusal}


def _with(raw: JsonObject, name: str, inner: JsonObject) -> JsonObject:
    """What is left of a part, with what is left of the object inside it under its own name."""
    if inner:
        raw[name] = inner
    return raw
