"""The laws of the openai_chat dialect, on recorded bytes: the project's own recordings always, recorded traffic where its folder is named.

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
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.laws.mutation import SLOW, get, places
from tests.laws.openai_schema import Schema, openai_schema
from tests.laws.recorded import answer_bytes, core, own_cases, own_file, profile, reasoning_of, sse_events
from tests.laws.subject import STAMP, well_formed
from tests.laws.subjects.openai_chat import SUBJECT, bare

from tidegate.dialects.openai_chat import DIALECT
from tidegate.ir.content import Native, Text, ToolUse
from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.ir.events import Failed, Finished
from tidegate.ir.fold import fold, unfold
from tidegate.ir.response import Response

ORIGIN = SUBJECT.origin
CASES = own_cases("openai_chat")
ANSWERED = [case for case in CASES if own_file("openai_chat", case, "response.json") and own_file("openai_chat", case, "stream.sse")]

OBJECT_CONTENT = {
    # Cloudflare's JSON mode answers with the object itself as `content`: it is given as its text, and the reader expects none.
    "chatlas-a53b8a168797",
    "chatlas-3eeb24b17919",
    "chatlas-fb4a285c98d8",
}
UNCOUNTED_REASONING = {
    # Gemini's compatible endpoint counts reasoning in the total only, under no name: what it says of the completion is kept.
    "pydantic-ai-d540d5b79056",
    "pydantic-ai-8b673737d7ea",
}
EMPTY_LEGACY_CALL = {
    # Snowflake puts an empty `function_call` beside a text: it is none, though the reader flags it.
    "pydantic-ai-8c18871d70d9",
}
BARE_ERRORS = {
    # The recording has no body.
    "dd-trace-py-4f52ec24ab74",
}


@pytest.fixture(scope="module")
def exchanges(recordings_dir: Path) -> list[dict[str, Any]]:
    found = list(core(recordings_dir, "openai.chat"))
    assert len(found) > 1500
    return found


@pytest.fixture(scope="module")
def schema(specs_dir: Path) -> Schema:
    return openai_schema(specs_dir)


ASKED = SUBJECT.asked


def _answer(exchange: dict[str, Any]) -> Response:
    if exchange.get("sse"):
        return fold(SUBJECT.events(exchange["sse"].encode()), "openai_chat")
    return DIALECT.decode_response(answer_bytes(exchange), ORIGIN)


def _arguments(text: str) -> Any:
    """Some recorded arguments are cut short."""
    try:
        return json.loads(text or "{}")
    except json.JSONDecodeError:
        return text


def _calls(answer: Response) -> list[tuple[str, str, Any]]:
    return [(block.id, block.name, _arguments(block.arguments)) for block in answer.blocks if isinstance(block, ToolUse)]


_REASONS = {"stop": "end", "eos": "end", "length": "length", "content_filter": "content_filter", None: "unknown"}


def _as_expected(answer: Response, expect: dict[str, Any]) -> bool:
    """The reader that wrote `expect` does not list the legacy `function_call` among the calls, so only those answers may have more."""
    calls = [(call["id"] or "", call["name"], call["args"] if call["args"] is not None else {}) for call in expect["tool_calls"]]
    legacy = "legacy_function_call" in expect["flags"] and not expect["tool_calls"]
    found = _calls(answer)
    text = "".join(block.text for block in answer.blocks if isinstance(block, Text))
    reason = "tool_calls" if found and expect["stop"] in ("stop", "eos", None) else _REASONS.get(expect["stop"], "tool_calls")
    usage, counts = expect["usage"], answer.usage
    same_usage = (counts is not None or not usage) and all(
        {
            "prompt_tokens": counts and counts.prompt,
            "completion_tokens": counts and counts.output,
            "cached_tokens": counts and counts.cache_read,
            "reasoning_tokens": counts and counts.reasoning,
            "total_tokens": counts and counts.prompt + (counts.output or 0),
        }[name]
        == value
        for name, value in usage.items()
    )
    return (
        text == expect.get("text", "")
        and reasoning_of(answer) == expect.get("reasoning", "")
        and (len(found) == 1 and not found[0][0] if legacy else found == calls)
        and (answer.stop.reason, answer.stop.raw) == (reason, expect["stop"])
        and same_usage
    )


# The project's own recordings


@pytest.mark.parametrize("case", ANSWERED)
def test_own_answer_comes_back_as_it_was(case: str) -> None:
    whole = DIALECT.decode_response(SUBJECT.read(case, "response.json"), ORIGIN)
    encoded = DIALECT.encode_response(whole, STAMP, ASKED)
    assert encoded.losses == []
    again = DIALECT.decode_response(encoded.body, ORIGIN)
    assert bare(again) == bare(whole)
    assert (again.extras, again.created, again.usage) == (whole.extras, whole.created, whole.usage)
    written = fold(SUBJECT.events(SUBJECT.written(SUBJECT.events(SUBJECT.read(case, "stream.sse")))), "openai_chat")
    assert bare(written) == bare(whole)


@pytest.mark.parametrize("case", ANSWERED)
def test_the_official_client_reads_our_answers(case: str) -> None:
    whole = DIALECT.decode_response(SUBJECT.read(case, "response.json"), ORIGIN)
    answer = ChatCompletion.model_validate_json(DIALECT.encode_response(whole, STAMP, ASKED).body, strict=True)
    assert (answer.choices[0].message.content or "") == "".join(block.text for block in whole.blocks if isinstance(block, Text))


# The official client's types know no custom call in a stream, and its accumulator raises for an answer that was cut short.
@pytest.mark.parametrize("case", [case for case in ANSWERED if case not in ("custom_tool", "usage_details")])
def test_the_official_client_reads_our_streams(case: str) -> None:
    whole = DIALECT.decode_response(SUBJECT.read(case, "response.json"), ORIGIN)
    answer = ChatCompletion.model_validate_json(DIALECT.encode_response(whole, STAMP, ASKED).body)
    state = ChatCompletionStreamState()
    for event in sse_events([SUBJECT.written(list(unfold(whole)))]):
        if event.data and event.data != b"[DONE]":
            state.handle_chunk(ChatCompletionChunk.model_validate_json(event.data))
    told = state.get_final_completion()
    message, streamed = answer.choices[0].message, told.choices[0].message
    assert (streamed.content or None, streamed.refusal) == (message.content, message.refusal)
    assert told.choices[0].finish_reason == answer.choices[0].finish_reason
    assert told.usage
    assert answer.usage
    assert told.usage.total_tokens == answer.usage.total_tokens
    called = [call.model_dump(include={"id", "function"}) for call in message.tool_calls or []]
    assert [call.model_dump(include={"id", "function"}) for call in streamed.tool_calls or []] == _unparsed(called)


def _unparsed(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The accumulator adds a place for parsed arguments."""
    for call in calls:
        call["function"]["parsed_arguments"] = None
    return calls


