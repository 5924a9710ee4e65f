from typing import Any

from tests.unit.dialects.openai_chat.samples import ORIGIN, delta, streamed

from tidegate.ir.content import ToolUse
from tidegate.ir.events import ArgsDelta, BlockStart, BlockStop, Finished
from tidegate.ir.fold import fold

END = (delta({}, "stop"), b"[DONE]")


def _calls(*pieces: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    events = streamed(*({"tool_calls": entries} for entries in pieces), *END)
    assert isinstance(events[-1], Finished)
    assert events[-1].stop.reason == "tool_calls"
    blocks = fold(events, "openai_chat").blocks
    return [(block.id, block.name, block.arguments) for block in blocks if isinstance(block, ToolUse)]


def _piece(index: int | None, arguments: Any = None, call_id: str | None = None, name: str | None = None) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    fields: dict[str, Any] = {"function": function}
    if index is not None:
        fields["index"] = index
    if call_id is not None:
        fields["id"] = call_id
    return fields


def test_pieces_may_interleave() -> None:
    found = _calls([_piece(0, "", "a", "f")], [_piece(1, "", "b", "g")], [_piece(0, '{"x"')], [_piece(1, "{}")], [_piece(0, ":1}")])
    assert found == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


def test_two_whole_calls_in_one_delta_without_type_or_index() -> None:
    assert _calls([_piece(None, "{}", "a", "f"), _piece(None, '{"x":1}', "b", "g")]) == [("a", "f", "{}"), ("b", "g", '{"x":1}')]


def test_calls_that_all_say_index_0() -> None:
    found = _calls([_piece(0, "{}", "a", "f")], [_piece(0, "{", "b", "g")], [_piece(0, "}")])
    assert found == [("a", "f", "{}"), ("b", "g", "{}")]


def test_calls_that_all_say_index_0_and_have_no_ids() -> None:
    assert _calls([_piece(0, "{}", "", "f"), _piece(0, '{"x":1}', "", "g")]) == [("", "f", "{}"), ("", "g", '{"x":1}')]
    assert _calls([_piece(0, "{}", "", "f")], [_piece(0, '{"x":1}', None, "f")]) == [("", "f", "{}"), ("", "f", '{"x":1}')]
    assert _calls([_piece(0, "", "", "f")], [_piece(0, "{", "", "g")], [_piece(0, "}", "")]) == [("", "f", ""), ("", "g", "{}")]


def test_a_name_that_is_repeated_is_the_same_call() -> None:
    assert _calls([_piece(0, "", "", "f")], [_piece(0, "{", "", "f")], [_piece(0, "}", "", "f")]) == [("", "f", "{}")]
    assert _calls([_piece(0, "{", "", "f")], [_piece(0, "}", "a", "f")]) == [("", "f", "{}")]


def test_an_id_that_is_repeated_is_the_same_call() -> None:
    assert _calls([_piece(0, "{", "a", "f")], [_piece(0, "}", "a", "f")]) == [("a", "f", "{}")]
    assert _calls([_piece(None, "{", "a", "f")], [_piece(None, "}", "a")]) == [("a", "f", "{}")]


def test_pieces_without_any_name_belong_to_the_last_call() -> None:
    assert _calls([_piece(None, "{", None, "f")], [_piece(None, "}")], [_piece(None, "{}", None, "g")]) == [
        ("", "f", "{}"),
        ("", "g", "{}"),
    ]


def test_arguments_before_the_name_are_held() -> None:
    assert _calls([_piece(0, "{", "a")], [_piece(0, "}", None, "f")]) == [("a", "f", "{}")]
    assert _calls([_piece(0, "{}", "a")]) == [("a", "", "{}")]


def test_arguments_as_an_object_or_null() -> None:
    assert _calls([_piece(0, {"x": 1}, "a", "f")]) == [("a", "f", '{"x":1}')]
    assert _calls([{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": None}}]) == [("a", "f", "")]


def test_custom_calls() -> None:
    events = streamed(
        {"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "c", "input": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "4+4"}}]},
        *END,
    )
    assert fold(events, "openai_chat").blocks == [ToolUse("a", "c", "4+4", "custom")]


def test_a_legacy_call() -> None:
    events = streamed({"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "{}"}}, *END)
    assert fold(events, "openai_chat").blocks == [ToolUse("", "f", "{}")]


def test_calls_stay_open_until_the_end() -> None:
    events = streamed({"tool_calls": [_piece(0, "{", "a", "f")]}, {"content": "x"}, {"tool_calls": [_piece(0, "}")]}, *END)
    assert [event.index for event in events if isinstance(event, BlockStart)] == [0, 1]
    assert [event.text for event in events if isinstance(event, ArgsDelta)] == ["{", "}"]
    assert [event.index for event in events if isinstance(event, BlockStop)] == [1, 0]


def test_the_signature_of_a_call() -> None:
    piece = {**_piece(0, "{}", "i", "f"), "extra_content": {"google": {"thought_signature": "abc"}}}
    [block] = fold(streamed({"tool_calls": [piece]}, *END), "openai_chat").blocks
    assert block == ToolUse("i", "f", "{}", signature='{"google":{"thought_signature":"abc"}}', origin=ORIGIN)
