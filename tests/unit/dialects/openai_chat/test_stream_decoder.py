import json
from typing import Any

import pytest
from tests.unit.dialects.openai_chat.samples import ORIGIN, delta, streamed

from tidegate.dialects.openai_chat import DIALECT
from tidegate.ir import events as ev
from tidegate.ir.content import Citation, Native, Refusal, Text, Thinking
from tidegate.ir.errors import ErrorKind
from tidegate.ir.response import Stop
from tidegate.ir.usage import Usage

STARTED = ev.Started("x", "m")
DONE = b"[DONE]"
END = delta({}, "stop")


def _body(*chunks: dict[str, Any] | bytes) -> list[ev.Event]:
    """What comes between the start and the finish."""
    events = streamed(*chunks, END, DONE)
    assert events[0] == STARTED
    assert isinstance(events[-1], ev.Finished)
    return events[1:-1]


def test_text() -> None:
    assert _body({"role": "assistant", "content": ""}, {"content": "a"}, {"content": "b", "token_id": 7}) == [
        ev.BlockStart(0, Text("")),
        ev.TextDelta(0, "a"),
        ev.TextDelta(0, "b"),
        ev.BlockStop(0),
    ]


def test_kinds_close_each_other() -> None:
    events = _body({"reasoning_content": "hm", "content": None}, {"content": "x"}, {"refusal": "no"}, {"reasoning": "again"})
    assert [event.block for event in events if isinstance(event, ev.BlockStart)] == [
        Thinking("", origin=ORIGIN),
        Text(""),
        Refusal(""),
        Thinking("", origin=ORIGIN),
    ]
    assert [type(event).__name__ for event in events] == [
        "BlockStart",
        "ThinkingDelta",
        "BlockStop",
        "BlockStart",
        "TextDelta",
        "BlockStop",
        "BlockStart",
        "TextDelta",
        "BlockStop",
        "BlockStart",
        "ThinkingDelta",
        "BlockStop",
    ]


def test_mistrals_parts() -> None:
    thinking = {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}
    reference = {"type": "reference", "reference_ids": [1]}
    assert _body(thinking, {"content": [{"type": "text", "text": "x"}, reference]}) == [
        ev.BlockStart(0, Thinking("", origin=ORIGIN)),
        ev.ThinkingDelta(0, "hm"),
        ev.BlockStop(0),
        ev.BlockStart(1, Text("")),
        ev.TextDelta(1, "x"),
        ev.BlockStop(1),
        ev.BlockStart(2, Native("openai_chat", reference)),
        ev.BlockStop(2),
    ]


def test_details_are_told_once_and_signed_at_their_end() -> None:
    def chunk(plain: str | None, **detail: Any) -> dict[str, Any]:
        return {
            "content": "",
            "reasoning": plain,
            "reasoning_details": [{"type": "reasoning.text", "index": 0, "format": "f-v1", **detail}],
        }

    events = _body(chunk("a", text="a"), chunk("b", text="b"), chunk(None, signature="s"), {"content": "x"})
    assert events[:4] == [
        ev.BlockStart(0, Thinking("", origin=ORIGIN)),
        ev.ThinkingDelta(0, "a"),
        ev.ThinkingDelta(0, "b"),
        ev.ThinkingDelta(0, "", '{"type":"reasoning.text","index":0,"format":"f-v1","signature":"s"}'),
    ]


def test_encrypted_details_are_whole_blocks() -> None:
    piece = {"type": "reasoning.encrypted", "data": "xx", "index": 0}
    assert _body({"reasoning_details": [piece]}) == [
        ev.BlockStart(0, Thinking("", redacted=json.dumps(piece, separators=(",", ":")), origin=ORIGIN)),
        ev.BlockStop(0),
    ]


def test_citations_after_the_text() -> None:
    annotation: dict[str, Any] = {"type": "url_citation", "url_citation": {"url": "u"}}
    events = _body({"content": "x"}, {"annotations": [annotation]})
    assert events[2] == ev.CitationDelta(0, Citation("openai_chat", annotation, "u"))


def test_perplexitys_whole_message_beside_each_delta_is_passed_over() -> None:
    def chunk(text: str, so_far: str) -> dict[str, Any]:
        choice = {"index": 0, "delta": {"content": text}, "message": {"content": so_far}, "finish_reason": None}
        return {"id": "x", "model": "m", "choices": [choice]}

    assert [event.text for event in _body(chunk("a", "a"), chunk("b", "ab")) if isinstance(event, ev.TextDelta)] == ["a", "b"]


def test_a_whole_message_in_a_chunk_is_one_delta() -> None:
    events = _body({"id": "x", "model": "m", "choices": [{"index": 0, "message": {"content": "all"}}]})
    assert events[1] == ev.TextDelta(0, "all")


