"""Answers of other dialects for a client of Converse, and Converse's for others."""

import json
from typing import Any

import pytest

from tidegate.dialects.base import Stamp
from tidegate.dialects.bedrock_converse import DIALECT
from tidegate.ir import events as ev
from tidegate.ir.content import Origin, Text, Thinking, ToolUse
from tidegate.ir.errors import Error, ErrorKind
from tidegate.ir.fold import unfold
from tidegate.ir.response import Response, Stop, StopReason
from tidegate.ir.usage import Usage
from tidegate.wire.eventstream import EventStreamParser

STAMP = Stamp("0stem0", 1)
ASKED = DIALECT.decode_request(b'{"messages":[{"role":"user","content":[{"text":"x"}]}]}')
FOREIGN = Origin("anthropic", "anthropic", "claude")


def response(*blocks: Any, stop: StopReason = "end", **fields: Any) -> Response:
    return Response(dialect="anthropic", id="msg_1", model="m", blocks=list(blocks), stop=Stop(stop), **fields)


def whole(found: Response) -> dict[str, Any]:
    return json.loads(DIALECT.encode_response(found, STAMP, ASKED).body)


def streamed(events: list[ev.Event]) -> list[tuple[str, Any]]:
    encoder = DIALECT.stream_encoder(STAMP, ASKED)
    frames = EventStreamParser().feed(b"".join(encoder.feed(event) for event in events))
    return [(found.event, json.loads(found.data or b"{}")) for found in frames]


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        ("end", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "content_filtered"),
        ("refusal", "content_filtered"),
        ("pause", "end_turn"),
        ("unknown", "end_turn"),
    ],
)
def test_stop_reasons_of_others(stop: StopReason, word: str) -> None:
    assert whole(response(Text("x"), stop=stop))["stopReason"] == word


def test_an_end_with_calls_says_so() -> None:
    found = whole(response(ToolUse("", "f", ""), ToolUse("a", "f", "[1]")))
    assert found["stopReason"] == "tool_use"
    uses = [block["toolUse"] for block in found["output"]["message"]["content"]]
    assert uses == [
        {"toolUseId": "tooluse_0stem00", "name": "f", "input": {}},
        {"toolUseId": "a", "name": "f", "input": {"arguments": "[1]"}},
    ]


def test_usage_is_the_sum() -> None:
    usage = Usage(input=10, cache_read=5, cache_write=7, cache_write_1h=3, output=2)
    assert whole(response(Text("x"), usage=usage))["usage"] == {
        "inputTokens": 10, "outputTokens": 2, "totalTokens": 24, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 7,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 3}, {"ttl": "5m", "inputTokens": 4}],
    }  # fmt: skip


@pytest.mark.parametrize("block", [Thinking("hm", "sig", None, FOREIGN), Thinking("", None, "secret", FOREIGN)], ids=["signed", "redacted"])
def test_foreign_reasoning_comes_back_whole_and_streamed(block: Thinking) -> None:
    """A client sends back what it got, and the gateway knows where it was made."""
    body = whole(response(block, Text("x")))
    told = [
        payload["delta"]["reasoningContent"] for name, payload in streamed(list(unfold(response(block)))) if name == "contentBlockDelta"
    ]
    signatures = {next(piece["signature"] for piece in told if "signature" in piece)}
    sent = body["output"]["message"]["content"][0]
    signatures.add(sent["reasoningContent"]["reasoningText"]["signature"])
    assert len(signatures) == 1
    again = DIALECT.decode_request(json.dumps({"messages": [{"role": "assistant", "content": [sent]}]}).encode()).messages[0].blocks[0]
    assert again == block


def test_blocks_that_interleave_are_written_one_after_the_other() -> None:
    events: list[ev.Event] = [
        ev.Started("", "m"),
        ev.BlockStart(0, ToolUse("a", "f", "")),
        ev.BlockStart(1, ToolUse("b", "g", "")),
        ev.ArgsDelta(1, "{}"),
        ev.ArgsDelta(0, '{"x":1}'),
        ev.Finished(Stop("tool_calls")),
    ]
    indexes = [payload["contentBlockIndex"] for name, payload in streamed(events) if name.startswith("contentBlock")]
    assert indexes == sorted(indexes)
    assert [name for name, _ in streamed(events)][-2:] == ["messageStop", "metadata"]