def test_an_error_inside_a_stream_fails_it() -> None:
    body = SUBJECT.read("error_in_stream", "stream.sse")
    events = SUBJECT.events(body)
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert failed.error.kind is ErrorKind.UPSTREAM
    assert failed.error.message.startswith("The server had an error")
    assert not any(isinstance(event, Finished) for event in events)
    written = SUBJECT.written(events)
    assert b"[DONE]" not in written
    assert json.loads(sse_events([written])[-1].data or b"")["error"]["type"] == "server_error"
    tap = DIALECT.tap()
    for event in sse_events([body]):
        tap.feed(event.event, event.data or b"")
    assert (tap.error, tap.finished) == (failed.error, False)


def test_an_error_body_says_what_is_wrong() -> None:
    with pytest.raises(GatewayError) as raised:
        DIALECT.decode_response(SUBJECT.read("error_body", "response.json"), ORIGIN)
    error = DIALECT.decode_error(400, SUBJECT.read("error_body", "response.json"))
    assert raised.value.error == error
    assert (error.kind, error.param, error.code) == (ErrorKind.BAD_REQUEST, "max_completion_tokens", "integer_below_min_value")


@pytest.mark.parametrize("case", ANSWERED)
def test_what_we_write_fits_the_published_schema(case: str, schema: Schema) -> None:
    whole = DIALECT.decode_response(SUBJECT.read(case, "response.json"), ORIGIN)
    _check_written(whole, schema)


def _check_written(whole: Response, schema: Schema) -> None:
    """Whole and streamed, as an answer of another dialect's provider."""
    foreign = msgspec.structs.replace(whole, dialect="anthropic", usage=whole.usage and msgspec.structs.replace(whole.usage, extras={}))
    body = json.loads(DIALECT.encode_response(foreign, STAMP, ASKED).body)
    assert schema.faults("CreateChatCompletionResponse", body) == []
    for include_usage in (True, False):
        written = SUBJECT.written(unfold(foreign), msgspec.structs.replace(ASKED, include_usage=include_usage))
        chunks = _check_stream(written, include_usage=include_usage, usage=whole.usage is not None)
        custom = any(isinstance(block, ToolUse) and block.kind == "custom" for block in whole.blocks)
        for chunk in chunks:
            # The schema of a chunk has no custom calls, which OpenAI streams all the same; `usage` is documented as null until the last.
            plain = {name: value for name, value in chunk.items() if name != "usage" or value is not None}
            assert custom or schema.faults("CreateChatCompletionStreamResponse", plain) == []
    again = fold(SUBJECT.events(SUBJECT.written(list(unfold(foreign)))), "openai_chat")
    assert bare(again) == bare(DIALECT.decode_response(json.dumps(body).encode(), ORIGIN))


