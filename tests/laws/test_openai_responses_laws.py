"""The laws of the openai_responses dialect, on recorded bytes: the project's own recordings always, others where they are named.

Each law over recorded traffic collects the ids that break it and compares them with the exceptions that are listed with their reason.
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response as OfficialResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from tests.laws.mutation import SLOW, get, places
from tests.laws.openai_schema import Schema, openai_schema
from tests.laws.recorded import answer_bytes, core, decoded, own_cases, own_file, profile, reasoning_of, sse_events, text_of
from tests.laws.subject import STAMP, well_formed
from tests.laws.subjects.openai_responses import SUBJECT, bare

from tidegate.dialects.base import Dialect
from tidegate.dialects.openai_responses import DIALECT
from tidegate.dialects.table import DIALECTS
from tidegate.ir.content import ToolUse
from tidegate.ir.errors import ErrorKind
from tidegate.ir.events import Failed, Finished
from tidegate.ir.fold import fold, unfold
from tidegate.ir.response import Response

ORIGIN = SUBJECT.origin
CASES = own_cases("openai_responses")
ANSWERED = [
    case for case in CASES if own_file("openai_responses", case, "response.json") and own_file("openai_responses", case, "stream.sse")
]


ASKED = SUBJECT.asked


@pytest.fixture(scope="module")
def exchanges(recordings_dir: Path) -> list[dict[str, Any]]:
    found = list(core(recordings_dir, "openai.responses"))
    assert len(found) > 900
    return found


@pytest.fixture(scope="module")
def schema(specs_dir: Path) -> Schema:
    return openai_schema(specs_dir)


# The project's own recordings


@pytest.mark.parametrize("case", ANSWERED)
def test_own_answer_comes_back_as_it_was(case: str) -> None:
    whole = DIALECT.decode_response(SUBJECT.read(case, "response.json"), ORIGIN)
    encoded = DIALECT.encode_response(whole, STAMP, ASKED)
    assert encoded.losses == []
    assert DIALECT.encode_response(whole, STAMP, ASKED) == encoded
    assert bare(DIALECT.decode_response(encoded.body, ORIGIN)) == bare(whole)
    assert bare(fold(SUBJECT.events(SUBJECT.written(SUBJECT.events(SUBJECT.read(case, "stream.sse")))), "openai_responses")) == bare(whole)


@pytest.mark.parametrize("case", ANSWERED)
def test_what_we_write_is_of_the_published_schema_and_the_official_client_reads_it(case: str, schema: Schema) -> None:
    whole = DIALECT.decode_response(SUBJECT.read(case, "response.json"), ORIGIN)
    assert _faults(whole, DIALECT, schema) == []


def _faults(answer: Response, source: Dialect, schema: Schema) -> list[str]:
    """What is wrong with an answer of `source` as we tell it, whole and streamed."""
    body = DIALECT.encode_response(answer, STAMP, ASKED).body
    OfficialResponse.model_validate_json(body, strict=True)
    found = schema.faults("Response", json.loads(body))
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for frame in sse_events([SUBJECT.written(list(unfold(answer)))]):
        event = json.loads(frame.data or b"")
        found += schema.faults(_NAMES.get(event["type"]) or _name(event["type"]), event)
        adapter.validate_json(frame.data or b"", strict=True)
    del source
    return found


_NAMES = {
    "response.output_text.delta": "ResponseTextDeltaEvent",
    "response.output_text.done": "ResponseTextDoneEvent",
    "error": "ResponseErrorEvent",
}


def _name(kind: str) -> str:
    return "".join(word.capitalize() for word in kind.replace("_", ".").split(".")) + "Event"


def test_an_error_inside_a_stream_fails_it(schema: Schema) -> None:
    body = SUBJECT.read("error_in_stream", "stream.sse")
    events = SUBJECT.events(body)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert failed.error.message.startswith("The server had an error")
    assert not any(isinstance(event, Finished) for event in events)
    written = [json.loads(frame.data or b"") for frame in sse_events([SUBJECT.written(events)])]
    assert [event["type"] for event in written[-2:]] == ["error", "response.failed"]
    assert [fault for event in written for fault in schema.faults(_NAMES.get(event["type"]) or _name(event["type"]), event)] == []
    tap = DIALECT.tap()
    for event in sse_events([body]):
        tap.feed(event.event, event.data or b"")
    assert (tap.error, tap.finished) == (failed.error, False)


def test_an_error_body_says_what_is_wrong() -> None:
    error = DIALECT.decode_error(400, SUBJECT.read("error_body", "response.json"))
    assert (error.kind, error.param, error.code) == (ErrorKind.BAD_REQUEST, "max_output_tokens", "integer_below_min_value")


# Recorded traffic


def _answer(exchange: dict[str, Any]) -> Response:
    if exchange.get("sse"):
        return fold(SUBJECT.events(exchange["sse"].encode()), "openai_responses")
    return DIALECT.decode_response(answer_bytes(exchange), ORIGIN)


def _raw_reasoning(exchange: dict[str, Any]) -> bool:
    """The reader of the recordings knows summaries only."""
    return "reasoning_text" in (exchange.get("sse") or answer_bytes(exchange).decode())


def _as_expected(answer: Response, exchange: dict[str, Any]) -> bool:
    expect = exchange["expect"]
    calls = [
        (block.id, block.name, block.arguments if block.kind == "custom" else json.loads(block.arguments or "{}"))
        for block in answer.blocks
        if isinstance(block, ToolUse) and block.builtin is None
    ]
    counts, usage = answer.usage, expect["usage"]
    told = counts and {
        "input_tokens": counts.prompt,
        "output_tokens": counts.output,
        "total_tokens": counts.prompt + (counts.output or 0),
        "cached_tokens": counts.cache_read,
        "reasoning_tokens": counts.reasoning,
    }
    return (
        text_of(answer) == expect.get("text", "")
        and (reasoning_of(answer) == expect.get("reasoning", "") or _raw_reasoning(exchange))
        and calls == [(call["id"], call["name"], call["args"]) for call in expect["tool_calls"]]
        and answer.stop.raw == expect["stop"]
        and (not usage or (told is not None and all(told[name] == value for name, value in usage.items())))
    )


def test_recorded_answers_read_as_expected(exchanges: list[dict[str, Any]]) -> None:
    broken: set[str] = set()
    for exchange in exchanges:
        if exchange["status"] != 200:
            assert DIALECT.decode_error(exchange["status"], answer_bytes(exchange)).status == exchange["status"]
            continue
        answer = _answer(exchange)
        if exchange.get("sse"):
            body = exchange["sse"].encode()
            size = 1 + len(body) % 97
            split = decoded(DIALECT, sse_events(body[at : at + size] for at in range(0, len(body), size)), ORIGIN)
            good = well_formed(split) and SUBJECT.tap_agrees(body, answer) and fold(split, "openai_responses") == answer
        else:
            tapped = DIALECT.tap_whole(answer_bytes(exchange))
            good = (tapped.model, tapped.usage) == (answer.model, answer.usage)
        if not (good and _as_expected(answer, exchange)):
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
    assert own.body.count(b"x_invented") == 1
    for target in ("openai_chat", "anthropic"):
        encoded = DIALECTS[target].encode_request(request, profile(web_search=True))
        # Of an item or tool that is dropped as a whole, the whole is on the receipt.
        assert b"x_value" in encoded.body or encoded.losses
