from typing import Any

from tests.unit.dialects.openai_responses.making import ORIGIN, answer, decode, events_of, streamed, written

from tidegate.ir import events as ev
from tidegate.ir.content import Citation, Native, Refusal, Text, Thinking, ToolUse
from tidegate.ir.errors import Error, ErrorKind
from tidegate.ir.fold import fold

RESPONSE: dict[str, Any] = {"id": "resp_1", "object": "response", "created_at": 5, "model": "m", "status": "in_progress", "output": []}
CREATED = {"type": "response.created", "response": RESPONSE}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}


def _done(*output: Any, **more: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {**RESPONSE, "status": "completed", "output": list(output), **more}}


def _delta(kind: str, text: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": 0, "content_index": 0, "delta": text, **more}


def test_pieces_that_are_told_twice_are_said_once() -> None:
    whole = {**MESSAGE, "content": [{"type": "output_text", "text": "hello", "annotations": []}]}
    events = events_of(
        CREATED,
        {"type": "response.output_item.added", "output_index": 0, "item": MESSAGE},
        _delta("output_text", "hel"),
        {"type": "response.output_item.done", "output_index": 0, "item": whole},
        _done(whole),
    )
    assert [event.text for event in events if isinstance(event, ev.TextDelta)] == ["hel", "lo"]
    assert fold(events, "openai_responses").blocks == [Text("hello")]


def test_an_answer_that_comes_with_the_last_event_only() -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    events = events_of(_done({**MESSAGE, "content": [{"type": "output_text", "text": "hi"}, {"type": "refusal", "refusal": "no"}]}, call))
    assert fold(events, "openai_responses").blocks == [Text("hi"), Refusal("no"), ToolUse("c", "f", "{}")]


def test_a_server_that_names_items_by_id_only() -> None:
    events = events_of(
        {"type": "response.output_text.delta", "item_id": "msg_1", "delta": "hi"},
        _done({**MESSAGE, "content": [{"type": "output_text", "text": "hi"}]}),
    )
    assert fold(events, "openai_responses").blocks == [Text("hi")]


def test_reasoning_is_signed_when_it_is_done() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "x"}
    events = events_of(
        CREATED,
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "summary": [], "encrypted_content": "early"}},
        {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "hm"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        _done(item),
    )
    assert fold(events, "openai_responses").blocks == [Thinking("hm", '{"id":"rs_1","encrypted_content":"x"}', None, ORIGIN)]


def test_items_that_nobody_models_come_whole() -> None:
    item: dict[str, Any] = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    events = events_of(
        CREATED,
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress"}},
        {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        _done(item),
    )
    assert fold(events, "openai_responses").blocks == [Native("openai_responses", item)]


def test_failures() -> None:
    for last in (
        {"type": "error", "code": "server_error", "message": "m"},
        {"type": "error", "error": {"code": "insufficient_quota", "message": "m"}},
        {"type": "response.failed", "response": {**RESPONSE, "status": "failed", "error": {"code": "server_error", "message": "m"}}},
        {"error": {"message": "m"}},
    ):
        failed = events_of(CREATED, last, _done())[-1]
        assert isinstance(failed, ev.Failed)
        assert failed.error.message == "m"
    cut = events_of(CREATED)[-1]
    assert isinstance(cut, ev.Failed)
    assert cut.error.code == "upstream_stream_interrupted"


def test_a_text_is_told_in_all_its_steps() -> None:
    cited = Text("so", [Citation("openai_chat", {}, url="u", title="t", start=0, end=2)])
    events = streamed(answer(cited))
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.annotation.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    item = events[-2]["item"]
    assert item["content"][0]["annotations"] == [{"type": "url_citation", "start_index": 0, "end_index": 2, "url": "u", "title": "t"}]
    assert events[-1]["response"]["output"] == [item]


def test_calls_may_interleave() -> None:
    events = written(
        [
            ev.Started("id", "m", dialect="openai_chat"),
            ev.BlockStart(0, ToolUse("a", "f", "")),
            ev.BlockStart(1, ToolUse("b", "g", "")),
            ev.ArgsDelta(1, "{}"),
            ev.ArgsDelta(0, '{"x":1}'),
            ev.BlockStop(1),
            ev.BlockStop(0),
        ],
        decode(),
    )
    deltas = [(event["output_index"], event["delta"]) for event in events if event["type"].endswith(".delta")]
    assert deltas == [(1, "{}"), (0, '{"x":1}')]
    assert [event["name"] for event in events if event["type"].endswith("arguments.done")] == ["g", "f"]


def test_a_failure_is_an_error_and_a_failed_response() -> None:
    events = written([ev.Started("id", "m"), ev.Failed(Error(kind=ErrorKind.OVERLOADED, message="busy"))])
    error, failed = events[-2:]
    assert (error["type"], error["message"], error["error"]["message"]) == ("error", "busy", "busy")
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"] == {"code": "server_error", "message": "busy"}


def test_an_item_cut_out_of_its_end_is_told_by_the_last_event() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm so"}], "encrypted_content": "x"}
    events = events_of(
        CREATED,
        _delta("reasoning_summary_text", "hm"),
        {"type": "response.output_item.done", "output_index": 0},
        _delta("reasoning_summary_text", " so"),
        _done(item),
    )
    assert fold(events, "openai_responses").blocks == [Thinking("hm so", '{"id":"rs_1","encrypted_content":"x"}', None, ORIGIN)]
    assert sum(isinstance(event, ev.BlockStop) for event in events) == 1


def test_what_is_sent_for_an_item_after_its_end_has_no_place() -> None:
    whole = {**MESSAGE, "content": [{"type": "output_text", "text": "hi"}]}
    late = (_delta("output_text", "!"), _delta("reasoning_text", "hm"), _delta("refusal", "no"), _delta("function_call_arguments", "{}"))
    events = events_of(CREATED, {"type": "response.output_item.done", "output_index": 0, "item": whole}, *late, _done(whole))
    assert fold(events, "openai_responses").blocks == [Text("hi")]


def test_pieces_of_several_kinds_at_one_place_are_blocks_of_their_own() -> None:
    events = events_of(CREATED, _delta("reasoning_text", "hm"), _delta("output_text", "hi"), _delta("refusal", "no"), _done())
    assert fold(events, "openai_responses").blocks == [Thinking("hm", None, None, ORIGIN), Text("hi"), Refusal("no")]