def test_azures_first_chunk_does_not_start_the_answer() -> None:
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": []}
    assert streamed(first, {"content": "x"}, end=False)[0] == STARTED


def test_other_choices_are_passed_over() -> None:
    other = {"id": "x", "model": "m", "choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]}
    assert streamed({"content": "x"}, other, END, DONE)[-1] == ev.Finished(Stop("end", "stop"))


@pytest.mark.parametrize(
    "chunks",
    [
        [END, {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}, DONE],
        [delta({}, "stop", usage={"prompt_tokens": 3, "completion_tokens": 2}), DONE],
        [delta({}, "stop", x_groq={"usage": {"prompt_tokens": 3, "completion_tokens": 2}})],
        [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}]}, DONE],
        [
            delta({"content": ""}, usage={"prompt_tokens": 3, "completion_tokens": 1}),
            delta({}, "stop", usage={"prompt_tokens": 3, "completion_tokens": 2}),
        ],
    ],
)
def test_usage_wherever_it_comes(chunks: list[Any]) -> None:
    assert streamed({"content": "x"}, *chunks)[-2:] == [ev.UsageReport(Usage(input=3, output=2)), ev.Finished(Stop("end", "stop"))]


def test_a_stream_without_terminator_ends_with_its_connection() -> None:
    assert streamed({"content": "x"}, END)[-1] == ev.Finished(Stop("end", "stop"))


def test_a_stream_that_is_cut_has_failed() -> None:
    last = streamed({"content": "x"})[-1]
    assert isinstance(last, ev.Failed)
    assert (last.error.kind, last.error.code) == (ErrorKind.UPSTREAM, "upstream_stream_interrupted")


def test_a_terminator_without_a_reason_is_an_end_all_the_same() -> None:
    assert streamed({"content": "x"}, b" [DONE] ")[-1] == ev.Finished(Stop("unknown"))
    assert streamed(DONE) == [ev.Started("", ""), ev.Finished(Stop("unknown"))]


@pytest.mark.parametrize(
    ("event", "data", "message"),
    [
        ("", b'{"error":{"message":"tool failed","code":"tool_use_failed"}}', "tool failed"),
        ("", b'{"error":{"message":"limit","code":400},"choices":[{"index":0,"delta":{}}]}', "limit"),
        ("error", b'{"message":"broken"}', "broken"),
        ("", b"not json", "not JSON"),
        ("", b"[1]", "not a chunk"),
    ],
)
def test_errors_fail_the_stream_and_nothing_follows(event: str, data: bytes, message: str) -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    [failed] = decoder.feed(event, data)
    assert isinstance(failed, ev.Failed)
    assert message in failed.error.message
    assert decoder.feed("", DONE) == decoder.end() == []


def test_usage_before_a_failure_is_told() -> None:
    events = streamed(delta({"content": "x"}, usage={"prompt_tokens": 3}), {"error": {"message": "no"}})
    assert isinstance(events[-2], ev.UsageReport)
    assert isinstance(events[-1], ev.Failed)


@pytest.mark.parametrize("data", [b"", b"  "])
def test_empty_events_say_nothing(data: bytes) -> None:
    assert DIALECT.stream_decoder(ORIGIN).feed("", data) == []


def test_audio_is_native() -> None:
    assert _body({"audio": {"id": "a", "data": "AA"}}) == [ev.NativeEvent("openai_chat", {"audio": {"id": "a", "data": "AA"}})]


def test_perplexitys_sources_come_with_the_end_of_the_text() -> None:
    beside = {"citations": ["https://a"], "search_results": [{"url": "https://a", "title": "A"}]}
    events = _body(delta({"content": "x"}, **beside), delta({"content": " [1]"}, **beside))
    assert [type(event).__name__ for event in events] == ["BlockStart", "TextDelta", "TextDelta", "CitationDelta", "BlockStop"]
    assert isinstance(events[3], ev.CitationDelta)
    assert (events[3].citation.url, events[3].citation.title) == ("https://a", "A")
    assert not any(isinstance(event, ev.CitationDelta) for event in _body(delta({"reasoning_content": "x"}, **beside)))


def test_the_error_of_a_choice_fails_the_stream() -> None:
    broken = {"id": "x", "model": "m", "choices": [{"index": 0, "delta": {}, "error": {"code": 502, "message": "died"}}]}
    events = streamed({"content": "a"}, broken, DONE)
    assert isinstance(events[-1], ev.Failed)
    assert events[-1].error.message == "died"
    tap = DIALECT.tap()
    tap.feed("", json.dumps(broken).encode())
    assert tap.error is not None
    assert tap.error.message == "died"
