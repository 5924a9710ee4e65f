"""Whole answers, both ways: Anthropic's own, and other dialects' for Anthropic's clients."""

import json
from typing import Any

import anthropic.types
import pytest
from tests.unit.dialects.anthropic.making import ORIGIN, STAMP, decode, lost

from tidegate.dialects.anthropic import DIALECT
from tidegate.dialects.names import shortened
from tidegate.dialects.signature import unpack
from tidegate.ir.content import Audio, Block, Citation, Native, Origin, Refusal, Text, Thinking, ToolUse
from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.ir.response import Response, Stop
from tidegate.ir.usage import Usage

ELSEWHERE = Origin("openai_chat", "deepseek", "r1")


def _decode(**fields: Any) -> Response:
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": "end_turn", **fields}
    return DIALECT.decode_response(json.dumps(body).encode(), ORIGIN)


def _answer(*blocks: Block, stop: Stop | None = None, **fields: Any) -> Response:
    return Response(dialect="openai_chat", id="chatcmpl-1", model="gpt", blocks=list(blocks), stop=stop or Stop("end", "stop"), **fields)


def _encode(response: Response, **asked: Any) -> tuple[dict[str, Any], set[tuple[str, str]]]:
    encoded = DIALECT.encode_response(response, STAMP, decode(**asked))
    anthropic.types.Message.model_validate_json(encoded.body, strict=True)
    return json.loads(encoded.body), lost(encoded.losses)


def test_every_kind_of_block() -> None:
    native: dict[str, Any] = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    citation: dict[str, Any] = {"type": "web_search_result_location", "url": "u", "title": "t", "cited_text": "c", "encrypted_index": "e"}
    answer = _decode(
        content=[
            {"type": "thinking", "thinking": "t", "signature": "s"},
            {"type": "thinking", "thinking": "t", "signature": ""},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "text", "text": "a", "citations": [citation, 5]},
            {"type": "tool_use", "id": "i", "name": "n", "input": {"a": 1}, "caller": {"type": "direct"}},
            {"type": "tool_use", "id": "j", "name": "n", "input": None},
            native,
        ],
        container={"id": "c"},
        stop_details=None,
    )
    assert answer.blocks == [
        Thinking("t", "s", origin=ORIGIN),
        Thinking("t", origin=ORIGIN),
        Thinking("", redacted="d", origin=ORIGIN),
        Text("a", [Citation("anthropic", citation, "u", "t", "c")]),
        ToolUse("i", "n", '{"a":1}', extras={"caller": {"type": "direct"}}),
        ToolUse("j", "n", "{}"),
        Native("anthropic", native),
    ]
    assert answer.extras == {"container": {"id": "c"}}


def test_odd_answers_are_read_as_far_as_they_go() -> None:
    answer = _decode(id=5, model=None, content=[{"type": "text"}, {"x": 1}], stop_reason=None, usage=[])
    assert answer == Response(dialect="anthropic", id="", model="", blocks=[Text(""), Native("anthropic", {"x": 1})], stop=Stop("unknown"))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"content":5}', b'{"content":[5]}', b"\xff"])
def test_what_is_no_answer_is_the_providers_error(body: bytes) -> None:
    with pytest.raises(GatewayError) as broken:
        DIALECT.decode_response(body, ORIGIN)
    assert (broken.value.error.kind, broken.value.error.code) == (ErrorKind.UPSTREAM, "upstream_invalid_response")


def test_an_error_that_came_as_an_answer() -> None:
    with pytest.raises(GatewayError) as broken:
        DIALECT.decode_response(b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}', ORIGIN)
    assert (broken.value.error.kind, broken.value.error.message) == (ErrorKind.OVERLOADED, "busy")


