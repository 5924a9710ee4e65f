from typing import Any

import pytest
from tests.unit.dialects.openai_chat.samples import decoded, encoded, foreign, told, user

from tidegate.ir.content import (
    Audio,
    Base64Source,
    Block,
    CacheMark,
    Citation,
    ContentSource,
    Document,
    FileSource,
    Image,
    Native,
    Text,
    TextSource,
    UrlSource,
)
from tidegate.ir.errors import ErrorKind, GatewayError

PNG = Base64Source("image/png", "AA==")
PDF = Base64Source("application/pdf", "AA==")


def _content(*blocks: Block, **capabilities: Any) -> tuple[Any, list[tuple[str, str]]]:
    body, losses = encoded(foreign(user(*blocks)), **capabilities)
    return body["messages"][0]["content"], told(losses)


def test_texts_of_another_dialect_are_one_string() -> None:
    assert _content(Text("a"), Text(""), Text("b")) == ("a\n\nb", [])


def test_an_openai_clients_parts_stay_apart() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert encoded(decoded(messages=[{"role": "user", "content": parts}]))[0]["messages"][0]["content"] == parts


def test_images_make_parts() -> None:
    content, losses = _content(Text("look"), Image(PNG, "low"), Image(UrlSource("https://e/x")))
    assert content == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://e/x"}},
    ]
    assert losses == []


def test_documents() -> None:
    content, losses = _content(Document(PDF, "a.pdf", "read it", True), Document(TextSource("body"), "t"))
    assert content == [
        {"type": "text", "text": "read it"},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
        {"type": "text", "text": '<document title="t">\nbody\n</document>'},
    ]
    path = "messages[0].content"
    assert losses == [("dropped", f"{path}[0].citations"), ("emulated", f"{path}[0].context"), ("emulated", f"{path}[1].source")]


def test_a_document_of_blocks_is_text_and_its_images() -> None:
    content, losses = _content(Document(ContentSource([Text("a"), Image(PNG)])))
    assert [part["type"] for part in content] == ["text", "image_url"]
    assert losses == [("emulated", "messages[0].content[0].source")]


@pytest.mark.parametrize(
    ("block", "capabilities"),
    [
        (Image(FileSource("f")), {}),
        (Image(PNG), {"vision": False}),
        (Document(FileSource("f")), {}),
        (Document(UrlSource("https://e/a.pdf")), {}),
        (Document(PDF), {"documents": False}),
        (Audio("AA==", "wav"), {}),
    ],
)
def test_content_that_cannot_be_sent_is_refused(block: Block, capabilities: dict[str, Any]) -> None:
    with pytest.raises(GatewayError) as raised:
        _content(block, **capabilities)
    assert raised.value.error.kind is ErrorKind.UNSUPPORTED
    assert (raised.value.error.param or "").startswith("messages[0].content[0]")


def test_what_only_the_client_understands_is_dropped() -> None:
    content, losses = _content(Text("a"), Native("anthropic", {"type": "server_tool_use"}))
    assert (content, losses) == ("a", [("dropped", "messages[0].content[1]")])


def test_marks_and_citations() -> None:
    marked = Text("a", cache=CacheMark("1h", {"x": 1}))
    assert _content(marked) == ("a", [("dropped", "messages[0].content[0].cache_control")])
    assert _content(marked, prompt_cache=True) == ([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}], [])
    assert _content(Text("a", [Citation("anthropic", {})]))[1] == [("dropped", "messages[0].content[0].citations")]


def test_a_search_result_says_where_it_is_from() -> None:
    result = Document(ContentSource([Text("x")]), title='a "b"', extras={"type": "search_result", "source": "https://e?a&b", "more": 1})
    content, losses = _content(result)
    assert content == '<document title="a &quot;b&quot;" source="https://e?a&amp;b">\nx\n</document>'
    assert losses == [("emulated", "messages[0].content[0].source"), ("dropped", "messages[0].content[0].more")]
