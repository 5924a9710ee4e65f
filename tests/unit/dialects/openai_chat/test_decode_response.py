import json
from typing import Any

import pytest
from tests.unit.dialects.openai_chat.samples import ORIGIN, answer

from tidegate.dialects.openai_chat import DIALECT
from tidegate.ir.content import Audio, Base64Source, Block, Image, Native, Refusal, Text, Thinking, ToolUse
from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.ir.response import Stop
from tidegate.ir.usage import Usage


@pytest.mark.parametrize(
    ("message", "blocks"),
    [
        ({"content": "x", "refusal": None}, [Text("x")]),
        ({"content": ""}, []),
        ({"content": None, "refusal": "no"}, [Refusal("no")]),
        ({"content": "x", "refusal": ""}, [Text("x")]),
        ({"content": ["a", {"type": "text", "text": "b"}]}, [Text("ab")]),
        ({"content": {"a": 1}}, [Text('{"a":1}')]),
        ({"content": "x", "reasoning_content": "hm"}, [Thinking("hm", origin=ORIGIN), Text("x")]),
        ({"content": "x", "reasoning": "hm", "reasoning_content": None}, [Thinking("hm", origin=ORIGIN), Text("x")]),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True},
                    {"type": "text", "text": "x"},
                ]
            },
            [Thinking("hm", origin=ORIGIN), Text("x")],
        ),
        (
            {"content": [{"type": "text", "text": "x"}, {"type": "reference", "reference_ids": [1]}]},
            [Text("x"), Native("openai_chat", {"type": "reference", "reference_ids": [1]})],
        ),
        (
            {"content": "", "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]},
            [Image(Base64Source("image/png", "AA"))],
        ),
        ({"content": None, "audio": {"id": "a", "data": "AA", "transcript": "t"}}, [Audio("AA", "", {"id": "a", "transcript": "t"})]),
        # Snowflake's empty objects: pydantic-ai-8c18871d70d9.
        ({"content": "4", "audio": {"data": "", "id": ""}, "function_call": {"name": "", "arguments": ""}, "refusal": ""}, [Text("4")]),
        ({"content": 7, "tool_calls": {}, "reasoning": [], "annotations": 3}, []),
        ("junk", []),
    ],
)
def test_messages(message: Any, blocks: list[Block]) -> None:
    assert answer(message).blocks == blocks


