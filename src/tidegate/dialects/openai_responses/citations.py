"""`annotations` and citations. Offsets on the wire count from the start of their text, neutral ones from that of the whole answer."""

from tidegate.dialects.openai_responses.fields import NAME
from tidegate.ir.content import Citation
from tidegate.ir.json import Json, JsonObject


def decode_annotations(value: Json, before: int) -> list[Citation]:
    """Every annotation of a text that has `before` characters of the answer before it; of those that are not of an address only `raw` is
    known."""
    if type(value) is not list:
        return []
    return [decode_annotation(item, before) for item in value if type(item) is dict]


def decode_annotation(raw: JsonObject, before: int) -> Citation:
    start, end = raw.get("start_index"), raw.get("end_index")
    return Citation(
        NAME,
        raw,
        url=_text(raw.get("url")),
        title=_text(raw.get("title")),
        start=start + before if type(start) is int else None,
        end=end + before if type(end) is int else None,
    )


def _text(value: Json) -> str | None:
    return value if type(value) is str else None


def encode_citation(citation: Citation, before: int, length: int) -> JsonObject | None:
    """The annotation of a text of `length` characters, or None where there is no address to cite."""
    if citation.dialect == NAME:
        return citation.raw
    if citation.url is None:
        return None
    return {
        "type": "url_citation",
        "start_index": 0 if citation.start is None else max(0, citation.start - before),
        "end_index": length if citation.end is None else max(0, citation.end - before),
        "url": citation.url,
        "title": citation.title or "",
    }
