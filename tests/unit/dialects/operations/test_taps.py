import json
from typing import Any

import pytest

from tidegate.dialects.operations.taps import OperationTap, read_whole, refuse_errors
from tidegate.ir.content import Origin
from tidegate.ir.errors import GatewayError


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"usage": {"prompt_tokens": 3, "total_tokens": 3}}, (3, None)),
        ({"usage": {"total_tokens": 5}}, (5, None)),
        ({"usage": {"input_tokens": 4, "output_tokens": 2, "total_tokens": 6}}, (4, 2)),
        ({"usage": {"type": "duration", "seconds": 7}}, (None, None)),
        ({"meta": {"billed_units": {"input_tokens": 8}}}, (8, 0)),
        ({"meta": {"billed_units": {"search_units": 1}}}, (None, None)),
        ({"usage": {"input_tokens": -3, "output_tokens": "x"}}, (0, None)),
    ],
)
def test_usage_by_every_name(answer: Any, told: tuple[int | None, int | None]):
    usage = read_whole(json.dumps(answer).encode()).usage
    assert usage is not None
    assert (usage.input, usage.output) == told


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"usage": 5, "model": 7}', b'{"meta": {}}'])
def test_a_body_that_tells_nothing(body: bytes):
    assert (read_whole(body).model, read_whole(body).usage) == (None, None)


def test_what_other_counters_say_is_kept():
    usage = read_whole(b'{"usage": {"type": "duration", "seconds": 7}}').usage
    assert usage is not None
    assert usage.extras == {"type": "duration", "seconds": 7}


def test_an_error_with_status_200_is_an_error():
    with pytest.raises(GatewayError, match="no credit"):
        refuse_errors(b'{"error": {"message": "no credit"}}', Origin("openai_chat"))
    with pytest.raises(GatewayError, match="no JSON object"):
        refuse_errors(b"<html>", Origin("openai_chat"))
    assert refuse_errors(b'{"data": []}', Origin("openai_chat")).blocks == []


def fed(*events: Any) -> OperationTap:
    tap = OperationTap()
    for event in events:
        assert not tap.feed("", event if isinstance(event, bytes) else json.dumps(event).encode())
    return tap


def test_streamed_completions_end_with_a_reason():
    tap = fed({"model": "m", "choices": [{"text": "a", "finish_reason": None}]})
    assert (tap.model, tap.committed, tap.finished) == ("m", True, False)
    tap = fed({"choices": [{"text": "", "finish_reason": "stop"}]}, {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    assert tap.finished
    assert tap.usage is not None
    assert tap.usage.output == 2


@pytest.mark.parametrize("kind", ["image_generation.completed", "transcript.text.done", "speech.audio.done"])
def test_streamed_media_end_with_their_last_event(kind: str):
    assert not fed({"type": kind.rpartition(".")[0] + ".delta"}).finished
    assert fed({"type": kind}).finished


def test_the_terminator_ends_a_stream_and_rubbish_does_not():
    assert fed(b"[DONE]").finished
    assert not fed(b"rubbish", b"5").committed


@pytest.mark.parametrize("event", [{"error": {"message": "full"}}, {"type": "error", "error": {"message": "full"}}])
def test_an_error_in_a_stream(event: Any):
    assert fed(event).error is not None
