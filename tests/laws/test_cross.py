"""Every recorded exchange of one dialect, told to a client of the other: whole, streamed, and the request on its way in.

What must hold is written in the recordings' README; each exception stands here with its reason.
"""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.laws.readers import Said, anthropic_stream, anthropic_whole, openai_stream, openai_whole
from tests.laws.recorded import answer_bytes, core, decoded, own_cases, own_file, profile, sse_events

from tidegate.dialects.base import Dialect, Stamp
from tidegate.dialects.table import DIALECTS
from tidegate.ir.content import Origin, Refusal, ToolUse
from tidegate.ir.errors import ErrorKind, GatewayError
from tidegate.ir.events import Failed
from tidegate.ir.fold import fold, unfold
from tidegate.ir.request import Request
from tidegate.ir.response import Response

STAMP = Stamp("0stem0", 1_700_000_000)
ANTHROPIC, OPENAI = DIALECTS["anthropic"], DIALECTS["openai_chat"]
FINISH = {
    "end": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "refusal": "content_filter",
    "pause": "stop",
}
STOP = {"end": "end_turn", "stop_sequence": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}

UNREADABLE_REQUESTS = {
    "dd-trace-py-3a25a3f1ecfc": "the only message is a string; the provider answered 400",
    "dd-trace-py-e6ad8f28ef4d": "no model: the recorded call names it in the URL",
    "ai-gateway-bede587ad1e8": "no messages; the provider answered 400",
}
UNEXPECTED_ANSWERS = {
    # Cloudflare puts a decoded JSON object into `content`, in which the recordings' reader sees no text and the gateway writes it as JSON.
    "chatlas-a53b8a168797",
    "chatlas-3eeb24b17919",
    "chatlas-fb4a285c98d8",
}


@pytest.fixture(scope="module")
def anthropic_exchanges(recordings_dir: Path) -> list[dict[str, Any]]:
    return list(core(recordings_dir, "anthropic.messages"))


@pytest.fixture(scope="module")
def openai_exchanges(recordings_dir: Path) -> list[dict[str, Any]]:
    return list(core(recordings_dir, "openai.chat"))


def _asked(dialect: Dialect) -> Request:
    """A client's request that asks for a stream with usage."""
    body: dict[str, Any] = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "x"}]}
    if dialect is OPENAI:
        body["stream_options"] = {"include_usage": True}
    return dialect.decode_request(json.dumps(body).encode())


def _answers(exchange: dict[str, Any], source: Dialect) -> Response | None:
    """None where the recorded stream ended in an error."""
    origin = Origin(source.name, "p", "target-model")
    if not exchange.get("sse"):
        return source.decode_response(answer_bytes(exchange), origin)
    events = decoded(source, sse_events([exchange["sse"].encode()]), origin)
    return None if isinstance(events[-1], Failed) else fold(events, source.name)


def _told(exchange: dict[str, Any], source: Dialect, client: Dialect) -> Iterator[tuple[str, bytes]]:
    """The ways in which the client gets the answer: (`whole` or `stream`, bytes)."""
    answer = _answers(exchange, source)
    if answer is None:
        return
    yield "whole", client.encode_response(answer, STAMP, _asked(client)).body
    origin = Origin(source.name, "p", "target-model")
    events = decoded(source, sse_events([exchange["sse"].encode()]), origin) if exchange.get("sse") else list(unfold(answer))
    encoder = client.stream_encoder(STAMP, _asked(client))
    yield "stream", b"".join(encoder.feed(event) for event in events)


