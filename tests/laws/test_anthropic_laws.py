"""The laws of a dialect, on recorded bytes: the project's own recordings always, recorded traffic where its folder is named.

Each law over recorded traffic collects the ids that break it and compares them with the exceptions that are listed with their reason.
"""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import anthropic.types
import msgspec
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.laws.anthropic_normal import normal
from tests.laws.mutation import SLOW, get, mutated, places
from tests.laws.recorded import (
    answer_bytes,
    calls_of,
    core,
    decoded,
    own_cases,
    own_file,
    profile,
    reasoning_of,
    sse_events,
    text_of,
    with_plain_arguments,
)

from tidegate.dialects.anthropic import DIALECT
from tidegate.dialects.base import Stamp
from tidegate.ir.content import Origin
from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.ir.events import BlockStart, BlockStop, Event, Failed, Finished, Started
from tidegate.ir.fold import fold, unfold
from tidegate.ir.response import Response
from tidegate.wire.splice import JsonError, scan

ORIGIN = Origin("anthropic", "p", "target-model")
STAMP = Stamp("0stem0", 1)
CASES = own_cases("anthropic")
ANSWERED = [case for case in CASES if own_file("anthropic", case, "response.json")]

INVALID_REQUESTS = {
    # Its only message is a string; Anthropic answered 400 as well.
    "dd-trace-py-3a25a3f1ecfc",
}


@pytest.fixture(scope="module")
def exchanges(recordings_dir: Path) -> list[dict[str, Any]]:
    found = list(core(recordings_dir, "anthropic.messages"))
    assert len(found) > 700
    return found


def _read(case: str, part: str) -> bytes:
    body = own_file("anthropic", case, part)
    assert body is not None
    return body


ASKED = DIALECT.decode_request(_read("text", "request.json"))


def _stream(body: bytes) -> list[Event]:
    return decoded(DIALECT, sse_events([body]), ORIGIN)


def _encode_stream(events: list[Event]) -> bytes:
    encoder = DIALECT.stream_encoder(STAMP, ASKED)
    return b"".join(encoder.feed(event) for event in events)


def _same_request(body: dict[str, Any]) -> bool:
    request = DIALECT.decode_request(json.dumps(body).encode())
    encoded = DIALECT.encode_request(request, profile())
    again = DIALECT.decode_request(encoded.body)
    return (
        not encoded.losses
        and normal(json.loads(encoded.body)) == normal(body)
        and msgspec.structs.replace(request, model="target-model") == again
    )


def _well_formed(events: list[Event]) -> bool:
    opened = [event.index for event in events if isinstance(event, BlockStart)]
    closed = [event.index for event in events if isinstance(event, BlockStop)]
    return (
        isinstance(events[0], Started)
        and opened == list(range(len(opened)))
        and sorted(closed) == opened
        and sum(isinstance(event, Finished) for event in events) == 1
        and isinstance(events[-1], Finished)
    )


def _tap_agrees(body: bytes, answer: Response) -> bool:
    tap = DIALECT.tap()
    hidden = [tap.feed(event.event, event.data or b"") for event in sse_events([body])]
    return (tap.usage, tap.model, tap.finished, tap.committed, tap.error, any(hidden)) == (
        answer.usage,
        answer.model,
        True,
        True,
        None,
        False,
    )


def _as_expected(answer: Response, expect: dict[str, Any]) -> bool:
    usage = answer.usage
    names = {
        "input_tokens": "input",
        "output_tokens": "output",
        "cache_read_input_tokens": "cache_read",
        "cache_creation_input_tokens": "cache_write",
    }
    return (
        text_of(answer) == expect.get("text", "")
        and reasoning_of(answer) == expect.get("reasoning", "")
        and calls_of(answer) == [(call["id"], call["name"], call["args"]) for call in expect["tool_calls"]]
        and answer.stop.raw == expect["stop"]
        and usage is not None
        and all(getattr(usage, ours) == expect["usage"].get(theirs) for theirs, ours in names.items())
    )