def test_another_dialects_answer() -> None:
    usage = Usage(input=3, output=5, extras={"accepted_prediction_tokens": 1})
    body, losses = _encode(
        _answer(Text("a", extras={"x": 1}), usage=usage, service_tier="default", created=5, extras={"system_fingerprint": "f"})
    )
    assert body == {
        "id": "msg_stem",
        "type": "message",
        "role": "assistant",
        "model": "gpt",
        "content": [{"type": "text", "text": "a"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 5},
    }
    assert losses == {
        ("dropped", name) for name in ("content[0].x", "usage.accepted_prediction_tokens", "service_tier", "system_fingerprint")
    }


def test_reasoning_from_elsewhere_carries_the_envelope() -> None:
    body, _ = _encode(_answer(Thinking("t", None, origin=ELSEWHERE), Thinking("", None, "d", ELSEWHERE), Thinking("t")))
    first, second, third = body["content"]
    assert (first["thinking"], unpack(first["signature"])) == ("t", (ELSEWHERE, None))
    assert (second["type"], unpack(second["data"])) == ("redacted_thinking", (ELSEWHERE, "d"))
    assert unpack(third["signature"]) == (Origin(""), None)


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "null", "nonsense"])
def test_arguments_are_always_an_object(arguments: str) -> None:
    body, losses = _encode(_answer(ToolUse("i", "f", arguments)))
    assert body["content"][0]["input"] == ({"arguments": arguments} if arguments else {})
    assert losses == ({("emulated", "content[0].input")} if arguments else set())
    assert body["stop_reason"] == "tool_use"


def test_a_free_text_call() -> None:
    body, losses = _encode(_answer(ToolUse("i", "f", "4 + 4", kind="custom")))
    assert body["content"][0]["input"] == {"input": "4 + 4"}
    assert losses == {("emulated", "content[0].input")}


def test_tool_ids_are_kept_or_made() -> None:
    body, _ = _encode(_answer(ToolUse("i", "f", "{}"), ToolUse("", "f", "{}"), ToolUse("i", "f", "{}")))
    assert [block["id"] for block in body["content"]] == ["i", "toolu_stem1", "toolu_stem2"]


def test_a_refusal_is_text_and_a_stop() -> None:
    body, _ = _encode(_answer(Refusal("I won't")))
    assert (body["content"], body["stop_reason"]) == ([{"type": "text", "text": "I won't"}], "refusal")


def test_what_has_no_form_is_on_the_receipt() -> None:
    cited = Text("a", [Citation("openai_chat", {"type": "url_citation"}, url="u")])
    body, losses = _encode(_answer(Audio("AA", "wav"), Native("openai_chat", {"type": "x"}), cited))
    assert body["content"] == [{"type": "text", "text": "a"}]
    assert losses == {("dropped", "content[0]"), ("dropped", "content[1]"), ("dropped", "content[2].citations")}


def test_the_stop_sequence_and_the_tier() -> None:
    body, losses = _encode(_answer(stop=Stop("stop_sequence", None, "END"), service_tier="priority"))
    assert (body["stop_reason"], body["stop_sequence"], body["usage"]["service_tier"]) == ("stop_sequence", "END", "priority")
    assert losses == set()


def test_a_long_tool_name_is_the_clients_again() -> None:
    name = "mcp__" + "x" * 80
    body, _ = _encode(_answer(ToolUse("i", shortened(name), "{}")), tools=[{"name": name, "input_schema": {"type": "object"}}])
    assert body["content"][0]["name"] == name


def test_the_signature_of_another_providers_call_is_on_the_receipt() -> None:
    _, losses = _encode(_answer(ToolUse("i", "f", "{}", signature="s", origin=ELSEWHERE)))
    assert losses == {("emulated", "content[0].extra_content")}


def test_a_cited_search_result_with_an_address_is_an_address_for_others() -> None:
    cited: dict[str, Any] = {"type": "search_result_location", "title": "t", "cited_text": "c", "search_result_index": 0}
    sources = ["https://docs.example/a", "internal:7"]
    answer = _decode(content=[{"type": "text", "text": "a", "citations": [{**cited, "source": source} for source in sources]}])
    block = answer.blocks[0]
    assert isinstance(block, Text)
    assert [citation.url for citation in block.citations] == ["https://docs.example/a", None]
    assert [citation.raw["source"] for citation in block.citations] == sources
