"""Streams from the wire: Anthropic's order, its oddities, and what breaks."""

from typing import Any

import pytest
from tests.unit.dialects.anthropic.making import ORIGIN, events_of

from tidegate.dialects.anthropic import DIALECT
from tidegate.ir import events as ev
from tidegate.ir.content import Citation, Native, Text, Thinking, ToolUse
from tidegate.ir.errors import ErrorKind
from tidegate.ir.response import Stop
from tidegate.ir.usage import Usage

START: dict[str, Any] = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 9, "output_tokens": 1, "service_tier": "batch"}},
}
STOP: dict[str, Any] = {"type": "message_stop"}
END: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 5}}
STARTED = [
    ev.Started("msg_1", "m", None, "batch", "anthropic", Usage(input=9, output=1, tier="batch")),
    ev.UsageReport(Usage(input=9, output=1, tier="batch")),
]
ENDED = [ev.UsageReport(Usage(input=9, output=5, tier="batch")), ev.Finished(Stop("end", "end_turn"))]


def _open(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _delta(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def _close(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def _inside(*raw: Any) -> list[ev.Event]:
    events = events_of(START, *raw, END, STOP)
    assert (events[:2], events[-2:]) == (STARTED, ENDED)
    return events[2:-2]


def test_text_with_citations() -> None:
    citation: dict[str, Any] = {"type": "page_location", "cited_text": "c"}
    raw = (
        _open(0, type="text", text=""),
        {"type": "ping"},
        _delta(0, "citations_delta", citation=citation),
        _delta(0, "citations_delta", citation=None),
        _delta(0, "text_delta", text="a"),
        _close(0),
    )
    assert _inside(*raw) == [
        ev.BlockStart(0, Text("")),
        ev.CitationDelta(0, Citation("anthropic", citation, cited_text="c")),
        ev.TextDelta(0, "a"),
        ev.BlockStop(0),
    ]


def test_a_start_that_already_says_something() -> None:
    assert _inside(_open(0, type="text", text="a"), _close(0)) == [ev.BlockStart(0, Text("")), ev.TextDelta(0, "a"), ev.BlockStop(0)]
    assert _inside(_open(0, type="thinking", thinking="t", signature="s"), _close(0)) == [
        ev.BlockStart(0, Thinking("", origin=ORIGIN)),
        ev.ThinkingDelta(0, "t", "s"),
        ev.BlockStop(0),
    ]


def test_thinking() -> None:
    raw = (
        _open(0, type="thinking", thinking="", signature=""),
        _delta(0, "thinking_delta", thinking="t"),
        _delta(0, "signature_delta", signature="s"),
        _delta(0, "signature_delta", signature=""),
        _close(0),
        _open(1, type="redacted_thinking", data="d"),
        _close(1),
    )
    assert _inside(*raw) == [
        ev.BlockStart(0, Thinking("", origin=ORIGIN)),
        ev.ThinkingDelta(0, "t"),
        ev.ThinkingDelta(0, "", "s"),
        ev.BlockStop(0),
        ev.BlockStart(1, Thinking("", redacted="d", origin=ORIGIN)),
        ev.BlockStop(1),
    ]


@pytest.mark.parametrize(
    ("given", "pieces", "arguments"),
    [
        ({}, [""], ["{}"]),
        ({}, [], ["{}"]),
        ({}, ["", '{"a"', ":1}"], ['{"a"', ":1}"]),
        ({"a": 1}, [], ['{"a":1}']),
        ({"a": 1}, ['{"a":2}'], ['{"a":2}']),
    ],
)
def test_tool_calls(given: dict[str, Any], pieces: list[str], arguments: list[str]) -> None:
    raw = [
        _open(0, type="tool_use", id="i", name="n", input=given),
        *(_delta(0, "input_json_delta", partial_json=piece) for piece in pieces),
        _close(0),
    ]
    assert _inside(*raw) == [ev.BlockStart(0, ToolUse("i", "n", "")), *(ev.ArgsDelta(0, text) for text in arguments), ev.BlockStop(0)]


def test_blocks_that_only_anthropic_knows_come_whole() -> None:
    raw = (
        _open(0, type="server_tool_use", id="s", name="web_search", input={}),
        _delta(0, "input_json_delta", partial_json='{"query":'),
        _delta(0, "input_json_delta", partial_json='"x"}'),
        _close(0),
        _open(1, type="text", text=""),
        _close(1),
        _open(2, type="compaction", content=None),
        _delta(2, "compaction_delta", content="so "),
        _delta(2, "compaction_delta", content="far"),
        _close(2),
        _open(3, type="mcp_tool_use", id="s", input={}),
        _delta(3, "input_json_delta", partial_json='{"cut'),
        _close(3),
    )
    assert _inside(*raw) == [
        ev.BlockStart(0, Native("anthropic", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}})),
        ev.BlockStop(0),
        ev.BlockStart(1, Text("")),
        ev.BlockStop(1),
        ev.BlockStart(2, Native("anthropic", {"type": "compaction", "content": "so far"})),
        ev.BlockStop(2),
        ev.BlockStart(3, Native("anthropic", {"type": "mcp_tool_use", "id": "s", "input": {"arguments": '{"cut'}})),
        ev.BlockStop(3),
    ]


def test_totals_replace_what_was_said_before_and_nulls_do_not() -> None:
    delta = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"input_tokens": 0, "output_tokens": 7, "cache_read_input_tokens": None},
    }
    start = {"type": "message_start", "message": {"id": "x", "model": "m", "usage": {"input_tokens": 9, "cache_read_input_tokens": 4}}}
    reports = [event.usage for event in events_of(start, delta, STOP) if isinstance(event, ev.UsageReport)]
    assert reports == [Usage(input=9, cache_read=4), Usage(input=0, cache_read=4, output=7)]