# The project's own recordings


@pytest.mark.parametrize("case", CASES)
def test_own_request_comes_back_as_it_was(case: str) -> None:
    assert _same_request(json.loads(_read(case, "request.json")))


@pytest.mark.parametrize("case", ANSWERED)
def test_own_stream_tells_the_whole_answer(case: str) -> None:
    events = _stream(_read(case, "stream.sse"))
    assert _well_formed(events)
    whole = DIALECT.decode_response(_read(case, "response.json"), ORIGIN)
    told = fold(events, "anthropic")
    # What nobody models of an answer travels in a stream as native events, which a fold does not see.
    assert with_plain_arguments(msgspec.structs.replace(told, extras=whole.extras)) == with_plain_arguments(whole)
    assert _tap_agrees(_read(case, "stream.sse"), whole)
    tapped = DIALECT.tap_whole(_read(case, "response.json"))
    assert (tapped.model, tapped.usage) == (whole.model, whole.usage)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1460])
def test_any_split_of_an_own_stream_gives_the_same_events(case: str, size: int) -> None:
    body = _read(case, "stream.sse")
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    assert decoded(DIALECT, sse_events(chunks), ORIGIN) == _stream(body)


@pytest.mark.parametrize("case", ANSWERED)
def test_own_answer_comes_back_as_it_was(case: str) -> None:
    body = _read(case, "response.json")
    answer = DIALECT.decode_response(body, ORIGIN)
    encoded = DIALECT.encode_response(answer, STAMP, ASKED)
    assert encoded.losses == []
    assert json.loads(encoded.body) == json.loads(body)
    events = _stream(_read(case, "stream.sse"))
    assert fold(_stream(_encode_stream(events)), "anthropic") == fold(events, "anthropic")


@pytest.mark.parametrize("case", ANSWERED)
def test_the_official_client_reads_what_we_write(case: str) -> None:
    answer = DIALECT.decode_response(_read(case, "response.json"), ORIGIN)
    whole = anthropic.types.Message.model_validate_json(DIALECT.encode_response(answer, STAMP, ASKED).body, strict=True)
    for events in (_stream(_read(case, "stream.sse")), list(unfold(answer))):
        assert _accumulated(_encode_stream(events)).model_dump(exclude={"usage", "stop_details"}) == whole.model_dump(
            exclude={"usage", "stop_details"}
        )


def _accumulated(body: bytes) -> anthropic.types.Message:
    adapter: TypeAdapter[Any] = TypeAdapter(anthropic.types.RawMessageStreamEvent)
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in sse_events([body]):
        parsed = adapter.validate_json(event.data or b"", strict=True)
        snapshot = accumulate_event(event=parsed, current_snapshot=snapshot, json_bufs=buffers)
    return anthropic.types.Message.model_validate_json(snapshot.model_dump_json(warnings=False))