def _as_expected(said: Said, exchange: dict[str, Any], answer: Response, stops: dict[str, str]) -> list[str]:
    """What differs from the expectation."""
    expect = exchange["expect"]
    refusal = "".join(block.text for block in answer.blocks if isinstance(block, Refusal))
    wrong: list[str] = []
    if said.text != (expect.get("text") or "") + refusal and said.text != (expect.get("text") or ""):
        wrong.append(f"text {said.text[:60]!r}")
    # Anthropic's clients get a free-text call as a call with one field `input`.
    custom = {block.id for block in answer.blocks if isinstance(block, ToolUse) and block.kind == "custom"}
    calls = [
        (name, arguments["input"] if identity in custom and isinstance(arguments, dict) else arguments)
        for identity, name, arguments in said.calls
    ]
    if "legacy_function_call" in expect["flags"]:
        # The recordings list no calls for the one legacy `function_call`.
        if len(calls) != expect["stop"].count("function_call"):
            wrong.append(f"legacy call {calls}")
    elif calls != [(call["name"], call["args"]) for call in expect["tool_calls"]]:
        wrong.append(f"calls {said.calls}")
    ids = [identity for identity, _, _ in said.calls]
    if len(set(ids)) != len(ids) or not all(ids):
        wrong.append(f"ids {ids}")
    wanted = stops.get(answer.stop.reason)
    if wanted is not None and said.stop != wanted and not (said.calls and wanted in ("stop", "end_turn")) and not refusal:
        wrong.append(f"stop {said.stop} for {answer.stop}")
    if said.calls and said.stop in ("stop", "end_turn") and expect["stop"] != "end_turn":
        wrong.append("an end with calls")
    return wrong


def _usage(said: Said, usage: dict[str, Any], prompt: Callable[[dict[str, Any]], int | None], output: str) -> list[str]:
    """What differs from the usage that the provider told."""
    if not usage:
        return []
    if (said.prompt, said.output) != (prompt(usage), usage.get(output)):
        return [f"usage {said.prompt} {said.output} for {usage}"]
    return []


def _anthropic_prompt(usage: dict[str, Any]) -> int:
    return usage["input_tokens"] + (usage.get("cache_read_input_tokens") or 0) + (usage.get("cache_creation_input_tokens") or 0)


def _openai_prompt(usage: dict[str, Any]) -> int | None:
    return usage.get("prompt_tokens")


def test_anthropic_answers_for_openai_clients(anthropic_exchanges: list[dict[str, Any]]) -> None:
    readers = {"whole": openai_whole, "stream": openai_stream}
    broken: dict[str, list[str]] = {}
    for exchange in anthropic_exchanges:
        if exchange["status"] != 200:
            continue
        answer = _answers(exchange, ANTHROPIC)
        assert answer is not None
        said = {way: readers[way](body) for way, body in _told(exchange, ANTHROPIC, OPENAI)}
        wrong = _as_expected(said["whole"], exchange, answer, FINISH)
        wrong += _usage(said["whole"], exchange["expect"]["usage"], _anthropic_prompt, "output_tokens")
        if said["whole"].reasoning != exchange["expect"].get("reasoning", ""):
            wrong.append("reasoning")
        if said["stream"] != said["whole"]:
            wrong.append(f"stream {said['stream']} whole {said['whole']}"[:400])
        if wrong:
            broken[exchange["id"]] = wrong
    assert broken == {}


def test_openai_answers_for_anthropic_clients(openai_exchanges: list[dict[str, Any]]) -> None:
    readers = {"whole": anthropic_whole, "stream": anthropic_stream}
    broken: dict[str, list[str]] = {}
    for exchange in openai_exchanges:
        if exchange["status"] != 200:
            continue
        answer = _answers(exchange, OPENAI)
        if answer is None:
            assert "stream_error" in exchange["expect"]["flags"]
            continue
        said = {way: readers[way](body) for way, body in _told(exchange, OPENAI, ANTHROPIC)}
        wrong = _as_expected(said["whole"], exchange, answer, STOP)
        wrong += _usage(said["whole"], exchange["expect"]["usage"], _openai_prompt, "completion_tokens")
        if said["stream"] != said["whole"]:
            wrong.append(f"stream {said['stream']} whole {said['whole']}"[:400])
        if wrong:
            broken[exchange["id"]] = wrong
    assert broken.keys() == UNEXPECTED_ANSWERS, broken