def _check_stream(written: bytes, *, include_usage: bool, usage: bool) -> list[dict[str, Any]]:
    """Role once and first, one finish, dense indexes, usage only when asked, one terminator."""
    frames = [event.data or b"" for event in sse_events([written])]
    assert frames[-1] == b"[DONE]"
    assert frames.count(b"[DONE]") == 1
    chunks: list[dict[str, Any]] = [json.loads(frame) for frame in frames[:-1]]
    assert [index for index, chunk in enumerate(chunks) if chunk["choices"] and "role" in chunk["choices"][0]["delta"]] == [0]
    told = chunks[:-1] if include_usage and usage else chunks
    finishes = [chunk["choices"][0]["finish_reason"] for chunk in told]
    assert sum(finish is not None for finish in finishes) == 1
    assert finishes[-1] is not None
    if include_usage and usage:
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"]["total_tokens"] >= 0
    assert all(("usage" in chunk) == include_usage and not chunk.get("usage") for chunk in told)
    heads = [call["index"] for chunk in told for call in chunk["choices"][0]["delta"].get("tool_calls", []) if "id" in call]
    assert heads == list(range(len(heads)))
    assert len({chunk["id"] for chunk in chunks}) == 1
    return chunks


# Recorded traffic


def test_recorded_answers_read_as_expected(exchanges: list[dict[str, Any]]) -> None:
    broken: set[str] = set()
    for exchange in exchanges:
        if exchange["status"] != 200 or "stream_error" in exchange["expect"]["flags"]:
            continue
        good = True
        if exchange.get("sse"):
            events = SUBJECT.events(exchange["sse"].encode())
            good = well_formed(events) and SUBJECT.tap_agrees(exchange["sse"].encode(), fold(events, "openai_chat"))
        else:
            answer = DIALECT.decode_response(answer_bytes(exchange), ORIGIN)
            tapped = DIALECT.tap_whole(answer_bytes(exchange))
            good = (tapped.model, tapped.usage) == (answer.model, answer.usage)
        if not (good and _as_expected(_answer(exchange), exchange["expect"])):
            broken.add(exchange["id"])
    assert broken == OBJECT_CONTENT | UNCOUNTED_REASONING | EMPTY_LEGACY_CALL


def test_recorded_errors_keep_their_status_and_message(exchanges: list[dict[str, Any]]) -> None:
    broken: set[str] = set()
    for exchange in exchanges:
        if exchange["status"] == 200:
            continue
        error = DIALECT.decode_error(exchange["status"], answer_bytes(exchange))
        said = exchange["expect"]["error"]
        if error.status != exchange["status"] or not said or not error.message.startswith(said["error"]["message"]):
            broken.add(exchange["id"])
    assert broken == BARE_ERRORS


def test_recorded_errors_inside_streams_fail_them(exchanges: list[dict[str, Any]]) -> None:
    failed = [exchange for exchange in exchanges if "stream_error" in exchange["expect"]["flags"]]
    assert failed
    for exchange in failed:
        last = SUBJECT.events(exchange["sse"].encode())[-1]
        assert isinstance(last, Failed)
        assert last.error.message == exchange["expect"]["error"]["message"]


def test_recorded_answers_fit_the_published_schema(exchanges: list[dict[str, Any]], schema: Schema) -> None:
    checked = 0
    for exchange in exchanges:
        if exchange["status"] != 200 or "stream_error" in exchange["expect"]["flags"]:
            continue
        answer = _answer(exchange)
        # Annotations of other kinds than addresses (OpenRouter's of files) are OpenRouter's own.
        cited = any(citation.url is None for block in answer.blocks if isinstance(block, Text) for citation in block.citations)
        if not cited and not any(isinstance(block, Native) for block in answer.blocks):
            _check_written(answer, schema)
            checked += 1
    assert checked > 1490


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
    # Of reasoning that was signed elsewhere, the whole piece is on the receipt.
    foreign_thought = any(loss.field.startswith("messages[2].reasoning_details") for loss in own.losses)
    assert own.body.count(b"x_invented") == 1 or (foreign_thought and "reasoning_details" in place)


@SLOW
@given(st.data())
def test_every_invented_field_of_another_dialect_is_on_the_receipt(data: st.DataObject) -> None:
    request = DIALECT.decode_request(SUBJECT.read("usage_details", "request.json"))
    request.messages[0].blocks = request.messages[0].blocks[:3]
    request.metadata = None
    holders = [request, request.messages[0], *request.messages[0].blocks]
    holder: Any = data.draw(st.sampled_from(holders))
    holder.extras = {**holder.extras, "x_invented": 1}
    encoded = DIALECT.encode_request(msgspec.structs.replace(request, dialect="anthropic"), profile())
    assert b"x_invented" not in encoded.body
    assert [loss.kind for loss in encoded.losses if loss.field.rpartition(".")[2] == "x_invented"] == ["dropped"]
