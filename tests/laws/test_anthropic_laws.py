"""The laws of a dialect, on recorded bytes: the project's own recordings always, recorded traffic where its folder is named.

Each law over recorded traffic collects the ids that break it and compares them with the exceptions that are listed with their reason.
"""

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
from tests.laws.subjects.anthropic import SUBJECT

from tidegate.dialects.anthropic import DIALECT
from tidegate.ir.errors import ErrorKind
from tidegate.ir.events import Failed, Finished
from tidegate.ir.fold import fold, unfold
from tidegate.ir.response import Response

ORIGIN = SUBJECT.origin
CASES = own_cases("anthropic")
ANSWERED = [case for case in CASES if own_file("anthropic", case, "response.json")]


@pytest.fixture(scope="module")
def exchanges(recordings_dir: Path) -> list[dict[str, Any]]:
    found = list(core(recordings_dir, "anthropic.messages"))
    assert len(found) > 700
    return found


ASKED = SUBJECT.asked


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


@pytest.mark.parametrize("case", ANSWERED)
def test_own_answer_comes_back_as_it_was(case: str) -> None:
    body = SUBJECT.read(case, "response.json")
    answer = DIALECT.decode_response(body, ORIGIN)
    encoded = DIALECT.encode_response(answer, STAMP, ASKED)
    assert encoded.losses == []
    assert json.loads(encoded.body) == json.loads(body)
    events = SUBJECT.events(SUBJECT.read(case, "stream.sse"))
    assert fold(SUBJECT.events(SUBJECT.written(events)), "anthropic") == fold(events, "anthropic")


@pytest.mark.parametrize("case", ANSWERED)
def test_the_official_client_reads_what_we_write(case: str) -> None:
    answer = DIALECT.decode_response(SUBJECT.read(case, "response.json"), ORIGIN)
    whole = anthropic.types.Message.model_validate_json(DIALECT.encode_response(answer, STAMP, ASKED).body, strict=True)
    for events in (SUBJECT.events(SUBJECT.read(case, "stream.sse")), list(unfold(answer))):
        assert _accumulated(SUBJECT.written(events)).model_dump(exclude={"usage", "stop_details"}) == whole.model_dump(
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
    body = SUBJECT.read("overloaded", "stream.sse")
    events = SUBJECT.events(body)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.error.kind, failed.error.message) == (ErrorKind.OVERLOADED, "Overloaded")
    assert not any(isinstance(event, Finished) for event in events)
    written = SUBJECT.written(events)
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
            events = SUBJECT.events(body)
            answer = fold(events, "anthropic")
            good = well_formed(events) and SUBJECT.tap_agrees(body, answer)
        else:
            answer = DIALECT.decode_response(answer_bytes(exchange), ORIGIN)
            tapped = DIALECT.tap_whole(answer_bytes(exchange))
            good = (tapped.model, tapped.usage) == (answer.model, answer.usage)
        if not (good and _as_expected(answer, exchange["expect"])):
            broken.add(exchange["id"])
    assert broken == set()


# Invented input

_SEEDS = SUBJECT.seeds


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
