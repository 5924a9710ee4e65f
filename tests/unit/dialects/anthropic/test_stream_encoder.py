"""Streams for Anthropic's clients: blocks one after the other, numbered densely, one end."""

import json
from typing import Any

import pytest
from tests.unit.dialects.anthropic.making import lost, written

from tidegate.dialects.signature import unpack
from tidegate.ir import events as ev
from tidegate.ir.content import Audio, Block, Citation, Native, Origin, Refusal, Text, Thinking, ToolUse
from tidegate.ir.errors import Error, ErrorKind
from tidegate.ir.response import Stop
from tidegate.ir.usage import Usage

ELSEWHERE = Origin("openai_chat", "deepseek", "r1")
STARTED = ev.Started("chatcmpl-1", "gpt", 5, "default", "openai_chat")
FINISHED = ev.Finished(Stop("end", "stop"))


def _blocks(*events: ev.Event, stop: Stop | None = None) -> tuple[list[dict[str, Any]], str, set[tuple[str, str]]]:
    """The content events, the stop reason and the receipt (without the tier of the start)."""
    read, losses = written([STARTED, *events, ev.Finished(stop or Stop("end", "stop"))])
    assert (read[0]["type"], read[-2]["type"], read[-1]) == ("message_start", "message_delta", {"type": "message_stop"})
    return read[1:-2], read[-2]["delta"]["stop_reason"], lost(losses) - {("dropped", "service_tier")}


def _start(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def _stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def test_the_start_and_the_end() -> None:
    read, losses = written([STARTED, ev.UsageReport(Usage(input=3, cache_read=4, output=5, extras={"x": 1})), FINISHED])
    assert read[0]["message"] == {
        "id": "msg_stem",
        "type": "message",
        "role": "assistant",
        "model": "gpt",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0},
    }
    assert read[1:] == [
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 5},
        },
        {"type": "message_stop"},
    ]
    assert lost(losses) == {("dropped", "service_tier"), ("dropped", "usage.x")}


def test_an_own_start_is_as_it_was() -> None:
    read, losses = written([ev.Started("msg_1", "m", None, "standard", "anthropic", Usage(input=9, output=1)), FINISHED])
    assert read[0]["message"]["id"] == "msg_1"
    assert read[0]["message"]["usage"] == {"input_tokens": 9, "output_tokens": 1, "service_tier": "standard"}
    assert losses == []


def test_a_stream_without_a_start_gets_one() -> None:
    read, _ = written([ev.BlockStart(0, Text("")), ev.BlockStop(0), FINISHED])
    assert [event["type"] for event in read] == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_text() -> None:
    assert _blocks(ev.BlockStart(0, Text("")), ev.TextDelta(0, 'a"é'), ev.TextDelta(0, ""), ev.BlockStop(0)) == (
        [_start(0, type="text", text=""), _delta(0, "text_delta", text='a"é'), _stop(0)],
        "end_turn",
        set(),
    )


def test_parallel_calls_are_told_one_after_the_other() -> None:
    events = (
        ev.BlockStart(0, ToolUse("i", "f", "")),
        ev.ArgsDelta(0, '{"a":'),
        ev.BlockStart(1, ToolUse("j", "g", "")),
        ev.ArgsDelta(1, "{}"),
        ev.ArgsDelta(0, "1}"),
        ev.BlockStart(2, Text("")),
        ev.BlockStop(1),
        ev.TextDelta(2, "a"),
        ev.BlockStop(0),
        ev.TextDelta(2, "b"),
        ev.BlockStop(2),
    )
    assert _blocks(*events) == (
        [
            _start(0, type="tool_use", id="i", name="f", input={}),
            _delta(0, "input_json_delta", partial_json='{"a":'),
            _delta(0, "input_json_delta", partial_json="1}"),
            _stop(0),
            _start(1, type="tool_use", id="j", name="g", input={}),
            _delta(1, "input_json_delta", partial_json="{}"),
            _stop(1),
            _start(2, type="text", text=""),
            _delta(2, "text_delta", text="a"),
            _delta(2, "text_delta", text="b"),
            _stop(2),
        ],
        "tool_use",
        set(),
    )


def test_blocks_that_were_left_open_are_closed() -> None:
    read, _, _ = _blocks(ev.BlockStart(0, Text("")), ev.BlockStart(1, Text("")), ev.TextDelta(1, "a"))
    kinds = [event["type"].removeprefix("content_block_") for event in read]
    assert kinds == ["start", "stop", "start", "delta", "stop"]


def test_reasoning_is_signed_before_its_stop() -> None:
    read, _, _ = _blocks(
        ev.BlockStart(0, Thinking("", origin=ELSEWHERE)),
        ev.ThinkingDelta(0, "t"),
        ev.ThinkingDelta(0, "", "s1"),
        ev.ThinkingDelta(0, "", "s2"),
        ev.BlockStop(0),
    )
    assert read[:2] == [_start(0, type="thinking", thinking="", signature=""), _delta(0, "thinking_delta", thinking="t")]
    assert unpack(read[2]["delta"]["signature"]) == (ELSEWHERE, "s1s2")
    assert read[3] == _stop(0)


@pytest.mark.parametrize(("signature", "expected"), [("s", [_delta(0, "signature_delta", signature="s")]), (None, [])])
def test_anthropics_own_signature_is_as_it_was(signature: str | None, expected: list[Any]) -> None:
    read, _, _ = _blocks(
        ev.BlockStart(0, Thinking("", origin=Origin("anthropic", "p"))), ev.ThinkingDelta(0, "t", signature), ev.BlockStop(0)
    )
    assert read[2:-1] == expected


