"""Arguments in pieces: paths, texts that go on, and a provider's slips."""

import json
from typing import Any

import pytest

from tidegate.dialects.gemini import DIALECT
from tidegate.dialects.gemini.partial_args import PartialArgs
from tidegate.ir.content import Origin, Text, Thinking, ToolUse
from tidegate.ir.events import Event, Finished
from tidegate.ir.fold import fold

ORIGIN = Origin("gemini", "p", "m")


def _built(*pieces: Any) -> Any:
    arguments = PartialArgs()
    for piece in pieces:
        arguments.add([piece])
    return arguments.value()


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("$.a", {"a": 1}),
        ("$.a.b", {"a": {"b": 1}}),
        ("$.a[0].b", {"a": [{"b": 1}]}),
        ("$['a']['b c']", {"a": {"b c": 1}}),
        ('$["a.b"][0][0]', {"a.b": [[1]]}),
        (r"$['it\'s']", {"it's": 1}),
        ("$.naïve-name", {"naïve-name": 1}),
        ("$.a[7]", {"a": [1]}),
        ("$.a[999999999].b", {"a": [{"b": 1}]}),
        ("$.a[-1]", {"$.a[-1]": 1}),
        ("a.b", {"a.b": 1}),
        ("$", {"$": 1}),
        ("", {"": 1}),
        ("$" + ".a" * 5000, {"$" + ".a" * 5000: 1}),
    ],
)
def test_a_path_is_followed_and_one_that_cannot_be_read_is_a_name(path: str, wanted: Any) -> None:
    assert _built({"jsonPath": path, "numberValue": 1}) == wanted


def test_a_text_goes_on_and_other_values_replace() -> None:
    pieces = (
        {"jsonPath": "$.t", "stringValue": "one ", "willContinue": True},
        {"jsonPath": "$.n", "numberValue": 2.0},
        {"jsonPath": "$.t", "stringValue": "two", "willContinue": True},
        {"json_path": "$.t", "string_value": ""},
        {"jsonPath": "$.n", "numberValue": 1e300},
        {"jsonPath": "$.b", "boolValue": True},
        {"jsonPath": "$.z", "nullValue": "NULL_VALUE"},
    )
    assert _built(*pieces) == {"t": "one two", "n": 1e300, "b": True, "z": None}
    assert json.dumps(_built({"jsonPath": "$.n", "numberValue": 2.0})) == '{"n": 2}'


def test_what_does_not_fit_together_loses_nothing_but_itself() -> None:
    assert _built({"jsonPath": "$.a", "stringValue": "x"}, {"jsonPath": "$.a.b", "boolValue": True}) == {"a": {"b": True}}
    assert _built({"jsonPath": "$.a[0]", "numberValue": 1}, {"jsonPath": "$.a.b", "numberValue": 2}) == {"a": {"0": 1, "b": 2}}
    assert _built({"jsonPath": "$.a[1]", "numberValue": 1}, {"jsonPath": "$.a[0]", "numberValue": 0}) == {"a": [0, 1]}
    assert _built(None, 1, {"jsonPath": 3}, {"jsonPath": "$.a"}) == {}
    arguments = PartialArgs()
    arguments.add({"jsonPath": "$.a"})
    assert arguments.value() == {}


def _told(*parts: Any) -> list[Event]:
    decoder = DIALECT.stream_decoder(ORIGIN)
    events: list[Event] = []
    for part in parts:
        answer = {"candidates": [{"content": {"parts": [part]}}], "responseId": "r"}
        events += decoder.feed("", json.dumps(answer).encode())
    events += decoder.feed("", json.dumps({"candidates": [{"finishReason": "STOP"}]}).encode())
    return events + decoder.end()


def _call(**call: Any) -> dict[str, Any]:
    return {"functionCall": call}


def _piece(path: str, text: str) -> dict[str, Any]:
    return _call(partialArgs=[{"jsonPath": path, "stringValue": text}], willContinue=True)


def test_other_parts_may_stand_between_the_pieces_of_a_call() -> None:
    events = _told(_call(name="f", willContinue=True), _piece("$.a", "x"), {"text": "wait"}, _piece("$.b", "y"), _call(), {"text": "ed"})
    assert isinstance(events[-1], Finished)
    first, second = fold(events, "gemini").blocks
    assert (first, second) == (ToolUse("call_r_0", "f", '{"a":"x","b":"y"}'), Text("waited"))


def test_the_next_call_ends_one_that_was_not_ended() -> None:
    first, second = fold(_told(_call(name="f", willContinue=True), _piece("$.a", "x"), _call(name="g", args={"b": 1})), "gemini").blocks
    assert (first, second) == (ToolUse("call_r_0", "f", '{"a":"x"}'), ToolUse("call_r_1", "g", '{"b":1}'))


def test_a_call_of_one_piece_and_whole_arguments_beside_pieces() -> None:
    whole = _call(name="f", args={"a": 1}, partialArgs=[{"jsonPath": "$.b", "boolValue": True}])
    (block,) = fold(_told(whole), "gemini").blocks
    assert isinstance(block, ToolUse)
    assert json.loads(block.arguments) == {"a": 1, "b": True}


def test_the_end_of_no_call_is_no_call_and_a_late_signature_is_kept() -> None:
    assert fold(_told(_call()), "gemini").blocks == []
    late = {**_piece("$.a", "x"), "thoughtSignature": "late"}
    call, thought = fold(_told(_call(name="f", willContinue=True), late), "gemini").blocks
    assert (call, thought) == (ToolUse("call_r_0", "f", '{"a":"x"}'), Thinking("", "late", None, ORIGIN))
