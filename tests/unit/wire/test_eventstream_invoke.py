import base64
import json

import pytest

from tidegate.wire import eventstream
from tidegate.wire.eventstream_invoke import InvokeParser, frame
from tidegate.wire.frame import Frame, FrameError


def parsed(body: bytes) -> list[Frame]:
    parser = InvokeParser()
    return parser.feed(body) + parser.end()


def chunk(payload: bytes) -> bytes:
    return eventstream.frame(payload, "chunk")


@pytest.mark.parametrize("event", [b'{"type":"message_stop"}', b'{"index": 0, "type": "message_stop"}'])
def test_the_event_inside_a_chunk_is_the_frame(event: bytes) -> None:
    body = chunk(json.dumps({"bytes": base64.b64encode(event).decode(), "p": "abc"}).encode())
    assert parsed(body) == [Frame("message_stop", event, body)]


def test_what_is_written_is_read_again() -> None:
    body = frame(b'{"type":"ping"}', "ping")
    assert parsed(body) == [Frame("ping", b'{"type":"ping"}', body)]


@pytest.mark.parametrize(
    ("exception", "kind"),
    [("throttlingException", "rate_limit_error"), ("ThrottlingException", "rate_limit_error"), ("someNewException", "api_error")],
)
def test_exceptions_are_anthropics_error_event(exception: str, kind: str) -> None:
    (found,) = parsed(eventstream.frame(b'{"message":"slow down"}', eventstream.EXCEPTION + exception))
    assert found.event == "error"
    assert json.loads(found.data or b"") == {"type": "error", "error": {"type": kind, "message": "slow down"}}


def test_an_exception_without_a_message_says_its_name() -> None:
    (found,) = parsed(eventstream.frame(b"no json", eventstream.EXCEPTION + "modelTimeoutException"))
    assert json.loads(found.data or b"")["error"] == {"type": "timeout_error", "message": "modelTimeoutException"}


def test_the_error_event_is_written_as_an_exception() -> None:
    error = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    (found,) = eventstream.EventStreamParser().feed(frame(error, "error"))
    assert (found.event, found.data) == ("exception:serviceUnavailableException", b'{"message":"Overloaded"}')
    (found,) = eventstream.EventStreamParser().feed(frame(b"[]", "error"))
    assert (found.event, found.data) == ("exception:internalServerException", b'{"message":""}')


def test_other_frames_carry_nothing() -> None:
    assert [found.data for found in parsed(eventstream.frame(b"{}", "initial-response") + chunk(b""))] == [None, None]


@pytest.mark.parametrize("payload", [b"{}", b"[]", b'{"bytes":1}', b'{"bytes":"!"}', b"\xff"])
def test_a_chunk_that_holds_no_base64(payload: bytes) -> None:
    with pytest.raises(FrameError):
        parsed(chunk(payload))
