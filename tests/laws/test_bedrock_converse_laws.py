"""The laws of Converse, on recorded bytes: the project's own recordings always, recorded traffic where its folder is named.

The streams of the project's own recordings are lines of {event, payload}, which are written here as the frames that AWS sends.
"""

import base64
import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import botocore.session
import msgspec
import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.parsers import EventStreamJSONParser, RestJSONParser
from hypothesis import given
from hypothesis import strategies as st
from tests.laws.converse_normal import normal
from tests.laws.mutation import SLOW, get, places
from tests.laws.recorded import (
    answer_bytes,
    calls_of,
    core,
    decoded,
    own_cases,
    own_file,
    profile,
    reasoning_of,
    text_of,
)
from tests.laws.subject import STAMP, well_formed
from tests.laws.subjects.bedrock_converse import SUBJECT

from tidegate.dialects.bedrock_converse import DIALECT
from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.ir.events import Failed
from tidegate.ir.fold import fold, unfold
from tidegate.ir.response import Response
from tidegate.wire.eventstream import EventStreamParser, frame
from tidegate.wire.frame import Frame

NAME = "bedrock_converse"
ORIGIN = SUBJECT.origin
CASES = own_cases(NAME)
STREAMED = [case for case in CASES if own_file(NAME, case, "stream.jsonl")]
ANSWERED = [case for case in CASES if own_file(NAME, case, "response.json") and case != "error"]
BOTH = [case for case in ANSWERED if case in STREAMED]

SERVER_TOOLS = {
    # The recordings' reader takes calls of a tool that Bedrock runs for calls of the client's tools, in whole answers only.
    "pydantic-ai-138294a61775",
    "pydantic-ai-3d80b91aed9b",
}


@pytest.fixture(scope="module")
def exchanges(recordings_dir: Path) -> list[dict[str, Any]]:
    found = list(core(recordings_dir, "bedrock.converse"))
    assert len(found) > 330
    return found


def _lines(case: str) -> bytes:
    rows = [json.loads(line) for line in SUBJECT.read(case, "stream.jsonl").splitlines()]
    return b"".join(frame(json.dumps(row["payload"]).encode(), row["event"]) for row in rows)


def _frames(chunks: Iterable[bytes]) -> list[Frame]:
    parser = EventStreamParser(1 << 26)
    return [found for chunk in chunks for found in parser.feed(chunk)] + parser.end()


ASKED = SUBJECT.asked


def _as_expected(answer: Response, expect: dict[str, Any]) -> bool:
    usage, told = answer.usage, expect["usage"]
    names = {
        "inputTokens": "input",
        "outputTokens": "output",
        "cacheReadInputTokens": "cache_read",
        "cacheWriteInputTokens": "cache_write",
    }
    return (
        text_of(answer) == expect.get("text", "")
        and reasoning_of(answer) == expect.get("reasoning", "")
        and calls_of(answer) == [(call["id"], call["name"], call["args"]) for call in expect["tool_calls"]]
        and answer.stop.raw == expect["stop"]
        and all(usage is not None and getattr(usage, ours) == told[theirs] for theirs, ours in names.items() if theirs in told)
    )


# The project's own recordings


@pytest.mark.parametrize("case", ANSWERED)
def test_own_answer_comes_back_as_it_was(case: str) -> None:
    body = SUBJECT.read(case, "response.json")
    answer = DIALECT.decode_response(body, ORIGIN)
    encoded = DIALECT.encode_response(answer, STAMP, ASKED)
    assert encoded.losses == []
    assert json.loads(encoded.body) == json.loads(body)


@pytest.mark.parametrize("case", BOTH)
def test_own_stream_comes_back_as_it_was(case: str) -> None:
    events = SUBJECT.events(_lines(case))
    assert SUBJECT.events(SUBJECT.written(events)) == events
    answer = DIALECT.decode_response(SUBJECT.read(case, "response.json"), ORIGIN)
    assert fold(SUBJECT.events(SUBJECT.written(list(unfold(answer)))), NAME) == fold(events, NAME)


# botocore reads what we write: its parsers, made from the service's own model, leave out what they do not know.

