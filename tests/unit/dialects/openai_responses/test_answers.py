import json
from typing import Any

import pytest
from tests.unit.dialects.openai_responses.making import ORIGIN, answer, decode, lost, streamed, told

from tidegate.dialects.openai_responses import DIALECT
from tidegate.dialects.openai_responses.reasoning import item_of
from tidegate.dialects.signature import pack_thinking
from tidegate.ir.content import Base64Source, Block, Citation, Image, Native, Origin, Refusal, Text, Thinking, ToolUse
from tidegate.ir.errors import GatewayError
from tidegate.ir.usage import Usage

CLAUDE = Origin("anthropic", "anthropic", "claude")
CUSTOM = {"type": "custom", "name": "free"}
SHELL = {"type": "local_shell"}
CITED = {"type": "url_citation", "url": "u", "title": "t"}


def _read(**fields: Any) -> list[Block]:
    body = {"id": "resp_1", "object": "response", "model": "m", "status": "completed", "output": [], **fields}
    return DIALECT.decode_response(json.dumps(body).encode(), ORIGIN).blocks


def test_items_have_one_block_each_but_messages() -> None:
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "reasoning", "id": "rs_2", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "x"},
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_1",
            "phase": "commentary",
            "content": [
                {
                    "type": "output_text",
                    "text": "ab",
                    "annotations": [{**CITED, "start_index": 0, "end_index": 2}],
                },
                {
                    "type": "output_text",
                    "text": "cd",
                    "annotations": [{**CITED, "start_index": 1, "end_index": 2}],
                },
                {"type": "refusal", "refusal": "no"},
            ],
        },
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AA=="},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    ]
    thinking, first, second, refusal, image, search = _read(output=output)
    assert thinking == Thinking("hm", '{"id":"rs_2","encrypted_content":"x"}', None, ORIGIN)
    assert isinstance(first, Text)
    assert isinstance(second, Text)
    assert (first.citations[0].start, second.citations[0].start, second.citations[0].end) == (0, 3, 4)
    assert first.extras == {"message": {"phase": "commentary"}}
    assert refusal == Refusal("no")
    assert image == Image(Base64Source("image/png", "AA=="), extras={"id": "ig_1", "status": "completed"})
    assert search == Native("openai_responses", output[-1])


@pytest.mark.parametrize(
    ("fields", "reason", "raw"),
    [
        ({}, "end", "completed"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length", "incomplete:max_output_tokens"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter", "incomplete:content_filter"),
        ({"status": "queued"}, "unknown", "queued"),
        ({"status": None}, "end", None),
        ({"output": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]}, "tool_calls", "completed"),
    ],
)
def test_why_it_stopped(fields: dict[str, Any], reason: str, raw: str | None) -> None:
    body = {"id": "r", "object": "response", "model": "m", "status": "completed", "output": [], **fields}
    stop = DIALECT.decode_response(json.dumps(body).encode(), ORIGIN).stop
    assert (stop.reason, stop.raw) == (reason, raw)


@pytest.mark.parametrize(
    "body",
    [b"no", b"[]", b"{}", b'{"error":{"message":"m"}}', b'{"status":"failed","error":{"code":"server_error","message":"m"},"output":[]}'],
)
def test_no_answer_is_an_error(body: bytes) -> None:
    with pytest.raises(GatewayError):
        DIALECT.decode_response(body, ORIGIN)


@pytest.mark.parametrize("more", [{}, {"encrypted_content": "x"}])
def test_reasoning_is_read_whatever_else_its_parts_say(more: dict[str, Any]) -> None:
    summary = [{"type": "summary_text", "text": "hm", "new": 1}, {"type": "new_part", "x": 1}, {"type": "summary_text", "text": "so"}]
    content = [{"type": "reasoning_text", "text": "all of it"}]
    item = {"type": "reasoning", "id": "rs_1", "summary": summary, "content": content, **more}
    (block,) = _read(output=[item])
    assert isinstance(block, Thinking)
    assert block.text == "hmsoall of it"
    if more:
        assert item_of(block) == item


