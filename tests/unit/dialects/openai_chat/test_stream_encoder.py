import json
from typing import Any

from tests.unit.dialects.openai_chat.samples import decoded

from tidegate.dialects.base import Stamp
from tidegate.dialects.names import shortened
from tidegate.dialects.openai_chat import DIALECT
from tidegate.ir import events as ev
from tidegate.ir.content import Audio, Citation, Image, Native, Origin, Refusal, Text, Thinking, ToolUse, UrlSource
from tidegate.ir.errors import Error, ErrorKind
from tidegate.ir.loss import Loss
from tidegate.ir.response import Stop
from tidegate.ir.usage import Usage

STARTED = ev.Started("msg_1", "claude", None, "standard")
END = ev.Finished(Stop("end"))


def _written(*events: ev.Event, usage: bool = False, **asked: Any) -> tuple[list[bytes], list[Loss]]:
    encoder = DIALECT.stream_encoder(Stamp("stem", 7), decoded(stream_options={"include_usage": usage}, **asked))
    out = b"".join(encoder.feed(event) for event in (STARTED, *events))
    frames = out.split(b"\n\n")
    assert frames.pop() == b""
    assert all(frame.startswith(b"data: ") for frame in frames)
    return [frame[6:] for frame in frames], encoder.losses


def _deltas(*events: ev.Event) -> list[dict[str, Any]]:
    """The deltas after the role."""
    frames, _ = _written(*events)
    return [json.loads(frame)["choices"][0]["delta"] for frame in frames[1:]]


def test_a_text_stream() -> None:
    frames, losses = _written(ev.BlockStart(0, Text("")), ev.TextDelta(0, "a“\n"), ev.TextDelta(0, ""), ev.BlockStop(0), END)
    shared = {"id": "chatcmpl-stem", "object": "chat.completion.chunk", "created": 7, "model": "claude", "service_tier": "default"}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**shared, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}

    assert [json.loads(frame) for frame in frames[:-1]] == [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"content": "a“\n"}),
        chunk({}, "stop"),
    ]
    assert (frames[-1], losses) == (b"[DONE]", [])


def test_usage_only_when_asked() -> None:
    report = ev.UsageReport(Usage(input=3, output=2))
    frames, _ = _written(report, END, usage=True)
    chunks = [json.loads(frame) for frame in frames[:-1]]
    assert [chunk["usage"] and chunk["usage"]["total_tokens"] for chunk in chunks] == [None, None, 5]
    assert chunks[-1]["choices"] == []
    assert b"usage" not in b"".join(_written(report, END)[0])
    assert _written(END, usage=True)[0][-1] == b"[DONE]"


def test_calls_have_dense_indexes() -> None:
    deltas = _deltas(
        ev.BlockStart(0, Text("")),
        ev.BlockStart(1, ToolUse("a", "f", "")),
        ev.BlockStart(4, ToolUse("", "g", "")),
        ev.ArgsDelta(4, '{"y":2}'),
        ev.ArgsDelta(1, ""),
        ev.BlockStop(1),
        ev.BlockStop(4),
    )
    assert deltas == [
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "call_stem_1", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": '{"y":2}'}}]},
        # No argument came for the first: clients parse what they gather.
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
    ]


