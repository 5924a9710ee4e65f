"""The eyes with which both gateways of `make faults-versus` are judged."""

import json

import pytest
from tests.faults.rig.calls import Call, Transcript
from tests.faults.versus.outcomes import CUT, FORGED, MIXED, NO_DIALECT, REFUSED, SHORT, TOLD, WAITED, WHOLE, outcome, told

WORDS = "a0 a1"


def chat(*deltas: str, finish: str | None = None) -> bytes:
    chunks = [{"choices": [{"index": 0, "delta": {"content": delta}}]} for delta in deltas]
    chunks += [{"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}] if finish else []
    return b"".join(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks)


ERROR = b'data: {"error": {"message": "the provider is gone"}}\n\n'
DONE = b"data: [DONE]\n\n"
DELTA = b'event: content_block_delta\ndata: {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a0"}}\n\n'
STOP = b'event: message_stop\ndata: {"type": "message_stop"}\n\n'


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (chat("a0", " a1", finish="stop") + DONE, WHOLE),
        (chat("a0") + ERROR + DONE, TOLD),
        (chat("a0") + DONE, SHORT),
        (chat("a0", " a1"), SHORT),
        (chat("a0", finish="stop") + DONE, FORGED),
        (chat("a0", " b0", finish="stop") + DONE, MIXED),
        (chat("a0") + b"<html>502</html>", NO_DIALECT),
        (DELTA + STOP, FORGED),
        (DELTA, SHORT),
    ],
)
def test_a_broken_answer_is_told_from_one_that_looks_whole(body: bytes, found: str) -> None:
    assert outcome(Transcript(call=Call(1), began=0, status=200, body=body, end="complete"), (WORDS,)) == found


def test_what_every_client_notices() -> None:
    assert outcome(Transcript(call=Call(1), began=0, status=502, end="complete"), (WORDS,)) == REFUSED
    assert outcome(Transcript(call=Call(1), began=0, status=200, end="cut"), (WORDS,)) == CUT
    assert outcome(Transcript(call=Call(1), began=0, status=200, end="patience"), (WORDS,)) == WAITED


def test_the_worst_stands_last() -> None:
    assert told([FORGED, WHOLE, TOLD, WHOLE]) == f"2 {WHOLE}, 1 {TOLD}, 1 {FORGED}"