def test_foreign_reasoning_travels_in_the_envelope_and_comes_back() -> None:
    block = Thinking("hm", "sig", None, CLAUDE)
    body, losses = told(answer(block, Thinking("", None, "data", CLAUDE), Text("so")))
    assert losses == []
    assert [item["type"] for item in body["output"]] == ["reasoning", "reasoning", "message"]
    assert body["output"][0]["encrypted_content"] == pack_thinking(block)
    request = decode(input=body["output"])
    assert [message.blocks[0] for message in request.messages[:2]] == [block, Thinking("", None, "data", CLAUDE)]


def test_calls_are_what_the_client_offered() -> None:
    request = decode(tools=[CUSTOM, SHELL, {"type": "function", "name": "f", "parameters": {}, "strict": False}])
    blocks = [ToolUse("a", "free", '{"input":"x"}'), ToolUse("b", "local_shell", '{"command":["ls"]}'), ToolUse("c", "f", "")]
    body, _ = told(answer(*blocks, stop="tool_calls"), request)
    custom, shell, function = body["output"]
    assert (custom["type"], custom["name"], custom["input"], custom["call_id"]) == ("custom_tool_call", "free", "x", "a")
    assert (shell["type"], shell["action"]) == ("local_shell_call", {"type": "exec", "command": ["ls"], "env": {}})
    assert (function["type"], function["arguments"], body["status"]) == ("function_call", "{}", "completed")
    events = streamed(answer(*blocks, stop="tool_calls"), request)
    assert events[-1]["response"]["output"] == body["output"]
    assert [event["delta"] for event in events if event["type"].endswith(".delta")] == ["x", "{}"]


def test_an_answer_repeats_its_request() -> None:
    request = decode(instructions="be brief", max_output_tokens=9, tools=[SHELL], metadata={"a": "b"}, temperature=0.5, store=False)
    body, _ = told(answer(Text("so"), stop="length"), request)
    assert (body["id"], body["object"], body["created_at"], body["status"]) == ("resp_stem", "response", 5, "incomplete")
    assert body["incomplete_details"] == {"reason": "max_output_tokens"}
    assert body["output"][0]["status"] == "incomplete"
    assert (body["instructions"], body["max_output_tokens"], body["tools"], body["metadata"]) == ("be brief", 9, [SHELL], {"a": "b"})
    assert (body["temperature"], body["store"], body["tool_choice"]) == (0.5, False, "auto")


def test_what_has_no_form_is_on_the_receipt() -> None:
    cited = Text("so", [Citation("anthropic", {}, cited_text="x"), Citation("anthropic", {}, url="u", title="t")])
    body, losses = told(answer(cited, Native("anthropic", {"type": "server_tool_use"})))
    assert body["output"][0]["content"][0]["annotations"] == [
        {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "u", "title": "t"}
    ]
    assert lost(losses) == [("dropped", "output[0].annotations"), ("dropped", "output[1]")]


def test_usage_both_ways() -> None:
    raw = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    }
    body = {"id": "r", "object": "response", "model": "m", "status": "completed", "output": [], "usage": raw}
    body["tool_usage"] = {"web_search": {"num_requests": 2}}
    response = DIALECT.decode_response(json.dumps(body).encode(), ORIGIN)
    assert response.usage == Usage(input=5, cache_read=4, cache_write=1, output=5, reasoning=2, web_searches=2)
    assert told(response)[0]["usage"] == raw
    whole = DIALECT.tap_whole(json.dumps(body).encode())
    assert (whole.model, whole.usage) == ("m", response.usage)


@pytest.mark.parametrize("usage", [{"input_tokens": "x"}, {"input_tokens": -1, "input_tokens_details": 5}, {"input_tokens": 1e300}])
def test_odd_numbers_never_crash(usage: Any) -> None:
    body = {"id": "r", "model": "m", "output": [], "usage": usage}
    assert DIALECT.decode_response(json.dumps(body).encode(), ORIGIN).usage