def test_redacted_reasoning() -> None:
    read, _, _ = _blocks(ev.BlockStart(0, Thinking("", redacted="d", origin=ELSEWHERE)), ev.BlockStop(0))
    assert unpack(read[0]["content_block"]["data"]) == (ELSEWHERE, "d")
    assert len(read) == 2


@pytest.mark.parametrize(
    ("kind", "pieces", "expected"),
    [
        ("function", ["", " \n", "{", "}"], ["{", "}"]),
        ("function", [" {", "", "}"], [" {", "}"]),
        ("function", ["[1", "]"], [{"arguments": "[1]"}]),
        ("custom", ["4 +", " 4"], [{"input": "4 + 4"}]),
        ("function", [], []),
    ],
)
def test_arguments(kind: Any, pieces: list[str], expected: list[Any]) -> None:
    read, _, losses = _blocks(
        ev.BlockStart(0, ToolUse("i", "f", "", kind=kind)), *(ev.ArgsDelta(0, piece) for piece in pieces), ev.BlockStop(0)
    )
    told = [event["delta"]["partial_json"] for event in read[1:-1]]
    assert [json.loads(text) if isinstance(wanted, dict) else text for text, wanted in zip(told, expected, strict=True)] == expected
    assert losses == ({("emulated", "content[0].input")} if expected and isinstance(expected[0], dict) else set())


def test_a_call_that_starts_with_arguments() -> None:
    read, _, _ = _blocks(ev.BlockStart(0, ToolUse("", "f", '{"a":1}')), ev.BlockStop(0))
    assert read[0]["content_block"]["id"] == "toolu_stem0"
    assert read[1] == _delta(0, "input_json_delta", partial_json='{"a":1}')


def test_a_refusal() -> None:
    read, stop, _ = _blocks(ev.BlockStart(0, Refusal("I ")), ev.TextDelta(0, "won't"), ev.BlockStop(0))
    assert [event["delta"]["text"] for event in read[1:-1]] == ["I ", "won't"]
    assert stop == "refusal"


@pytest.mark.parametrize("block", [Audio("AA", "wav"), Native("openai_chat", {"type": "x"})])
def test_what_has_no_form_leaves_no_gap(block: Block) -> None:
    read, _, losses = _blocks(
        ev.BlockStart(0, block), ev.TextDelta(0, "lost"), ev.BlockStop(0), ev.BlockStart(1, Text("")), ev.BlockStop(1)
    )
    assert read == [_start(0, type="text", text=""), _stop(0)]
    assert losses == {("dropped", "content[0]")}


def test_anthropics_own_blocks_events_and_citations() -> None:
    citation: dict[str, Any] = {"type": "char_location"}
    use: dict[str, Any] = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}
    result: dict[str, Any] = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
    read, _, losses = _blocks(
        ev.BlockStart(0, Native("anthropic", use)),
        ev.BlockStop(0),
        ev.BlockStart(1, Native("anthropic", result)),
        ev.BlockStop(1),
        ev.NativeEvent("anthropic", {"type": "vibe_check"}),
        ev.NativeEvent("gemini", {"type": "x"}),
        ev.BlockStart(2, Text("")),
        ev.CitationDelta(2, Citation("anthropic", citation)),
        ev.CitationDelta(2, Citation("openai_chat", {}, url="u")),
        ev.BlockStop(2),
    )
    assert read == [
        _start(0, **{**use, "input": {}}),
        _delta(0, "input_json_delta", partial_json='{"query":"x"}'),
        _stop(0),
        _start(1, **result),
        _stop(1),
        {"type": "vibe_check"},
        _start(2, type="text", text=""),
        _delta(2, "citations_delta", citation=citation),
        _stop(2),
    ]
    assert losses == {("dropped", "x"), ("dropped", "content[2].citations")}


def test_what_stood_beside_the_stop_stands_there_again() -> None:
    native = {"type": "message_delta", "delta": {"container": {"id": "c"}}, "context_management": {}}
    read, _ = written([STARTED, ev.NativeEvent("anthropic", native), ev.Finished(Stop("stop_sequence", "stop_sequence", "END"))])
    assert read[1] == {
        "type": "message_delta",
        "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END", "container": {"id": "c"}},
        "context_management": {},
        "usage": {"output_tokens": 0},
    }


def test_a_failure_is_an_error_and_no_end() -> None:
    read, _ = written([STARTED, ev.BlockStart(0, Text("")), ev.Failed(Error(kind=ErrorKind.UPSTREAM, message="m"))])
    assert read[-1] == {"type": "error", "error": {"type": "api_error", "message": "m"}}
    assert "message_stop" not in [event["type"] for event in read]


def test_very_many_calls_that_wait_for_each_other_take_time_in_proportion() -> None:
    """A provider that begins thousands of calls at once holds nobody else up: each is looked at once."""

    class Counted(int):
        compared = 0

        def __lt__(self, other: int) -> bool:
            Counted.compared += 1
            return int(self) < int(other)

        __hash__ = int.__hash__

    many = [Counted(index) for index in range(500)]
    starts = [ev.BlockStart(index, ToolUse(f"call_{int(index)}", "f", "{}")) for index in many]
    blocks, stop, _ = _blocks(*starts, *(ev.BlockStop(index) for index in many))
    assert [block["index"] for block in blocks if block["type"] == "content_block_start"] == list(range(500))
    assert stop == "tool_use"
    assert Counted.compared <= 10 * len(many)