def test_recorded_errors_keep_status_and_message(anthropic_exchanges: list[dict[str, Any]], openai_exchanges: list[dict[str, Any]]) -> None:
    seen = 0
    for source, client, exchanges in ((ANTHROPIC, OPENAI, anthropic_exchanges), (OPENAI, ANTHROPIC, openai_exchanges)):
        for exchange in exchanges:
            if exchange["status"] == 200:
                continue
            seen += 1
            error = source.decode_error(exchange["status"], answer_bytes(exchange))
            told = json.loads(client.encode_error(error, "req_1"))["error"]
            assert error.http_status == exchange["status"]
            assert told["message"] == error.message
            assert told["type"]
    assert seen > 30


def _top_level_carried(body: dict[str, Any], encoded: dict[str, Any], losses: list[str]) -> set[str]:
    """Top-level fields that are neither in the output (under their own or their known other name) nor on the receipt."""
    other = {
        "max_completion_tokens": "max_tokens",
        "max_tokens": "max_completion_tokens",
        "stop": "stop_sequences",
        "stop_sequences": "stop",
        "user": "metadata",
        "metadata": "user",
        "system": "messages",
        "response_format": "output_config",
        "output_format": "response_format",
        "output_config": "response_format",
        "reasoning_effort": "thinking",
        "reasoning": "thinking",
        "safety_identifier": "metadata",
        "thinking": "reasoning_effort",
        "parallel_tool_calls": "tool_choice",
        "functions": "tools",
        "function_call": "tool_choice",
        "web_search_options": "tools",
        "tools": "web_search_options",
    }
    defaults: dict[str, Any] = {
        "n": 1,
        "top_p": 1,
        "stream_options": {"include_usage": body.get("stream_options", {}).get("include_usage")},
        "response_format": {"type": "text"},
        "service_tier": "auto",
    }
    if "effort" in body.get("output_config", {}):
        encoded = {**encoded, "output_config": encoded.get("reasoning_effort")}
    named = {loss.partition(".")[0].partition("[")[0] for loss in losses}
    return {
        name
        for name, value in body.items()
        if value not in (None, [], {}, False)
        and not {name, other.get(name, name)} & (encoded.keys() | named)
        and value != defaults.get(name)
    }


def test_recorded_requests_reach_the_other_dialect(
    anthropic_exchanges: list[dict[str, Any]], openai_exchanges: list[dict[str, Any]]
) -> None:
    broken: dict[str, Any] = {}
    refused = 0
    for source, target, exchanges in ((ANTHROPIC, OPENAI, anthropic_exchanges), (OPENAI, ANTHROPIC, openai_exchanges)):
        for exchange in exchanges:
            body = exchange["request_body"]
            if source is ANTHROPIC:
                body = {"model": "in-the-url", **body}
            try:
                request = source.decode_request(json.dumps(body).encode())
            except GatewayError as error:
                assert error.error.kind is ErrorKind.BAD_REQUEST
                broken[exchange["id"]] = error.error.message
                continue
            before = copy.deepcopy(request)
            try:
                encoded = target.encode_request(request, profile(thinking="adaptive" if target is ANTHROPIC else "effort", web_search=True))
            except GatewayError as error:
                assert error.error.kind is ErrorKind.UNSUPPORTED
                assert error.error.param
                refused += 1
                continue
            assert request == before
            out = json.loads(encoded.body)
            lost = _top_level_carried(body, out, [loss.field for loss in encoded.losses])
            if lost - {"anthropic_version"}:
                broken[exchange["id"]] = lost
            if target is ANTHROPIC and exchange["status"] == 200:
                _takes_anthropic(out)
    assert broken.keys() - UNREADABLE_REQUESTS.keys() == set(), {key: broken[key] for key in broken if key not in UNREADABLE_REQUESTS}
    assert refused < 60


def _takes_anthropic(body: dict[str, Any]) -> None:
    """The rules of the Messages API that a translated request could break."""
    messages = body["messages"]
    assert body["max_tokens"] >= 1
    assert [message["role"] for message in messages] == [("user", "assistant")[at % 2] for at in range(len(messages))]
    for message in messages:
        content = message["content"]
        assert content
        for block in content if isinstance(content, list) else [{"type": "text", "text": content}]:
            if block["type"] == "text":
                assert block["text"].strip()
        kinds = [block["type"] for block in content] if isinstance(content, list) else []
        assert kinds == sorted(kinds, key=lambda kind: kind != "tool_result") or message["role"] == "assistant"
    assert body.get("temperature", 0) <= 1
    assert not {"temperature", "top_p"} <= body.keys()