def test_custom_calls() -> None:
    assert _deltas(ev.BlockStart(0, ToolUse("a", "c", "", "custom")), ev.ArgsDelta(0, "4+4"), ev.BlockStop(0)) == [
        {"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "c", "input": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "4+4"}}]},
    ]


def test_calls_finish_as_calls() -> None:
    frames, _ = _written(ev.BlockStart(0, ToolUse("a", "f", "")), ev.BlockStop(0), END)
    assert json.loads(frames[-2])["choices"][0]["finish_reason"] == "tool_calls"


def test_thinking_is_told_at_once_and_signed_at_its_end() -> None:
    origin = Origin("anthropic", "anthropic", "claude")
    deltas = _deltas(
        ev.BlockStart(0, Thinking("", origin=origin)),
        ev.ThinkingDelta(0, "h"),
        ev.ThinkingDelta(0, "m"),
        ev.ThinkingDelta(0, "", "si"),
        ev.ThinkingDelta(0, "", "g"),
        ev.BlockStop(0),
        ev.BlockStart(1, Thinking("", redacted="xx", origin=origin)),
        ev.BlockStop(1),
        ev.BlockStart(2, Thinking("")),
        ev.ThinkingDelta(2, "t"),
        ev.BlockStop(2),
    )
    made = {"format": "tidegate/v1", "origin": {"dialect": "anthropic", "provider": "anthropic", "model": "claude"}}
    assert deltas == [
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "sig", **made, "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "xx", **made, "index": 1}]},
        {"reasoning_content": "t"},
    ]


def test_citations_come_when_their_text_is_whole() -> None:
    frames, losses = _written(
        ev.BlockStart(0, Text("")),
        ev.TextDelta(0, "ab"),
        ev.BlockStop(0),
        ev.BlockStart(1, Text("")),
        ev.CitationDelta(1, Citation("anthropic", {}, url="https://e", title="E")),
        ev.CitationDelta(1, Citation("anthropic", {}, title="a page")),
        ev.TextDelta(1, "cde"),
        ev.BlockStop(1),
    )
    place = {"start_index": 2, "end_index": 5, "url": "https://e", "title": "E"}
    assert json.loads(frames[-1])["choices"][0]["delta"] == {"annotations": [{"type": "url_citation", "url_citation": place}]}
    assert [loss.field for loss in losses] == ["content[1].citations"]


def test_refusals_and_pictures() -> None:
    assert _deltas(ev.BlockStart(0, Refusal("")), ev.TextDelta(0, "no"), ev.BlockStop(0)) == [{"refusal": "no"}]
    picture = [{"type": "image_url", "image_url": {"url": "u"}}]
    assert _deltas(ev.BlockStart(0, Image(UrlSource("u"))), ev.BlockStop(0)) == [{"images": picture}]


def test_native_parts_only_within_their_dialect() -> None:
    frames, losses = _written(
        ev.BlockStart(0, Native("anthropic", {"type": "server_tool_use"})),
        ev.BlockStop(0),
        ev.BlockStart(1, Audio("AA", "wav")),
        ev.NativeEvent("anthropic", {"type": "ping"}),
        ev.BlockStart(2, Native("openai_chat", {"type": "reference"})),
        ev.NativeEvent("openai_chat", {"audio": {"data": "AA"}}),
    )
    assert [json.loads(frame)["choices"][0]["delta"] for frame in frames[1:]] == [
        {"content": [{"type": "reference"}]},
        {"audio": {"data": "AA"}},
    ]
    assert [loss.field for loss in losses] == ["content[0]", "content[1]", "ping"]


def test_blocks_that_start_with_something_in_them() -> None:
    deltas = _deltas(ev.BlockStart(0, Text("a")), ev.BlockStop(0), ev.BlockStart(1, Thinking("t")), ev.BlockStart(2, Refusal("r")))
    assert deltas == [{"content": "a"}, {"reasoning_content": "t"}, {"refusal": "r"}]


def test_a_failure_has_no_terminator() -> None:
    frames, _ = _written(ev.Failed(Error(kind=ErrorKind.OVERLOADED, message="Overloaded")))
    assert json.loads(frames[-1]) == {"error": {"message": "Overloaded", "type": "server_error", "param": None, "code": "overloaded"}}
    assert b"[DONE]" not in frames


def test_a_finish_without_a_start_still_has_its_role() -> None:
    encoder = DIALECT.stream_encoder(Stamp("stem", 7), decoded())
    out = encoder.feed(END)
    assert out.count(b'"role"') == 1
    assert out.endswith(b"data: [DONE]\n\n")


def test_a_free_text_call_is_told_when_it_is_whole() -> None:
    frames, losses = _written(
        ev.BlockStart(0, ToolUse("i", "patch", "")),
        ev.ArgsDelta(0, '{"inp'),
        ev.ArgsDelta(0, 'ut":"a\\nb"}'),
        ev.BlockStop(0),
        END,
        tools=[{"type": "custom", "custom": {"name": "patch"}}],
    )
    chunks = [json.loads(frame)["choices"][0] for frame in frames[1:-1]]
    assert [chunk["delta"] for chunk in chunks] == [
        {"tool_calls": [{"index": 0, "id": "i", "type": "custom", "custom": {"name": "patch", "input": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "a\nb"}}]},
        {},
    ]
    assert (chunks[-1]["finish_reason"], losses) == ("tool_calls", [])


def test_clients_of_functions_get_one_function_call() -> None:
    frames, losses = _written(
        ev.BlockStart(0, ToolUse("i", shortened("a.b"), "")),
        ev.ArgsDelta(0, '{"x":1}'),
        ev.BlockStop(0),
        ev.BlockStart(1, ToolUse("j", "g", "")),
        ev.ArgsDelta(1, "{}"),
        ev.BlockStop(1),
        END,
        functions=[{"name": "a.b"}, {"name": "g"}],
    )
    chunks = [json.loads(frame)["choices"][0] for frame in frames[1:-1]]
    assert [chunk["delta"] for chunk in chunks] == [
        {"function_call": {"name": "a.b", "arguments": ""}},
        {"function_call": {"arguments": '{"x":1}'}},
        {},
    ]
    assert (chunks[-1]["finish_reason"], [loss.field for loss in losses]) == ("function_call", ["content[1]"])


def test_the_signature_of_a_call() -> None:
    use = ToolUse("i", "f", "", signature='{"google":{}}', origin=Origin("openai_chat", "gemini", "g"))
    [first, *_] = _deltas(ev.BlockStart(0, use), ev.BlockStop(0))
    assert first["tool_calls"][0]["extra_content"] == {"google": {}}