_MODEL: Any = botocore.session.get_session().get_service_model("bedrock-runtime")
_ANSWER = _MODEL.operation_model("Converse").output_shape
_EVENTS = _MODEL.operation_model("ConverseStream").output_shape.members["stream"]


def _boto_whole(body: bytes) -> dict[str, Any]:
    return RestJSONParser().parse({"status_code": 200, "headers": {}, "body": body}, _ANSWER)


def _boto_stream(body: bytes) -> list[dict[str, Any]]:
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    return [EventStreamJSONParser().parse(message.to_response_dict(), _EVENTS) for message in buffer]


@pytest.mark.parametrize("case", BOTH)
def test_the_official_client_reads_what_we_write(case: str) -> None:
    answer = DIALECT.decode_response(SUBJECT.read(case, "response.json"), ORIGIN)
    whole = _boto_whole(DIALECT.encode_response(answer, STAMP, ASKED).body)
    assert whole["stopReason"] == answer.stop.raw
    assert len(whole["output"]["message"]["content"]) == len(answer.blocks)
    assert "SDK_UNKNOWN_MEMBER" not in str(whole)
    for events in (SUBJECT.events(_lines(case)), list(unfold(answer))):
        told = _boto_stream(SUBJECT.written(events))
        assert [next(iter(event)) for event in told[:1] + told[-2:]] == ["messageStart", "messageStop", "metadata"]
        assert told[-1]["metadata"]["usage"] == whole["usage"]
        text = "".join(event["contentBlockDelta"]["delta"].get("text", "") for event in told if "contentBlockDelta" in event)
        assert text == text_of(answer)
        assert "SDK_UNKNOWN_MEMBER" not in str(told)


def test_an_error_inside_a_stream_fails_it() -> None:
    body = _lines("throttled")
    events = SUBJECT.events(body)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert (failed.error.kind, failed.error.type) == (ErrorKind.RATE_LIMIT, "throttlingException")
    written = _frames([SUBJECT.written(events)])
    assert [found.event for found in written] == ["messageStart", "contentBlockDelta", "exception:throttlingException"]
    tap = DIALECT.tap()
    for found in _frames([body]):
        tap.feed(found.event, found.data or b"")
    assert (tap.error, tap.finished) == (failed.error, False)


def test_a_stream_cut_inside_an_event_has_not_finished() -> None:
    body = _lines("text")
    parser = EventStreamParser()
    events = decoded(DIALECT, parser.feed(body[: len(body) // 2]), ORIGIN)
    assert isinstance(events[-1], Failed)
    assert events[-1].error.code == "upstream_stream_interrupted"


# Recorded traffic


def test_recorded_answers_read_as_expected(exchanges: list[dict[str, Any]]) -> None:
    broken: set[str] = set()
    for exchange in exchanges:
        if exchange["status"] != 200:
            error = DIALECT.decode_error(exchange["status"], answer_bytes(exchange))
            if (error.status, error.message) != (exchange["status"], exchange["expect"]["error"]["message"]):
                broken.add(exchange["id"])
            continue
        if exchange.get("response_body_b64"):
            body = base64.b64decode(exchange["response_body_b64"])
            events = SUBJECT.events(body)
            answer = fold(events, NAME)
            good = well_formed(events) and SUBJECT.tap_agrees(body, answer)
            good = good and [found.event for found in _frames([body])] == [event["event"] for event in exchange["aws_events"]]
        else:
            answer = DIALECT.decode_response(answer_bytes(exchange), ORIGIN)
            tapped = DIALECT.tap_whole(answer_bytes(exchange))
            good = (tapped.model, tapped.usage) == ("", answer.usage)
        if not (good and _as_expected(answer, exchange["expect"])):
            broken.add(exchange["id"])
    assert broken == SERVER_TOOLS


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
    foreign = msgspec.structs.replace(request, dialect="anthropic", output=None)
    try:
        encoded = DIALECT.encode_request(foreign, profile(audio=True))
    except GatewayError as refused:
        assert refused.error.kind is ErrorKind.UNSUPPORTED  # a file of S3 is Bedrock's own
        return
    # The labels have another name in the terms of that client.
    named = "".join(loss.field for loss in encoded.losses).replace("metadata", "requestMetadata")
    assert b"x_invented" in encoded.body or "x_invented" in named or any(isinstance(step, str) and step in named for step in place)
