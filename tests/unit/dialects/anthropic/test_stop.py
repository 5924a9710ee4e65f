"""Stop reasons, both ways."""

import pytest

from tidegate.dialects.anthropic.stop import decode_stop, encode_stop
from tidegate.ir.response import Stop, StopReason


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "end"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("stop_sequence", "stop_sequence"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "pause"),
        ("refusal", "refusal"),
        ("compaction", "unknown"),
        (None, "unknown"),
        (5, "unknown"),
    ],
)
def test_words(word: object, reason: StopReason) -> None:
    stop = decode_stop(word, None)
    assert stop.reason == reason
    if reason != "unknown":
        assert encode_stop(stop, tool_calls=False, refused=False) == word


def test_the_sequence_is_kept() -> None:
    assert decode_stop("stop_sequence", "END") == Stop("stop_sequence", "stop_sequence", "END")


@pytest.mark.parametrize(
    ("stop", "tool_calls", "refused", "word"),
    [
        (Stop("end", "stop"), False, False, "end_turn"),
        (Stop("end", "stop"), True, False, "tool_use"),
        (Stop("end", "stop"), False, True, "refusal"),
        (Stop("end", "end_turn"), True, False, "end_turn"),
        (Stop("length", "length"), True, False, "max_tokens"),
        (Stop("content_filter", "content_filter"), False, False, "refusal"),
        (Stop("tool_calls", "function_call"), True, False, "tool_use"),
        (Stop("unknown", "eos"), False, False, "end_turn"),
        (Stop("unknown"), True, False, "tool_use"),
        (Stop("pause"), False, False, "pause_turn"),
    ],
)
def test_words_for_clients(stop: Stop, tool_calls: bool, refused: bool, word: str) -> None:
    assert encode_stop(stop, tool_calls=tool_calls, refused=refused) == word
