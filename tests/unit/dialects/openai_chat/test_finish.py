import pytest

from tidegate.dialects.openai_chat.finish import decode_finish, encode_finish
from tidegate.ir.response import Stop, StopReason


@pytest.mark.parametrize(
    ("word", "reason", "with_calls"),
    [
        ("stop", "end", "tool_calls"),
        ("eos", "end", "tool_calls"),
        ("STOP", "end", "tool_calls"),
        ("length", "length", "length"),
        ("model_length", "length", "length"),
        ("tool_calls", "tool_calls", "tool_calls"),
        ("function_call", "tool_calls", "tool_calls"),
        ("content_filter", "content_filter", "content_filter"),
        ("refusal", "refusal", "refusal"),
        ("insufficient_system_resource", "unknown", "tool_calls"),
        (None, "unknown", "tool_calls"),
    ],
)
def test_words_of_providers(word: str | None, reason: StopReason, with_calls: StopReason) -> None:
    assert decode_finish(word, calls=False) == Stop(reason, word)
    assert decode_finish(word, calls=True) == Stop(with_calls, word)


@pytest.mark.parametrize(
    ("reason", "word", "with_calls"),
    [
        ("end", "stop", "tool_calls"),
        ("stop_sequence", "stop", "tool_calls"),
        ("pause", "stop", "tool_calls"),
        ("unknown", "stop", "tool_calls"),
        ("tool_calls", "tool_calls", "tool_calls"),
        ("length", "length", "length"),
        ("content_filter", "content_filter", "content_filter"),
        ("refusal", "content_filter", "content_filter"),
    ],
)
def test_openais_words(reason: StopReason, word: str, with_calls: str) -> None:
    assert encode_finish(Stop(reason), calls=False, legacy=False) == word
    assert encode_finish(Stop(reason), calls=True, legacy=False) == with_calls


def test_the_older_word_for_calls() -> None:
    assert encode_finish(Stop("end"), calls=True, legacy=True) == "function_call"
    assert encode_finish(Stop("tool_calls"), calls=True, legacy=True) == "function_call"
    assert encode_finish(Stop("length"), calls=True, legacy=True) == "length"
    assert encode_finish(Stop("end"), calls=False, legacy=True) == "stop"