@pytest.mark.parametrize(
    ("call", "use"),
    [
        ({"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}, ToolUse("a", "f", '{"x":1}')),
        ({"id": "a", "index": 0, "function": {"name": "f", "arguments": {"x": 1}}}, ToolUse("a", "f", '{"x":1}')),
        ({"id": "", "function": {"name": "f", "arguments": None}}, ToolUse("", "f", "")),
        ({"id": "a", "type": "custom", "custom": {"name": "c", "input": "x"}}, ToolUse("a", "c", "x", "custom")),
        ({"function": {"name": "f"}, "extra": {"g": 1}}, ToolUse("", "f", "", extras={"extra": {"g": 1}})),
        ({"function": None}, ToolUse("", "", "")),
    ],
)
def test_calls(call: dict[str, Any], use: ToolUse) -> None:
    found = answer({"content": None, "tool_calls": [call, "junk"]})
    assert (found.blocks, found.stop) == ([use], Stop("tool_calls", "stop"))


def test_a_legacy_call() -> None:
    found = answer({"content": None, "function_call": {"name": "f", "arguments": "{}"}}, "function_call")
    assert (found.blocks, found.stop.reason) == ([ToolUse("", "f", "{}")], "tool_calls")


def test_citations_are_of_the_text() -> None:
    [text] = answer({"content": "x", "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]}).blocks
    assert isinstance(text, Text)
    assert [citation.url for citation in text.citations] == ["u"]


def test_only_the_first_choice_counts() -> None:
    body = {"choices": [{"index": 1, "message": {"content": "b"}}, {"index": 0, "message": {"content": "a"}, "finish_reason": "length"}]}
    found = DIALECT.decode_response(json.dumps(body).encode(), ORIGIN)
    assert (found.blocks, found.stop) == ([Text("a")], Stop("length", "length"))


def test_the_rest_of_an_answer() -> None:
    found = answer(
        {"content": "x"}, created=5.0, service_tier="flex", usage={"prompt_tokens": 3, "completion_tokens": 2}, system_fingerprint="fp"
    )
    assert (found.created, found.service_tier, found.usage) == (5, "flex", Usage(input=3, output=2, tier="flex"))
    assert found.extras == {"system_fingerprint": "fp"}
    odd = answer({"content": "x"}, None, created=-1, service_tier=7, model=None, usage=[])
    assert (odd.created, odd.service_tier, odd.model, odd.usage, odd.stop) == (None, None, "", None, Stop("unknown"))


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b"<html>", ErrorKind.UPSTREAM, "not JSON"),
        (b"[]", ErrorKind.UPSTREAM, "not a JSON object"),
        (b"{}", ErrorKind.UPSTREAM, "no choice"),
        (b'{"choices":[]}', ErrorKind.UPSTREAM, "no choice"),
        (b'{"error":{"message":"slow","code":429}}', ErrorKind.RATE_LIMIT, "slow"),
        (b'{"object":"error","message":"bad","type":"invalid_request_error"}', ErrorKind.BAD_REQUEST, "bad"),
    ],
)
def test_answers_that_are_none(body: bytes, kind: ErrorKind, message: str) -> None:
    with pytest.raises(GatewayError, match=message) as raised:
        DIALECT.decode_response(body, ORIGIN)
    assert raised.value.error.kind is kind


def test_perplexitys_sources_are_of_the_text() -> None:
    sources: dict[str, Any] = {"citations": ["https://a"], "search_results": [{"url": "https://a", "title": "A"}]}
    [text] = answer({"content": "x [1]"}, **sources).blocks
    assert isinstance(text, Text)
    assert [(citation.url, citation.title) for citation in text.citations] == [("https://a", "A")]
    cited = {"type": "url_citation", "url_citation": {"url": "https://b", "title": "B", "start_index": 0, "end_index": 1}}
    [text] = answer({"content": "x", "annotations": [cited]}, **sources).blocks
    assert isinstance(text, Text)
    assert [citation.url for citation in text.citations] == ["https://b"]


def test_the_signature_of_a_call() -> None:
    signed = {"google": {"thought_signature": "abc"}}
    call = {"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}, "extra_content": signed}
    assert answer({"content": None, "tool_calls": [call]}, "tool_calls").blocks == [
        ToolUse("i", "f", "{}", signature='{"google":{"thought_signature":"abc"}}', origin=ORIGIN)
    ]


def test_the_error_of_a_choice_is_one() -> None:
    choice = {"index": 0, "message": {"content": "x"}, "finish_reason": "error", "error": {"code": 502, "message": "the provider died"}}
    with pytest.raises(GatewayError, match="the provider died"):
        DIALECT.decode_response(json.dumps({"choices": [choice]}).encode(), ORIGIN)
    choice["error"] = None
    assert DIALECT.decode_response(json.dumps({"choices": [choice]}).encode(), ORIGIN).blocks == [Text("x")]


def test_calls_in_choices_without_an_index_are_of_one_answer() -> None:
    def call(name: str) -> dict[str, Any]:
        return {"role": "assistant", "tool_calls": [{"id": name, "function": {"name": name, "arguments": "{}"}}]}

    first = {"message": {"role": "assistant", "content": "a"}, "finish_reason": "tool_calls"}
    for index, calls in ((None, ["f", "g"]), (0, [])):
        choices = [{**first, "index": index}, {"message": call("f"), "finish_reason": "tool_calls"}, {"message": call("g")}, None]
        body = json.dumps({"id": "x", "model": "m", "choices": choices}).encode()
        blocks = DIALECT.decode_response(body, ORIGIN).blocks
        assert [block.name for block in blocks if isinstance(block, ToolUse)] == calls
        assert blocks[0] == Text("a")
    both = json.dumps({"choices": [first, {"message": {"content": "b"}}]}).encode()
    assert DIALECT.decode_response(both, ORIGIN).blocks == [Text("a")]
