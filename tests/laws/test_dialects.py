"""The laws that every dialect of the table must pass, on recorded bytes and on invented input: the project's own recordings always,
recorded traffic where its folder is named. What only one dialect promises is in its own file.

Each law over recorded traffic collects the ids that break it and compares them with the exceptions that are listed with their reason.
"""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.laws.mutation import SLOW, get, mutated, places
from tests.laws.recorded import answer_bytes, core, profile
from tests.laws.subject import STAMP, Subject, recorded_stream, well_formed
from tests.laws.subjects.table import SUBJECTS

from tidegate.dialects.table import DIALECTS
from tidegate.ir.content import Native
from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.ir.events import Event, Failed, Finished
from tidegate.ir.fold import fold, unfold
from tidegate.ir.response import Response
from tidegate.wire.splice import JsonError, scan

SIZES = (1, 2, 3, 7, 50, 64, 1460)
_every = pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
_every_answer = pytest.mark.parametrize(
    ("subject", "case"), [pytest.param(subject, case, id=f"{subject.name}-{case}") for subject in SUBJECTS for case in subject.answered]
)


def test_every_dialect_is_under_the_laws() -> None:
    assert {subject.name for subject in SUBJECTS} == set(DIALECTS)


# The project's own recordings


@pytest.mark.parametrize(
    ("subject", "case"), [pytest.param(subject, case, id=f"{subject.name}-{case}") for subject in SUBJECTS for case in subject.cases]
)
def test_own_request_comes_back_as_it_was(subject: Subject, case: str) -> None:
    assert subject.same_request(json.loads(subject.read(case, "request.json")))


@_every_answer
def test_own_stream_tells_the_whole_answer(subject: Subject, case: str) -> None:
    body = subject.stream(case)
    events = subject.events(body)
    whole = subject.dialect.decode_response(subject.read(case, "response.json"), subject.origin)
    assert well_formed(events)
    assert subject.told(fold(events, subject.name), whole)
    assert subject.tap_agrees(body, fold(events, subject.name))
    assert subject.whole_tap_agrees(subject.read(case, "response.json"), whole)


@pytest.mark.parametrize(
    ("subject", "case"), [pytest.param(subject, case, id=f"{subject.name}-{case}") for subject in SUBJECTS for case in subject.streamed]
)
def test_any_split_of_an_own_stream_gives_the_same_events(subject: Subject, case: str) -> None:
    body = subject.stream(case)
    events = subject.events(body)
    for size in SIZES:
        assert subject.events(body, size) == events


@_every_answer
def test_own_answer_is_written_the_same_each_time_and_read_as_it_was(subject: Subject, case: str) -> None:
    whole = subject.dialect.decode_response(subject.read(case, "response.json"), subject.origin)
    encoded = subject.dialect.encode_response(whole, STAMP, subject.asked)
    assert encoded.losses == []
    assert subject.dialect.encode_response(whole, STAMP, subject.asked) == encoded
    assert _round_trip(subject, whole) == []
    events = subject.events(subject.stream(case))
    assert subject.bare(subject.again(events)) == subject.bare(fold(events, subject.name))


# Recorded traffic


class Recorded(NamedTuple):
    subject: Subject
    exchanges: list[dict[str, Any]]


@pytest.fixture(scope="module", params=SUBJECTS, ids=lambda subject: subject.name)
def recorded(request: pytest.FixtureRequest, recordings_dir: Path) -> Recorded:
    """One dialect and its core exchanges: a module's fixture, so that all laws run over one before the next is read."""
    subject: Subject = request.param
    found = list(core(recordings_dir, subject.api))
    assert len(found) > subject.least
    return Recorded(subject, found)