def test_a_call_without_arguments_and_an_empty_text_have_a_delta() -> None:
    events: list[ev.Event] = [
        ev.BlockStart(0, ToolUse("a", "f", "")),
        ev.BlockStop(0),
        ev.BlockStart(1, Text("")),
        ev.BlockStop(1),
        ev.Finished(Stop("tool_calls")),
    ]
    deltas = [payload["delta"] for name, payload in streamed(events) if name == "contentBlockDelta"]
    assert deltas == [{"toolUse": {"input": "{}"}}, {"text": ""}]


def test_free_text_calls_and_broken_arguments_are_objects_at_their_end() -> None:
    events: list[ev.Event] = [
        ev.BlockStart(0, ToolUse("a", "f", "", "custom")),
        ev.ArgsDelta(0, "free "),
        ev.ArgsDelta(0, "text"),
        ev.BlockStop(0),
        ev.BlockStart(1, ToolUse("b", "g", "")),
        ev.ArgsDelta(1, "[1"),
        ev.BlockStop(1),
        ev.Finished(Stop("tool_calls")),
    ]
    deltas = [json.loads(payload["delta"]["toolUse"]["input"]) for name, payload in streamed(events) if name == "contentBlockDelta"]
    assert deltas == [{"input": "free text"}, {"arguments": "[1"}]


@pytest.mark.parametrize(
    ("kind", "name", "exception"),
    [
        (ErrorKind.BAD_REQUEST, "ValidationException", "validationException"),
        (ErrorKind.AUTHENTICATION, "UnrecognizedClientException", "internalServerException"),
        (ErrorKind.NOT_FOUND, "ResourceNotFoundException", "internalServerException"),
        (ErrorKind.RATE_LIMIT, "ThrottlingException", "throttlingException"),
        (ErrorKind.TIMEOUT, "ModelTimeoutException", "modelStreamErrorException"),
        (ErrorKind.OVERLOADED, "ServiceUnavailableException", "serviceUnavailableException"),
    ],
)
def test_errors_for_clients(kind: ErrorKind, name: str, exception: str) -> None:
    error = Error(kind=kind, message="no", param="x.y")
    assert json.loads(DIALECT.encode_error(error, "req_1")) == {"message": "x.y: no", "__type": name}
    (found,) = EventStreamParser().feed(DIALECT.encode_stream_error(error, "req_1"))
    assert found.event == f"exception:{exception}"


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (400, b'{"message":"bad"}', ErrorKind.BAD_REQUEST, "bad"),
        (400, b'{"message":"Input is too long for requested model."}', ErrorKind.CONTEXT_LENGTH, "Input is too long for requested model."),
        (400, b'{"message":"x","__type":"com.amazon#ThrottlingException:http://x/"}', ErrorKind.RATE_LIMIT, "x"),
        (403, b'{"message":"The security token is expired"}', ErrorKind.AUTHENTICATION, "The security token is expired"),
        (403, b'{"Message":"denied"}', ErrorKind.PERMISSION, "denied"),
        (424, b'{"message":"model failed"}', ErrorKind.UPSTREAM, "model failed"),
        (429, b'{"message":"slow"}', ErrorKind.RATE_LIMIT, "slow"),
        (503, b"<html>", ErrorKind.UNAVAILABLE, "<html>"),
        (500, b"", ErrorKind.UPSTREAM, "HTTP status 500"),
    ],
)  # fmt: skip
def test_errors_of_the_provider(status: int, body: bytes, kind: ErrorKind, message: str) -> None:
    error = DIALECT.decode_error(status, body)
    assert (error.kind, error.message, error.status) == (kind, message, status)


def test_counting_reads_the_converse_request_inside() -> None:
    read = DIALECT.read_count
    assert read is not None
    assert read({"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "x"}]}]}}}) == ASKED
