"""The laws of the gemini dialect, on recorded bytes: the project's own recordings always, recorded traffic where its folder is named.

Each law over recorded traffic collects the ids that break it and compares them with the exceptions that are listed with their reason.
"""

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.laws.gemini_normal import normal, normal_answer
from tests.laws.mutation import SLOW, get, places
from tests.laws.recorded import (
    answer_bytes,
    calls_of,
    core,
    own_cases,
    own_file,
    profile,
    reasoning_of,
    sse_events,
    text_of,
)
from tests.laws.subject import STAMP, well_formed
from tests.laws.subjects.gemini import SUBJECT

from tidegate.dialects.gemini import ARRAY, DIALECT
from tidegate.ir.errors import ErrorKind
from tidegate.ir.events import BlockStart, BlockStop, Event, Failed
from tidegate.ir.fold import fold, unfold
from tidegate.ir.response import Response
from tidegate.wire.json_array import JsonArrayParser

ORIGIN = SUBJECT.origin
CASES = own_cases("gemini")
STREAMED = [case for case in CASES if own_file("gemini", case, "stream.sse")]
ANSWERED = [case for case in STREAMED if own_file("gemini", case, "response.json")]

SEVERAL_CANDIDATES: set[str] = set()


@pytest.fixture(scope="module")
def exchanges(recordings_dir: Path) -> list[dict[str, Any]]:
    found = list(core(recordings_dir, "gemini.generate"))
    assert len(found) > 800
    return found


ASKED = SUBJECT.asked


def _in_turn(events: list[Event]) -> bool:
    """Each block ends before the next one begins."""
    opened = [event.index for event in events if isinstance(event, BlockStart)]
    return [event.index for event in events if isinstance(event, BlockStop)] == opened


def _bare(answer: Response) -> Response:
    """Without what a fold of a stream does not see."""
    return msgspec.structs.replace(answer, extras={})


def _as_expected(answer: Response, expect: dict[str, Any]) -> bool:
    told, usage = expect["usage"], answer.usage
    calls = [(call["name"], call["args"]) for call in expect["tool_calls"]]
    stop = None if expect["stop"] is None else str(expect["stop"]).removeprefix("BLOCK:")
    prompt = told.get("promptTokenCount", 0) + told.get("toolUsePromptTokenCount", 0)
    return (
        text_of(answer) == (expect.get("text") or "")
        and reasoning_of(answer) == (expect.get("reasoning") or "")
        and [(name, arguments) for _, name, arguments in calls_of(answer)] == calls
        and answer.stop.raw == stop
        and (not told or (usage is not None and usage.prompt == prompt))
        and (usage is None or (usage.output or 0) == told.get("candidatesTokenCount", 0) + told.get("thoughtsTokenCount", 0))
    )


# The project's own recordings


@pytest.mark.parametrize("case", ANSWERED)
def test_own_answer_comes_back_as_it_was(case: str) -> None:
    body = SUBJECT.read(case, "response.json")
    answer = DIALECT.decode_response(body, ORIGIN)
    encoded = DIALECT.encode_response(answer, STAMP, ASKED)
    assert encoded.losses == []
    assert normal_answer(json.loads(encoded.body)) == normal_answer(json.loads(body))
    events = SUBJECT.events(SUBJECT.read(case, "stream.sse"))
    assert fold(SUBJECT.events(SUBJECT.written(events)), "gemini") == fold(events, "gemini")
    assert fold(SUBJECT.events(SUBJECT.written(list(unfold(answer)))), "gemini") == _bare(answer)


@pytest.mark.parametrize("case", ANSWERED)
def test_the_stream_of_a_client_that_did_not_ask_for_events_is_an_array_of_the_same(case: str) -> None:
    events = SUBJECT.events(SUBJECT.read(case, "stream.sse"))
    encoder = ARRAY.stream_encoder(STAMP, ASKED)
    written = b"".join(encoder.feed(event) for event in events)
    framed = [event.data for event in sse_events([SUBJECT.written(events)])]
    assert json.loads(written) == [json.loads(data or b"") for data in framed]
    parser = JsonArrayParser(1 << 20)
    assert [frame.data for byte in written for frame in parser.feed(bytes([byte]))] == framed


def test_an_error_inside_a_stream_fails_it() -> None:
    body = SUBJECT.read("error_in_stream", "stream.sse")
    failed = SUBJECT.events(body)[-1]
    assert isinstance(failed, Failed)
    assert (failed.error.kind, failed.error.status) == (ErrorKind.OVERLOADED, 503)
    written = SUBJECT.written(SUBJECT.events(body))
    assert json.loads(written.strip().rpartition(b"data: ")[2])["error"]["status"] == "UNAVAILABLE"
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
            events = SUBJECT.events(body)
            answer = fold(events, "gemini")
            good = well_formed(events) and _in_turn(events) and SUBJECT.tap_agrees(body, answer)
        else:
            answer = DIALECT.decode_response(answer_bytes(exchange), ORIGIN)
            tapped = DIALECT.tap_whole(answer_bytes(exchange))
            array = answer_bytes(exchange).lstrip().startswith(b"[")
            good = array or (tapped.model, tapped.usage) == (answer.model, answer.usage)
        if not (good and _as_expected(answer, exchange["expect"])):
            broken.add(exchange["id"])
    assert broken == set()


def test_recorded_whole_answers_come_back_as_they_were(exchanges: list[dict[str, Any]]) -> None:
    broken: set[str] = set()
    for exchange in exchanges:
        body = json.loads(answer_bytes(exchange)) if exchange["status"] == 200 and not exchange.get("sse") else None
        if isinstance(body, dict):
            answer = DIALECT.decode_response(answer_bytes(exchange), ORIGIN)
            if normal_answer(body) != normal_answer(json.loads(DIALECT.encode_response(answer, STAMP, ASKED).body)):
                broken.add(exchange["id"])
    assert broken == set()


def test_recorded_arrays_under_any_split(exchanges: list[dict[str, Any]]) -> None:
    seen = 0
    for exchange in exchanges:
        body = answer_bytes(exchange) if not exchange.get("sse") else b""
        if not body.lstrip().startswith(b"["):
            continue
        seen += 1
        size = 1 + len(body) % 53
        parser, out = JsonArrayParser(1 << 24), DIALECT.stream_decoder(ORIGIN)
        frames = [frame for at in range(0, len(body), size) for frame in parser.feed(body[at : at + size])] + parser.end()
        assert b"".join(frame.raw for frame in frames) == body
        events = [event for frame in frames if frame.data is not None for event in out.feed("", frame.data)] + out.end()
        assert fold(events, "gemini") == _bare(DIALECT.decode_response(body, ORIGIN))
    assert seen > 15


# Invented input

_SEEDS = SUBJECT.seeds


@SLOW
@given(st.data())
def test_every_invented_field_is_in_the_output_or_on_the_receipt(data: st.DataObject) -> None:
    body = copy.deepcopy(data.draw(st.sampled_from(_SEEDS)))
    free = ("properties", "args", "response", "parameters", "parametersJsonSchema", "parameters_json_schema")
    found = [place for place in places(body) if isinstance(get(body, place), dict) and not {*place} & {*free}]
    place = data.draw(st.sampled_from(found))
    get(body, place)["x_invented"] = {"deep": [1, "x_value"]}
    request = DIALECT.decode_request(json.dumps(body).encode())
    own = DIALECT.encode_request(request, profile())
    assert own.losses == []
    assert normal(json.loads(own.body)) == normal(body)