@pytest.mark.parametrize("case", [case for case in own_cases("anthropic") if own_file("anthropic", case, "response.json")])
def test_own_recordings_for_openai_clients(case: str) -> None:
    whole = own_file("anthropic", case, "response.json") or b""
    stream = own_file("anthropic", case, "stream.sse") or b""
    exchange = {"response_body": whole.decode(), "status": 200}
    told = dict(_told(exchange, ANTHROPIC, OPENAI))
    expected = anthropic_whole(whole)
    streamed = dict(_told({**exchange, "sse": stream.decode()}, ANTHROPIC, OPENAI))
    for said in (
        openai_whole(told["whole"]),
        openai_stream(told["stream"]),
        openai_whole(streamed["whole"]),
        openai_stream(streamed["stream"]),
    ):
        assert (said.text, said.calls, said.prompt, said.output) == (expected.text, expected.calls, expected.prompt, expected.output)
        assert said.reasoning == expected.reasoning


def test_a_thinking_tool_loop_survives_an_openai_client() -> None:
    """Claude's signed reasoning goes to an OpenAI client and comes back, and only to where it was made."""
    whole = json.loads(own_file("anthropic", "thinking", "response.json") or b"")
    whole["content"][1] = {"type": "tool_use", "id": "toolu_9", "name": "get_weather", "input": {"city": "Bergen"}}
    answer = ANTHROPIC.decode_response(json.dumps(whole).encode(), Origin("anthropic", "p", "target-model"))
    message = json.loads(OPENAI.encode_response(answer, STAMP, _asked(OPENAI)).body)["choices"][0]["message"]
    body = {
        "model": "m",
        "reasoning_effort": "medium",
        "max_completion_tokens": 20000,
        "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}],
        "messages": [
            {"role": "user", "content": "Coat?"},
            message,
            {"role": "tool", "tool_call_id": "toolu_9", "content": "9 degrees"},
        ],
    }
    request = OPENAI.decode_request(json.dumps(body).encode())
    sent = json.loads(ANTHROPIC.encode_request(request, profile(thinking="budget")).body)
    assert sent["messages"][1]["content"] == whole["content"]
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 8192}
    elsewhere = msgspec.structs.replace(profile(thinking="budget"), provider="other")
    encoded = ANTHROPIC.encode_request(request, elsewhere)
    sent = json.loads(encoded.body)
    assert [block["type"] for block in sent["messages"][1]["content"]] == ["tool_use"]
    assert "thinking" not in sent
    assert {"reasoning_effort"} <= {loss.field for loss in encoded.losses}


_ASKED: dict[str, Any] = {
    "model": "m",
    "max_completion_tokens": 64,
    "stream_options": {"include_usage": True},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "strict": True, "schema": {"type": "object", "properties": {}}},
    },
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Kiel"}}},
    "messages": [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
            ],
        },
        {"role": "assistant", "tool_calls": [{"id": "i", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "i", "content": "r"},
    ],
}


def _objects(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        yield at
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _objects(inner, (*at, key))


@pytest.mark.parametrize("place", list(_objects(_ASKED)), ids=lambda place: ".".join(map(str, place)) or "body")
def test_every_invented_field_of_an_openai_request_is_sent_or_on_the_receipt(place: tuple[Any, ...]) -> None:
    body = copy.deepcopy(_ASKED)
    at: Any = body
    for key in place:
        at = at[key]
    at["x_invented"] = "x_value"
    encoded = ANTHROPIC.encode_request(OPENAI.decode_request(json.dumps(body).encode()), profile(web_search=True))
    assert b"x_value" in encoded.body or any("x_invented" in loss.field for loss in encoded.losses), encoded.losses
