"""`annotations` and citations. OpenAI cites addresses only, by character offsets into the whole content."""

from tidegate.dialects.openai_chat.fields import NAME, object_or_empty
from tidegate.ir.content import Citation
from tidegate.ir.json import Json, JsonObject


def decode_annotations(value: Json) -> list[Citation]:
    """Every annotation of an answer or a delta; those that are not of an address keep only their `raw`."""
    if type(value) is not list:
        return []
    return [_decode(item) for item in value if type(item) is dict]


def decode_sources(answer: JsonObject) -> list[Citation]:
    """Perplexity's sources, which stand beside the choices of an answer and of every chunk (langchaingo-f791a824722c): objects in
    `search_results`, before those were known bare addresses in `citations`. They are of the whole text, so they have no offsets."""
    found = answer.get("search_results") or answer.get("citations")
    if type(found) is not list:
        return []
    sources: list[Citation] = []
    for item in found:
        url, title = (item.get("url"), item.get("title")) if type(item) is dict else (item, None)
        if type(url) is str and url:
            cited: JsonObject = {"start_index": 0, "end_index": 0, "url": url, "title": title if type(title) is str else ""}
            sources.append(_decode({"type": "url_citation", "url_citation": cited}))
    return sources


def _decode(raw: JsonObject) -> Citation:
    cited = object_or_empty(raw.get("url_citation"))
    return Citation(
        NAME,
        raw,
        url=_text(cited.get("url")),
        title=_text(cited.get("title")),
        cited_text=_text(cited.get("content")),
        start=_offset(cited.get("start_index")),
        end=_offset(cited.get("end_index")),
    )


def _text(value: Json) -> str | None:
    return value if type(value) is str else None


def _offset(value: Json) -> int | None:
    return value if type(value) is int else None


def encode_citation(citation: Citation, start: int, end: int) -> JsonObject | None:
    """The annotation, or None where there is no address to cite. `start` and `end` are where the text that carries the citation stands;
    they hold where the citation has no offsets of its own."""
    if citation.dialect == NAME:
        return citation.raw
    if citation.url is None:
        return None
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": start if citation.start is None else citation.start,
            "end_index": end if citation.end is None else citation.end,
            "url": citation.url,
            "title": citation.title or "",
        },
    }
