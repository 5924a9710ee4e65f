"""Content blocks from the wire."""

from typing import Any

import pytest
from tests.unit.dialects.anthropic.making import decode_block

from tidegate.dialects.signature import pack
from tidegate.ir.content import (
    Base64Source,
    Block,
    CacheMark,
    Citation,
    ContentSource,
    Document,
    FileSource,
    Image,
    Native,
    Origin,
    Text,
    TextSource,
    Thinking,
    ToolResult,
    ToolUse,
    UrlSource,
)
from tidegate.ir.errors import GatewayError

MARK = {"type": "ephemeral", "ttl": "5m"}
UNSIGNED = Origin("anthropic")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"type": "text", "text": "a"}, Text("a")),
        ({"type": "text", "text": "a", "cache_control": MARK, "x": 1}, Text("a", [], CacheMark("5m"), {"x": 1})),
        ({"type": "text", "text": "a", "cache_control": None, "citations": None}, Text("a")),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}, "cache_control": MARK},
            Image(Base64Source("image/png", "AA"), cache=CacheMark("5m")),
        ),
        ({"type": "image", "source": {"type": "url", "url": "u", "x": 1}}, Image(UrlSource("u"), extras={"source": {"x": 1}})),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, Image(FileSource("f"))),
        (
            {
                "type": "document",
                "source": {"type": "text", "data": "d", "media_type": "text/plain"},
                "title": "t",
                "context": "c",
                "citations": {"enabled": True},
            },
            Document(TextSource("d"), "t", "c", True),
        ),
        ({"type": "document", "source": {"type": "content", "content": "d"}}, Document(ContentSource([Text("d")]))),
        (
            {"type": "document", "source": {"type": "url", "url": "u"}, "citations": {"enabled": False, "x": 1}},
            Document(UrlSource("u"), citations=False, extras={"citations": {"x": 1}}),
        ),
        (
            {
                "type": "search_result",
                "source": "s",
                "title": "t",
                "content": [{"type": "text", "text": "a"}],
                "citations": {"enabled": True},
            },
            Document(ContentSource([Text("a")]), "t", None, True, extras={"source": "s", "type": "search_result"}),
        ),
        ({"type": "tool_use", "id": "i", "name": "n", "input": {"a": [1]}}, ToolUse("i", "n", '{"a":[1]}')),
        (
            {"type": "tool_use", "id": "i", "name": "n", "input": {}, "caller": {"type": "direct"}, "cache_control": MARK},
            ToolUse("i", "n", "{}", cache=CacheMark("5m"), extras={"caller": {"type": "direct"}}),
        ),
        ({"type": "tool_result", "tool_use_id": "i"}, ToolResult("i", [])),
        ({"type": "tool_result", "tool_use_id": "i", "content": "r", "is_error": True}, ToolResult("i", [Text("r")], True)),
        (
            {"type": "tool_result", "tool_use_id": "i", "content": [{"type": "tool_reference", "tool_name": "n"}], "cache_control": MARK},
            ToolResult("i", [Native("anthropic", {"type": "tool_reference", "tool_name": "n"})], cache=CacheMark("5m")),
        ),
        ({"type": "thinking", "thinking": "t", "signature": "s"}, Thinking("t", "s", origin=UNSIGNED)),
        ({"type": "thinking", "thinking": "t"}, Thinking("t", origin=UNSIGNED)),
        ({"type": "redacted_thinking", "data": "d"}, Thinking("", redacted="d", origin=UNSIGNED)),
        (
            {"type": "server_tool_use", "id": "i", "name": "web_search", "input": {}},
            Native("anthropic", {"type": "server_tool_use", "id": "i", "name": "web_search", "input": {}}),
        ),
        ({"type": "not_invented_yet"}, Native("anthropic", {"type": "not_invented_yet"})),
    ],
)
def test_blocks(raw: dict[str, Any], expected: Block) -> None:
    assert decode_block(raw) == expected


def test_citations_show_what_others_can_use() -> None:
    raw = {"type": "char_location", "cited_text": "c", "document_title": "t", "document_index": 0}
    block = decode_block({"type": "text", "text": "a", "citations": [raw]})
    assert block == Text("a", [Citation("anthropic", raw, title="t", cited_text="c")])


def test_envelopes_are_opened() -> None:
    made = Origin("openai_chat", "deepseek", "r1")
    assert decode_block({"type": "thinking", "thinking": "t", "signature": pack(made, None)}) == Thinking("t", origin=made)
    assert decode_block({"type": "thinking", "thinking": "t", "signature": pack(made, "s")}) == Thinking("t", "s", origin=made)
    assert decode_block({"type": "redacted_thinking", "data": pack(made, "d")}) == Thinking("", redacted="d", origin=made)


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        (5, ""),
        ({}, ".type"),
        ({"type": 5}, ".type"),
        ({"type": "text"}, ".text"),
        ({"type": "text", "text": None}, ".text"),
        ({"type": "text", "text": "a", "citations": 5}, ".citations"),
        ({"type": "text", "text": "a", "citations": [5]}, ".citations[0]"),
        ({"type": "text", "text": "a", "cache_control": 5}, ".cache_control"),
        ({"type": "image"}, ".source"),
        ({"type": "image", "source": {}}, ".source.type"),
        ({"type": "image", "source": {"type": "text"}}, ".source.type"),
        ({"type": "image", "source": {"type": "base64", "data": "A"}}, ".source.media_type"),
        ({"type": "document", "source": {"type": "content"}}, ".source.content"),
        ({"type": "document", "source": {"type": "url", "url": 5}}, ".source.url"),
        ({"type": "document", "source": {"type": "url", "url": "u"}, "citations": {"enabled": 1}}, ".citations.enabled"),
        ({"type": "search_result", "content": []}, ".source"),
        ({"type": "tool_use", "id": "i", "name": "n"}, ".input"),
        ({"type": "tool_use", "id": "i", "name": "n", "input": "{}"}, ".input"),
        ({"type": "tool_use", "id": 5, "name": "n", "input": {}}, ".id"),
        ({"type": "tool_result"}, ".tool_use_id"),
        ({"type": "tool_result", "tool_use_id": "i", "content": [{"type": "text"}]}, ".content[0].text"),
        ({"type": "tool_result", "tool_use_id": "i", "is_error": "no"}, ".is_error"),
        ({"type": "thinking"}, ".thinking"),
        ({"type": "redacted_thinking"}, ".data"),
    ],
)
def test_wrong_blocks_are_refused_with_their_path(raw: Any, param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        decode_block(raw)
    assert refused.value.error.param == "messages[0].content[0]" + param