def _answers(exchanges: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [exchange for exchange in exchanges if exchange["status"] == 200 and "stream_error" not in exchange["expect"]["flags"]]


def test_recorded_streams_are_well_formed_under_any_split(recorded: Recorded) -> None:
    subject, exchanges = recorded
    broken: set[str] = set()
    for exchange in exchanges:
        body = recorded_stream(exchange)
        if body is None:
            continue
        events = subject.events(body)
        failed = exchange["status"] != 200 or "stream_error" in exchange["expect"]["flags"]
        good = failed or (well_formed(events) and subject.tap_agrees(body, fold(events, subject.name)))
        if not good or subject.events(body, 1 + len(body) % 97) != events:
            broken.add(exchange["id"])
    assert broken == set()


def test_taps_read_recorded_answers_as_decoders_do(recorded: Recorded) -> None:
    subject, exchanges = recorded
    broken: set[str] = set()
    for exchange in _answers(exchanges):
        body = answer_bytes(exchange)
        if recorded_stream(exchange) is not None or (subject.arrays and body.lstrip().startswith(b"[")):
            continue
        if not subject.whole_tap_agrees(body, subject.dialect.decode_response(body, subject.origin)):
            broken.add(exchange["id"])
    assert broken == set()


def _round_trip(subject: Subject, answer: Response, *, streamed: bool = False) -> list[str]:
    """What is not the same once the answer is written and read again. One that was `streamed` lacks what only whole ones have."""
    kept = subject.folded if streamed else subject.kept
    encoded = subject.dialect.encode_response(answer, STAMP, subject.asked)
    again = subject.dialect.decode_response(encoded.body, subject.origin)
    wrong = [f"lost {loss}" for loss in encoded.losses if loss.field not in answer.unread]
    if kept(again) != kept(answer):
        wrong.append("written whole")
    if subject.bare(fold(unfold(answer), subject.name)) != subject.bare(answer):
        wrong.append("unfolded")
    if subject.bare(subject.again(unfold(answer))) != subject.bare(answer):
        wrong.append("written as a stream")
    return wrong


def test_recorded_answers_round_trip(recorded: Recorded) -> None:
    subject, exchanges = recorded
    broken: dict[str, list[str]] = {}
    for exchange in _answers(exchanges):
        body = recorded_stream(exchange)
        if body is None:
            wrong = _round_trip(subject, subject.dialect.decode_response(answer_bytes(exchange), subject.origin))
        else:
            events = subject.events(body)
            answer = fold(events, subject.name)
            wrong = _round_trip(subject, answer, streamed=True)
            if subject.bare(subject.again(events)) != subject.bare(answer):
                wrong.append("a stream written again")
        if wrong:
            broken[exchange["id"]] = wrong
    assert broken.keys() == subject.changed_answers, broken


def test_recorded_requests_come_back_as_they_were(recorded: Recorded) -> None:
    subject, exchanges = recorded
    broken: set[str] = set()
    for exchange in exchanges:
        try:
            if not subject.same_request(subject.recorded_request(exchange["request_body"])):
                broken.add(exchange["id"])
        except GatewayError:
            broken.add(exchange["id"])
    assert broken == subject.invalid_requests


# Invented input


@_every
@SLOW
@given(data=st.data())
def test_mutated_requests_raise_only_gateway_errors(subject: Subject, data: st.DataObject) -> None:
    dialect = subject.dialect
    body = json.dumps(mutated(data, data.draw(st.sampled_from(subject.seeds)))).encode()
    with contextlib.suppress(GatewayError, JsonError):
        dialect.head(scan(body))
    try:
        request = dialect.decode_request(body)
    except GatewayError as refused:
        assert refused.error.kind is ErrorKind.BAD_REQUEST
        return
    own = dialect.encode_request(request, profile())
    assert own == dialect.encode_request(request, profile())
    assert len(dialect.decode_request(own.body).messages) == len(request.messages)
    for foreign in subject.foreign:
        for target in subject.targets:
            try:
                encoded = dialect.encode_request(foreign(request), target)
            except GatewayError as refused:
                assert refused.error.kind in (ErrorKind.UNSUPPORTED, ErrorKind.BAD_REQUEST)
                assert refused.error.param
                continue
            assert isinstance(json.loads(encoded.body), dict)


@_every
@SLOW
@given(data=st.data())
def test_mutated_requests_are_told_to_every_other_dialect_or_refused(subject: Subject, data: st.DataObject) -> None:
    body = json.dumps(mutated(data, data.draw(st.sampled_from(subject.seeds)))).encode()
    try:
        request = subject.dialect.decode_request(body)
    except GatewayError:
        return
    answer = fold([], "other")
    assert isinstance(json.loads(subject.dialect.encode_response(answer, STAMP, request).body), dict)
    assert subject.ended(subject.written(unfold(answer), request))
    for other in SUBJECTS:
        if other is subject:
            continue
        target = data.draw(st.sampled_from(other.targets))
        try:
            encoded = other.dialect.encode_request(request, target)
        except GatewayError as refused:
            assert refused.error.kind in (ErrorKind.UNSUPPORTED, ErrorKind.BAD_REQUEST)
            assert refused.error.param
            continue
        assert isinstance(json.loads(encoded.body), dict)
        assert encoded == other.dialect.encode_request(request, target)


@_every
@SLOW
@given(data=st.data())
def test_an_invented_field_goes_to_its_own_dialect_and_is_on_the_receipt_of_others(subject: Subject, data: st.DataObject) -> None:
    body = copy.deepcopy(data.draw(st.sampled_from(subject.seeds)))
    get(body, data.draw(st.sampled_from([place for place in places(body) if isinstance(get(body, place), dict)])))["x_invented"] = {
        "deep": [1, "x_value"]
    }
    try:
        request = subject.dialect.decode_request(json.dumps(body).encode())
    except GatewayError as refused:
        assert "x_invented" in f"{refused.error.param} {refused.error.message}"
        return
    own = subject.dialect.encode_request(request, profile())
    assert own.body.count(b"x_invented") == 1 or own.losses
    for other in SUBJECTS:
        if other is not subject:
            with contextlib.suppress(GatewayError):
                encoded = other.dialect.encode_request(request, profile(web_search=True, audio=True))
                # Of an item or tool that is dropped as a whole, the whole is on the receipt.
                assert b"x_value" in encoded.body or encoded.losses


@_every
@SLOW
@given(data=st.data())
def test_mutated_answers_raise_only_gateway_errors(subject: Subject, data: st.DataObject) -> None:
    dialect = subject.dialect
    case = data.draw(st.sampled_from(subject.answered))
    body = json.dumps(mutated(data, json.loads(subject.read(case, "response.json")))).encode()
    dialect.tap_whole(body)
    assert dialect.decode_error(500, body).status == 500
    try:
        answer = dialect.decode_response(body, subject.origin)
    except GatewayError as broken:
        assert broken.error.message
        assert broken.error.kind.blame != "client" or broken.error.status or broken.error.type
        return
    assert isinstance(json.loads(dialect.encode_response(answer, STAMP, subject.asked).body), dict)
    assert dialect.encode_response(msgspec.structs.replace(answer, dialect="other"), STAMP, subject.asked).body
    assert subject.ended(subject.written(unfold(answer)))
    for client in SUBJECTS:
        assert isinstance(json.loads(client.dialect.encode_response(answer, STAMP, client.asked).body), dict)
        assert client.ended(client.written(unfold(answer)))


@_every
@SLOW
@given(data=st.data())
def test_mutated_streams_never_raise(subject: Subject, data: st.DataObject) -> None:
    """Whatever comes, the events end once, are well formed where they do not fail, and clients of every dialect are told so."""
    frames = subject.frames([subject.stream(data.draw(st.sampled_from(subject.streamed)))])
    decoder, tap = subject.dialect.stream_decoder(subject.origin), subject.dialect.tap()
    out: list[Event] = []
    broken = data.draw(st.sets(st.integers(0, len(frames) - 1), min_size=1, max_size=3))
    for at, frame in enumerate(frames):
        payload = frame.data or b""
        if at in broken:
            noise = payload == b"[DONE]" or data.draw(st.booleans())
            payload = data.draw(st.binary(max_size=20)) if noise else json.dumps(mutated(data, json.loads(payload))).encode()
        out += decoder.feed(frame.event, payload)
        if tap.feed(frame.event, payload):
            assert subject.hides(payload)
    out += decoder.end()
    assert sum(isinstance(event, Finished | Failed) for event in out) == 1
    assert isinstance(out[-1], Finished | Failed)
    assert decoder.feed("", b"{}") == decoder.end() == []
    if isinstance(out[-1], Finished):
        assert well_formed(out)
        blocks = fold(out, subject.name).blocks
        assert not any(isinstance(block, Native) and block.dialect != subject.name for block in blocks)
    for client in SUBJECTS:
        written = client.written(out)
        assert written
        assert client.ended(written) == isinstance(out[-1], Finished) or client.name in ("gemini", "openai_responses")


@_every
@SLOW
@given(body=st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
def test_any_bytes_as_a_body(subject: Subject, body: bytes) -> None:
    dialect = subject.dialect
    with contextlib.suppress(GatewayError):
        dialect.decode_request(body)
    with contextlib.suppress(GatewayError):
        dialect.decode_response(body, subject.origin)
    for status in (400, 502):
        error = dialect.decode_error(status, body)
        assert error.status == status
        assert error.message
    dialect.tap_whole(body)
    dialect.tap().feed("", body)
    dialect.usage_fields(body)
