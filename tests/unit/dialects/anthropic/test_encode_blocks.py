"""Content blocks of other dialects' requests, to the wire."""

import base64
from typing import Any

import pytest
from tests.unit.dialects.anthropic.making import encode, foreign, lost, message

from tidegate.ir.content import (
    Audio,
    Base64Source,
    Block,
    Citation,
    ContentSource,
    Document,
    FileSource,
    Image,
    Native,
    Origin,
    Refusal,
    Text,
    TextSource,
    Thinking,
    ToolResult,
    ToolUse,
    UrlSource,
)
from tidegate.ir.errors import ErrorKind, GatewayError

PLAIN = base64.b64encode("grün".encode()).decode()
AT = "messages[0].content[0]"


def _sent(block: Block, **capabilities: Any) -> tuple[Any, set[tuple[str, str]]]:
    body, losses = encode(foreign(message("user", block, "end"), max_tokens=1), **capabilities)
    content = body["messages"][0]["content"]
    return (None if isinstance(content, str) else content[0]), lost(losses)


@pytest.mark.parametrize(
    ("block", "expected", "losses"),
    [
        (Image(UrlSource("https://e.org/a.png")), {"type": "image", "source": {"type": "url", "url": "https://e.org/a.png"}}, set()),
        (
            Image(UrlSource("data:image/png;base64,AAAA"), "high"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            {("dropped", f"{AT}.detail")},
        ),
        (
            Image(Base64Source("image/jpg", "AA")),
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AA"}},
            {("mapped", AT)},
        ),
        (
            Image(Base64Source("image/webp", "AA")),
            {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "AA"}},
            set(),
        ),
        (
            Document(Base64Source("application/pdf", "JVBE"), "a.pdf"),
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "a.pdf"},
            set(),
        ),
        (
            Document(UrlSource("data:text/markdown;charset=utf-8;base64," + PLAIN)),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "grün"}},
            {("mapped", AT)},
        ),
        (Document(UrlSource("https://e.org/a.pdf")), {"type": "document", "source": {"type": "url", "url": "https://e.org/a.pdf"}}, set()),
        (
            Document(TextSource("d", "text/csv"), context="c", citations=True),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "d"},
                "context": "c",
                "citations": {"enabled": True},
            },
            set(),
        ),
        (
            Document(ContentSource([Text("a"), Text("")])),
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
            {("dropped", f"{AT}[1]")},
        ),
        (Refusal("no"), {"type": "text", "text": "no"}, {("mapped", AT)}),
        (Text("a", [Citation("openai_chat", {})]), {"type": "text", "text": "a"}, {("dropped", f"{AT}.annotations")}),
        (Thinking("t", "s", origin=Origin("anthropic", "p")), {"type": "thinking", "thinking": "t", "signature": "s"}, set()),
        (Thinking("", redacted="d", origin=Origin("anthropic")), {"type": "redacted_thinking", "data": "d"}, set()),
        (ToolUse("a:b", "f", "free", kind="custom"), {"type": "tool_use", "name": "f", "input": {"input": "free"}}, None),
        (ToolUse("i", "f", ""), {"type": "tool_use", "id": "i", "name": "f", "input": {}}, set()),
        (ToolResult("i", [Text("")]), {"type": "tool_result", "tool_use_id": "i"}, None),
    ],
)
def test_blocks(block: Block, expected: dict[str, Any], losses: set[tuple[str, str]] | None) -> None:
    sent, receipt = _sent(block)
    assert expected.items() <= sent.items()
    if losses is not None:
        assert (sent, receipt) == (expected, losses)


@pytest.mark.parametrize(
    "block",
    [
        Native("openai_chat", {"type": "x"}),
        Thinking("t"),
        Thinking("t", None, origin=Origin("anthropic", "p")),
        Thinking("t", "s", origin=Origin("anthropic", "elsewhere")),
        Thinking("t", "s", origin=Origin("openai_chat", "p")),
        Text(" "),
    ],
)
def test_what_is_not_sent_is_on_the_receipt(block: Block) -> None:
    assert _sent(block) == (None, {("dropped", AT)})


@pytest.mark.parametrize(
    ("block", "capabilities", "kind"),
    [
        (Audio("AA", "wav"), {}, ErrorKind.UNSUPPORTED),
        (Image(FileSource("f")), {}, ErrorKind.UNSUPPORTED),
        (Document(FileSource("f")), {}, ErrorKind.UNSUPPORTED),
        (Image(UrlSource("u")), {"vision": False}, ErrorKind.UNSUPPORTED),
        (Document(TextSource("d")), {"documents": False}, ErrorKind.UNSUPPORTED),
        (Document(Base64Source("application/zip", "AA")), {}, ErrorKind.UNSUPPORTED),
        (Document(Base64Source("text/plain", "!")), {}, ErrorKind.BAD_REQUEST),
        (Document(Base64Source("text/plain", "/w==")), {}, ErrorKind.BAD_REQUEST),
        (Image(UrlSource("data:image/png,AA")), {}, ErrorKind.BAD_REQUEST),
        (Image(UrlSource("data:image/png;base64")), {}, ErrorKind.BAD_REQUEST),
    ],
)
def test_what_cannot_be_taken_is_refused_by_name(block: Block, capabilities: dict[str, Any], kind: ErrorKind) -> None:
    with pytest.raises(GatewayError) as refused:
        _sent(block, **capabilities)
    assert (refused.value.error.kind, refused.value.error.param) == (kind, AT)


@pytest.mark.parametrize(
    ("arguments", "expected"), [('{"a": 1', {"arguments": '{"a": 1'}), ("[1]", {"arguments": "[1]"}), ("null", {"arguments": "null"})]
)
def test_arguments_that_are_no_object_are_put_into_one(arguments: str, expected: dict[str, Any]) -> None:
    sent, losses = _sent(ToolUse("i", "f", arguments))
    assert sent["input"] == expected
    assert {kind for kind, _ in losses} == {"emulated"}


def test_tool_ids_are_mapped_alike_for_use_and_result() -> None:
    request = foreign(
        message("user", "a"),
        message("assistant", ToolUse("functions.f:0", "f", "{}"), ToolUse("", "g", "{}")),
        message("tool", ToolResult("functions.f:0", [Text("r")])),
    )
    body, _ = encode(request)
    use, other = body["messages"][1]["content"]
    (result,) = body["messages"][2]["content"]
    assert result["tool_use_id"] == use["id"] != other["id"]
    assert use["id"].replace("_", "").isalnum()
    assert encode(request)[0] == body


def test_the_signature_of_another_providers_call_is_dropped() -> None:
    request = foreign(message("user", "x"), message("assistant", ToolUse("i", "f", "{}", signature="s")), max_tokens=1)
    assert lost(encode(request)[1]) == {("dropped", "messages[1].tool_calls[0].extra_content")}