def test_an_error_inside_a_stream_fails_it() -> None:
    body = _read("overloaded", "stream.sse")
    events = _stream(body)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.error.kind, failed.error.message) == (ErrorKind.OVERLOADED, "Overloaded")
    assert not any(isinstance(event, Finished) for event in events)
    written = _encode_stream(events)
    assert written.endswith(b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n')
    assert b"message_stop" not in written
    tap = DIALECT.tap()
    for event in sse_events([body]):
        tap.feed(event.event, event.data or b"")
    assert (tap.error, tap.finished) == (failed.error, False)


# Recorded traffic


def test_recorded_answers_read_as_expected(exchanges: list[dict[str, Any]]) -> None:
    broken: set[str] = set()
    for exchange in exchanges:
        if exchange["status"] != 200:
            error = DIALECT.decode_error(exchange["status"], answer_bytes(exchange))
            if (error.status, error.message) != (exchange["status"], exchange["expect"]["error"]["error"]["message"]):
                broken.add(exchange["id"])
            continue
        if exchange.get("sse"):
            body = exchange["sse"].encode()
            events = _stream(body)
            answer = fold(events, "anthropic")
            good = _well_formed(events) and _tap_agrees(body, answer)
        else:
            answer = DIALECT.decode_response(answer_bytes(exchange), ORIGIN)
            tapped = DIALECT.tap_whole(answer_bytes(exchange))
            good = (tapped.model, tapped.usage) == (answer.model, answer.usage)
        if not (good and _as_expected(answer, exchange["expect"])):
            broken.add(exchange["id"])
    assert broken == set()


def test_recorded_streams_under_any_split(exchanges: list[dict[str, Any]]) -> None:
    broken: set[str] = set()
    for exchange in exchanges:
        if not exchange.get("sse"):
            continue
        body = exchange["sse"].encode()
        size = 1 + len(body) % 97
        split = decoded(DIALECT, sse_events(body[at : at + size] for at in range(0, len(body), size)), ORIGIN)
        if split != _stream(body):
            broken.add(exchange["id"])
    assert broken == set()


def test_recorded_answers_round_trip(exchanges: list[dict[str, Any]]) -> None:
    broken: set[str] = set()
    for exchange in exchanges:
        if exchange["status"] != 200:
            continue
        if exchange.get("sse"):
            events = _stream(exchange["sse"].encode())
            answer, again = fold(events, "anthropic"), fold(_stream(_encode_stream(events)), "anthropic")
        else:
            answer = DIALECT.decode_response(answer_bytes(exchange), ORIGIN)
            encoded = DIALECT.encode_response(answer, STAMP, ASKED)
            again = DIALECT.decode_response(encoded.body, ORIGIN)
            if encoded.losses or fold(unfold(answer), "anthropic") != msgspec.structs.replace(answer, extras={}):
                broken.add(exchange["id"])
        if answer != again:
            broken.add(exchange["id"])
    assert broken == set()


def test_recorded_requests_come_back_as_they_were(exchanges: list[dict[str, Any]]) -> None:
    broken: set[str] = set()
    for exchange in exchanges:
        # Bedrock and Vertex have the model in the URL.
        body = {"model": "in-the-url", **exchange["request_body"]}
        try:
            if not _same_request(body):
                broken.add(exchange["id"])
        except GatewayError:
            broken.add(exchange["id"])
    assert broken == INVALID_REQUESTS


# Invented input

_SEEDS = [json.loads(_read(case, "request.json")) for case in CASES] + [
    {
        "model": "m",
        "max_tokens": 64,
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}},
        "tool_choice": {"type": "tool", "name": "t", "disable_parallel_tool_use": True},
        "tools": [{"name": "t", "input_schema": {"type": "object"}}, {"type": "bash_20250124", "name": "bash"}],
        "container": {"id": "c"},
        "mcp_servers": [{"type": "url", "url": "https://mcp.example.org", "name": "x"}],
        "context_management": {"edits": []},
        "cache_control": {"type": "ephemeral"},
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
                    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x"}]}},
                    {
                        "type": "search_result",
                        "source": "s",
                        "title": "t",
                        "content": [{"type": "text", "text": "x"}],
                        "citations": {"enabled": True},
                    },
                    {"type": "container_upload", "file_id": "f"},
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "redacted_thinking", "data": "x"}, {"type": "thinking", "thinking": "", "signature": "s"}],
            },
            {"role": "system", "content": [{"type": "tool_addition", "tool": {"type": "tool_reference", "name": "t"}}]},
        ],
    }
]


