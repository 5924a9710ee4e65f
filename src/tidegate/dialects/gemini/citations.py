"""Grounding: what an answer's text is supported by. Google counts in bytes of UTF-8 (of the whole text, or of the part that `partIndex`
names) and cites by indexes into a list of sources; others cite an address at a place in characters."""

from tidegate.dialects.gemini.names import NAME
from tidegate.dialects.values import object_or_empty, text_or_empty
from tidegate.ir.content import Citation
from tidegate.ir.json import Json, JsonObject

_SOURCES = ("web", "retrievedContext", "maps")


def decode_grounding(metadata: JsonObject, text: str) -> list[Citation]:
    """One citation for each source of each supported piece of `text`; the sources alone where nothing says what they support."""
    listed = metadata.get("groundingChunks")
    chunks = [object_or_empty(chunk) for chunk in listed] if type(listed) is list else []
    supports = metadata.get("groundingSupports")
    found: list[Citation] = []
    data = text.encode("utf-8", "surrogatepass") if supports else b""
    for item in supports if type(supports) is list else ():
        support = object_or_empty(item)
        indexes = support.get("groundingChunkIndices")
        for index in indexes if type(indexes) is list else ():
            if type(index) is int and 0 <= index < len(chunks):
                found.append(_citation(chunks[index], object_or_empty(support.get("segment")), data))
    return found or [_citation(chunk, {}, b"") for chunk in chunks]


def decode_attribution(metadata: JsonObject, text: str) -> list[Citation]:
    """`citationMetadata`: where the model repeats a work."""
    listed = metadata.get("citationSources") or metadata.get("citations")
    data = text.encode("utf-8", "surrogatepass")
    return [
        Citation(
            NAME,
            source,
            url=text_or_empty(source.get("uri")) or None,
            title=text_or_empty(source.get("title")) or None,
            start=_place(source.get("startIndex"), data),
            end=_place(source.get("endIndex"), data),
        )
        for source in (listed if type(listed) is list else ())
        if type(source) is dict
    ]


def _citation(chunk: JsonObject, segment: JsonObject, data: bytes) -> Citation:
    source = object_or_empty(next((chunk[kind] for kind in _SOURCES if kind in chunk), None))
    start = _place(segment.get("startIndex", 0), data) if segment else None
    return Citation(
        NAME,
        {"chunk": chunk, "segment": segment} if segment else {"chunk": chunk},
        url=text_or_empty(source.get("uri")) or None,
        title=text_or_empty(source.get("title")) or None,
        cited_text=text_or_empty(segment.get("text")) or None,
        start=start,
        end=_place(segment.get("endIndex"), data) if segment else None,
    )


def _place(value: Json, data: bytes) -> int | None:
    """Bytes to characters."""
    if type(value) is not int or value < 0:
        return None
    return len(data[:value].decode("utf-8", "ignore"))


def encode_grounding(cited: list[tuple[Citation, int, int]], text: str) -> JsonObject | None:
    """Grounding for a Gemini client; `cited` has with each citation where the text stands that carries it. None where no source has an
    address. Citations of this dialect have their sources as they came."""
    chunks: list[Json] = []
    supports: list[Json] = []
    for citation, start, end in cited:
        raw = citation.raw if citation.dialect == NAME else {}
        if citation.url is None and "chunk" not in raw:
            continue
        chunk: Json = raw.get("chunk") or {"web": {"uri": citation.url, "title": citation.title or citation.url}}
        if chunk not in chunks:
            chunks.append(chunk)
        index = chunks.index(chunk)
        if raw and "segment" not in raw:
            continue
        segment = raw.get("segment") or _segment(citation, start, end, text)
        last = object_or_empty(supports[-1]) if supports else {}
        indexes = last.get("groundingChunkIndices")
        if last.get("segment") == segment and type(indexes) is list:
            indexes.append(index)
        else:
            supports.append({"segment": segment, "groundingChunkIndices": [index]})
    if not chunks:
        return None
    return {"groundingChunks": chunks, "groundingSupports": supports} if supports else {"groundingChunks": chunks}


def _segment(citation: Citation, start: int, end: int, text: str) -> JsonObject:
    first = start if citation.start is None else citation.start
    last = end if citation.end is None else citation.end
    return {"startIndex": _bytes(text, first), "endIndex": _bytes(text, last), "text": text[first:last]}


def _bytes(text: str, place: int) -> int:
    return len(text[:place].encode("utf-8", "surrogatepass"))
