import json
from typing import Any

import pytest

from tidegate.dialects.openai_responses.errors import encode_stream_error
from tidegate.dialects.openai_responses.tap import ResponsesTap, tap_whole
from tidegate.ir.errors import Error, ErrorKind


def _fed(*events: dict[str, Any], named: bool = True) -> ResponsesTap:
    tap = ResponsesTap()
    for event in events:
        assert tap.feed(event["type"] if named else "", json.dumps(event).encode()) is False
    return tap


END = {
    "type": "response.completed",
    "response": {"model": "m", "usage": {"input_tokens": 3, "output_tokens": 2}, "output": [{"type": "web_search_call"}]},
}


@pytest.mark.parametrize("named", [True, False])
def test_usage_model_and_end(named: bool) -> None:
    tap = _fed({"type": "response.created", "response": {"model": "m"}}, END, named=named)
    assert tap.usage
    assert (tap.usage.input, tap.usage.output, tap.usage.web_searches) == (3, 2, 1)
    assert (tap.model, tap.finished, tap.committed, tap.error) == ("m", True, True, None)


@pytest.mark.parametrize(
    ("event", "committed"),
    [
        ({"type": "response.output_text.delta", "delta": "x"}, True),
        ({"type": "response.output_item.added", "item": {"type": "function_call"}}, True),
        ({"type": "response.output_item.added", "item": {"type": "message"}}, False),
        ({"type": "response.output_item.added", "item": {"type": ["message"]}}, True),
        ({"type": "response.content_part.added", "part": {}}, False),
    ],
)
def test_what_commits(event: dict[str, Any], committed: bool) -> None:
    assert _fed(event).committed is committed


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "server_error", "message": "m"},
        {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "m"}}},
    ],
)
def test_errors_are_seen(event: dict[str, Any]) -> None:
    tap = _fed(event)
    assert tap.error
    assert (tap.error.message, tap.finished) == ("m", False)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"model":5}'])
def test_no_answer_says_nothing(body: bytes) -> None:
    assert tap_whole(body).model is None
    assert ResponsesTap().feed("response.completed", body) is False


def test_an_error_where_a_stream_breaks_off() -> None:
    raw = json.loads(encode_stream_error(Error(kind=ErrorKind.TIMEOUT, message="late"), "").partition(b"data: ")[2])
    assert (raw["type"], raw["code"], raw["message"], raw["error"]["type"]) == ("error", "timeout", "late", "server_error")