@SLOW
@given(st.data())
def test_mutated_requests_raise_only_gateway_errors(data: st.DataObject) -> None:
    body = json.dumps(mutated(data, data.draw(st.sampled_from(_SEEDS)))).encode()
    with contextlib.suppress(GatewayError, JsonError):
        DIALECT.head(scan(body))
    try:
        request = DIALECT.decode_request(body)
    except GatewayError as refused:
        assert refused.error.kind is ErrorKind.BAD_REQUEST
        return
    own = DIALECT.encode_request(request, profile())
    assert own == DIALECT.encode_request(request, profile())
    foreign = msgspec.structs.replace(request, dialect="openai_chat")
    for style in ("none", "budget", "adaptive"):
        try:
            encoded = DIALECT.encode_request(foreign, profile(thinking=style, max_output=8192))
        except GatewayError as refused:
            assert refused.error.kind in (ErrorKind.UNSUPPORTED, ErrorKind.BAD_REQUEST)
            assert refused.error.param
            continue
        assert isinstance(json.loads(encoded.body), dict)


@SLOW
@given(st.data())
def test_every_invented_field_is_in_the_output_or_on_the_receipt(data: st.DataObject) -> None:
    body = copy.deepcopy(data.draw(st.sampled_from(_SEEDS)))
    place = data.draw(st.sampled_from([place for place in places(body) if isinstance(get(body, place), dict)]))
    get(body, place)["x_invented"] = {"deep": [1, "x_value"]}
    request = DIALECT.decode_request(json.dumps(body).encode())
    own = DIALECT.encode_request(request, profile())
    assert own.losses == []
    assert normal(json.loads(own.body)) == normal(body)
    foreign = msgspec.structs.replace(request, dialect="openai_chat", reasoning=None, output=None)
    encoded = DIALECT.encode_request(foreign, profile())
    named = {loss.field.rpartition(".")[2].partition("[")[0] for loss in encoded.losses}
    assert (
        b"x_invented" in encoded.body
        or named & {"x_invented", "web_search_options", *place}
        or place[:1] in (("thinking",), ("output_config",))
    )


@SLOW
@given(st.data())
def test_mutated_answers_raise_only_gateway_errors(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(ANSWERED))
    body = json.dumps(mutated(data, json.loads(_read(case, "response.json")))).encode()
    DIALECT.tap_whole(body)
    DIALECT.decode_error(500, body)
    try:
        answer = DIALECT.decode_response(body, ORIGIN)
    except GatewayError as broken:
        assert broken.error.kind.blame != "client" or broken.error.type
        return
    encoded = DIALECT.encode_response(answer, STAMP, ASKED)
    assert DIALECT.encode_response(msgspec.structs.replace(answer, dialect="openai_chat"), STAMP, ASKED).body
    assert json.loads(encoded.body)["type"] == "message"
    written = _encode_stream(list(unfold(answer)))
    assert written.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


@SLOW
@given(st.data())
def test_mutated_streams_never_raise(data: st.DataObject) -> None:
    events = sse_events([_read(data.draw(st.sampled_from(CASES)), "stream.sse")])
    decoder, tap = DIALECT.stream_decoder(ORIGIN), DIALECT.tap()
    out: list[Event] = []
    broken = data.draw(st.sets(st.integers(0, len(events) - 1), min_size=1, max_size=3))
    for at, event in enumerate(events):
        payload = event.data or b""
        if at in broken:
            payload = (
                data.draw(st.binary(max_size=20)) if data.draw(st.booleans()) else json.dumps(mutated(data, json.loads(payload))).encode()
            )
        out += decoder.feed(event.event, payload)
        assert tap.feed(event.event, payload) is False
    out += decoder.end()
    assert sum(isinstance(event, Finished | Failed) for event in out) == 1
    assert isinstance(out[-1], Finished | Failed)
    assert _encode_stream(out)


@SLOW
@given(st.binary(max_size=64))
def test_any_bytes_as_a_body(body: bytes) -> None:
    for decode in (DIALECT.decode_request, lambda bytes_: DIALECT.decode_response(bytes_, ORIGIN)):
        try:
            decode(body)
        except GatewayError:
            continue
    assert DIALECT.decode_error(502, body).message
    DIALECT.tap_whole(body)
