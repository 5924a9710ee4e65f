"""The tap: what it reads of bytes that pass, and when content has been seen."""

import json
from typing import Any

import pytest

from tidegate.dialects.anthropic import DIALECT
from tidegate.dialects.base import Tap, Whole
from tidegate.ir.errors import ErrorKind
from tidegate.ir.usage import Usage


def _fed(*raw: Any, named: bool = True) -> Tap:
    tap = DIALECT.tap()
    for event in raw:
        assert tap.feed(event["type"] if named else "", json.dumps(event).encode()) is False
    return tap


def _delta(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **fields}}


def _start(**block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": 0, "content_block": block}


START: dict[str, Any] = {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}}
END: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5, "input_tokens": None}}


@pytest.mark.parametrize("named", [True, False])
def test_a_whole_stream(named: bool) -> None:
    stream = [
        START,
        {"type": "ping"},
        _start(type="text", text=""),
        _delta("text_delta", text="a"),
        {"type": "content_block_stop", "index": 0},
        END,
        {"type": "message_stop"},
    ]
    tap = _fed(*stream, named=named)
    assert (tap.model, tap.usage, tap.finished, tap.committed, tap.error) == ("m", Usage(input=9, output=5), True, True, None)


@pytest.mark.parametrize(
    ("event", "committed"),
    [
        (START, False),
        ({"type": "ping"}, False),
        (_start(type="text", text=""), False),
        (_start(type="text", text="a"), True),
        (_start(type="thinking", thinking="", signature=""), False),
        (_start(type="redacted_thinking", data="d"), True),
        (_start(type="tool_use", id="i", name="n", input={}), True),
        (_start(type="server_tool_use", id="i"), True),
        (_delta("text_delta", text=""), False),
        (_delta("text_delta", text="a"), True),
        (_delta("thinking_delta", thinking="t"), True),
        (_delta("signature_delta", signature="s"), True),
        (_delta("input_json_delta", partial_json=""), False),
        (_delta("input_json_delta", partial_json="{"), True),
        (END, False),
        ({"type": "message_stop"}, True),
    ],
)
def test_when_content_has_been_seen(event: dict[str, Any], committed: bool) -> None:
    assert _fed(event).committed is committed


def test_the_stop_is_told_before_the_terminator() -> None:
    assert _fed(START, END).finished
    assert not _fed(START, {"type": "message_delta", "delta": {"stop_reason": None}}).finished


@pytest.mark.parametrize("named", [True, False])
def test_an_error(named: bool) -> None:
    tap = _fed(START, {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, named=named)
    assert tap.error is not None
    assert (tap.error.kind, tap.finished) == (ErrorKind.OVERLOADED, False)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"5", b'{"type":5}', b"[DONE]", b'{"type":"message_start","message":5}', b'{"type":"message_delta","delta":5}']
)
def test_other_bytes_are_let_by(data: bytes) -> None:
    tap = DIALECT.tap()
    assert tap.feed("", data) is False
    assert (tap.usage, tap.finished, tap.committed, tap.error) == (None, False, False, None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"m","content":[{"usage":5}],"usage":{"input_tokens":1}}', Whole("m", Usage(input=1))),
        (b'{"model":5,"usage":null}', Whole(None, None)),
        (b"{}", Whole(None, None)),
        (b"[]", Whole(None, None)),
        (b"<html>", Whole(None, None)),
    ],
)
def test_whole_answers(body: bytes, expected: Whole) -> None:
    assert DIALECT.tap_whole(body) == expected