def test_what_stands_beside_the_stop_is_a_native_event() -> None:
    raw = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "container": {"id": "c"}, "stop_details": None},
        "context_management": {"applied_edits": []},
    }
    assert events_of(START, raw, STOP)[2:] == [
        ev.NativeEvent(
            "anthropic", {"type": "message_delta", "delta": {"container": {"id": "c"}}, "context_management": {"applied_edits": []}}
        ),
        ev.Finished(Stop("end", "end_turn")),
    ]


def test_bedrock_says_more_at_the_end() -> None:
    assert events_of(START, END, {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 9}}) == STARTED + ENDED


def test_unknown_events_and_deltas_are_kept() -> None:
    unknown = {"type": "vibe_check", "x": 1}
    delta = _delta(0, "vibe_delta", x=1)
    assert _inside(unknown, _open(0, type="text", text=""), delta, _close(0)) == [
        ev.NativeEvent("anthropic", unknown),
        ev.BlockStart(0, Text("")),
        ev.NativeEvent("anthropic", delta),
        ev.BlockStop(0),
    ]


def test_unknown_stop_reasons_end_a_stream() -> None:
    raw = {"type": "message_delta", "delta": {"stop_reason": "bored"}}
    assert events_of(START, raw, STOP)[-1] == ev.Finished(Stop("unknown", "bored"))


def test_a_stream_that_told_its_stop_may_end_without_its_terminator() -> None:
    assert events_of(START, END) == STARTED + ENDED


def test_an_open_block_is_closed_at_the_end() -> None:
    assert events_of(START, _open(0, type="text", text=""), END, STOP)[2:] == [
        ev.BlockStart(0, Text("")),
        ENDED[0],
        ev.BlockStop(0),
        ENDED[1],
    ]


def test_a_cut_stream_fails() -> None:
    (failed,) = events_of(START, _open(0, type="text", text=""))[3:]
    assert isinstance(failed, ev.Failed)
    assert (failed.error.kind, failed.error.code) == (ErrorKind.UPSTREAM, "upstream_stream_interrupted")


def test_nothing_follows_an_error() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    events = events_of(START, error, END, STOP)
    assert [type(event) for event in events[2:]] == [ev.Failed]
    assert isinstance(events[-1], ev.Failed)
    assert events[-1].error.kind is ErrorKind.OVERLOADED
    assert isinstance(events_of({"error": {"message": "m"}})[-1], ev.Failed)


def test_nothing_follows_the_end() -> None:
    assert events_of(START, END, STOP, START, END, STOP) == STARTED + ENDED


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"5",
        b"[]",
        b"{}",
        b'{"type":5}',
        b"\xff",
        b'{"type":"content_block_delta","index":0,"delta":{}}',
        b'{"type":"content_block_start","index":"x"}',
    ],
)
def test_data_that_is_not_of_the_dialect_fails_the_stream(data: bytes) -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    (failed,) = decoder.feed("", data)
    assert isinstance(failed, ev.Failed)
    assert failed.error.kind is ErrorKind.UPSTREAM
    assert decoder.end() == []


@pytest.mark.parametrize(
    "raw",
    [
        [_open(0, type="text", text=""), _open(0, type="text", text="")],
        [{"type": "content_block_start", "index": [], "content_block": {"type": "text"}}],
        [{"type": "content_block_start", "index": 0, "content_block": 5}],
        [_open(0, type="text", text=""), {"type": "content_block_delta", "index": 0, "delta": "x"}],
        [_open(0, type="text", text=""), _delta(1, "text_delta", text="x")],
    ],
)
def test_a_broken_order_fails_the_stream(raw: list[dict[str, Any]]) -> None:
    assert isinstance(events_of(START, *raw, END, STOP)[-1], ev.Failed)


def test_the_name_of_an_event_stands_for_its_missing_type() -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    assert decoder.feed("ping", b"{}") == []
    assert decoder.feed("message_start", b"{}") == [ev.Started("", "", None, None, "anthropic")]
    assert decoder.feed("message_delta", b'{"delta":{"stop_reason":"end_turn"}}') == []
    assert decoder.feed("", b"[DONE]") == []
    assert decoder.feed("message_stop", b"{}") == [ev.Finished(Stop("end", "end_turn"))]


def test_a_stream_that_lost_its_start_is_started_once() -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    text = b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'
    started = ev.Started("", "", None, None, "anthropic")
    assert decoder.feed("content_block_start", text) == [started, ev.BlockStart(0, Text(""))]
    late = b'{"type":"message_start","message":{"usage":{"input_tokens":3}}}'
    assert [type(event) for event in decoder.feed("message_start", late)] == [ev.UsageReport]
