"""The content of messages and of results, from the wire to blocks. Parts of a type that nobody models are `Native`."""

from tidegate.dialects.media import document_source, media_source
from tidegate.dialects.openai_responses.citations import decode_annotations
from tidegate.dialects.openai_responses.fields import NAME
from tidegate.dialects.reading import as_list, as_object, join, missing, take_object, take_opt_str, take_str, wrong
from tidegate.ir.content import Audio, Block, Document, DocumentSource, FileSource, Image, Native, Refusal, Text, UrlSource
from tidegate.ir.json import Json, JsonObject


def decode_content(value: Json, path: str) -> list[Block]:
    """`value` is a string or a list of parts."""
    if type(value) is str:
        return [Text(value)]
    if type(value) is not list:
        raise wrong(path, "a string or an array of content parts")
    return [_part(part, f"{path}[{index}]") for index, part in enumerate(as_list(value, path))]


def _part(value: Json, path: str) -> Block:
    if type(value) is str:
        return Text(value)
    raw = as_object(value, path)
    kind = raw.get("type")
    if type(kind) is not str:
        raise missing(join(path, "type")) if kind is None else wrong(join(path, "type"), "a string")
    reader = _PARTS.get(kind)
    if reader is None:
        return Native(NAME, raw)
    del raw["type"]
    return reader(raw, path)


def _text(raw: JsonObject, path: str) -> Text:
    text = take_str(raw, "text", path)
    if not raw:
        return Text(text)
    annotations = raw.get("annotations")
    citations = decode_annotations(annotations, 0)
    if type(annotations) is list and len(citations) == len(annotations):
        del raw["annotations"]
    # Clients echo the empty list of an answer.
    if not raw.get("logprobs", True):
        del raw["logprobs"]
    return Text(text, citations, extras=raw)


def _refusal(raw: JsonObject, path: str) -> Refusal:
    return Refusal(take_str(raw, "refusal", path), raw)


def _image(raw: JsonObject, path: str) -> Image:
    url, file_id = take_opt_str(raw, "image_url", path), take_opt_str(raw, "file_id", path)
    if url is None and file_id is None:
        raise missing(join(path, "image_url"))
    if url is None:
        source: Image = Image(FileSource(file_id or ""))
    else:
        source = Image(media_source(url))
        if file_id is not None:
            raw["file_id"] = file_id
    source.detail = take_opt_str(raw, "detail", path)
    source.extras = raw
    return source


def _file(raw: JsonObject, path: str) -> Document:
    data, url, file_id = (take_opt_str(raw, name, path) for name in ("file_data", "file_url", "file_id"))
    source: DocumentSource
    if data is not None:
        source = document_source(data)
    elif url is not None:
        source = UrlSource(url)
    elif file_id is not None:
        source, file_id = FileSource(file_id), None
    else:
        raise missing(join(path, "file_data"))
    if data is not None and url is not None:
        raw["file_url"] = url
    if file_id is not None:
        raw["file_id"] = file_id
    return Document(source, take_opt_str(raw, "filename", path), extras=raw)


def _audio(raw: JsonObject, path: str) -> Audio:
    inner = take_object(raw, "input_audio", path)
    where = join(path, "input_audio")
    if inner is None:
        raise missing(where)
    data, form = take_str(inner, "data", where), take_str(inner, "format", where)
    if inner:
        raw["input_audio"] = inner
    return Audio(data, form, raw)


_PARTS = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}
