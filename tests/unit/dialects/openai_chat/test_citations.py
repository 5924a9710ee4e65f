from typing import Any

from tidegate.dialects.openai_chat.citations import decode_annotations, decode_sources, encode_citation
from tidegate.ir.content import Citation

ADDRESS: dict[str, Any] = {
    "type": "url_citation",
    "url_citation": {"start_index": 1, "end_index": 4, "url": "https://e/x", "title": "X", "content": "said"},
}


def test_addresses_are_read_and_come_back_as_they_were() -> None:
    [found] = decode_annotations([ADDRESS, "junk"])
    assert found == Citation("openai_chat", ADDRESS, "https://e/x", "X", "said", 1, 4)
    assert encode_citation(found, 0, 9) == ADDRESS


def test_other_annotations_keep_their_raw_form() -> None:
    [found] = decode_annotations([{"type": "file", "file": {"name": "a"}}])
    assert (found.url, found.raw) == (None, {"type": "file", "file": {"name": "a"}})
    assert decode_annotations(None) == decode_annotations({}) == []


def test_citations_of_another_dialect_stand_where_their_text_stands() -> None:
    made = encode_citation(Citation("anthropic", {}, url="https://e/x"), 3, 8)
    assert made == {"type": "url_citation", "url_citation": {"start_index": 3, "end_index": 8, "url": "https://e/x", "title": ""}}
    assert encode_citation(Citation("anthropic", {}, title="a page of a PDF"), 3, 8) is None


def test_sources_beside_the_choices() -> None:
    found = decode_sources(
        {"citations": ["https://old"], "search_results": [{"title": "E", "url": "https://e", "date": None}, {"url": 3}, "x"]}
    )
    assert [(citation.url, citation.title, citation.start, citation.end) for citation in found] == [
        ("https://e", "E", 0, 0),
        ("x", "", 0, 0),
    ]
    assert [citation.url for citation in decode_sources({"citations": ["https://a", "", None, "https://b"]})] == ["https://a", "https://b"]
    assert decode_sources({}) == decode_sources({"citations": "x"}) == []
    assert decode_annotations([found[0].raw]) == found[:1]
