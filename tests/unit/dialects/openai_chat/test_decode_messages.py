from typing import Any

import pytest
from tests.unit.dialects.openai_chat.samples import decoded_messages

from tidegate.ir.content import CacheMark, Native, Origin, Refusal, Text, Thinking, ToolResult, ToolUse
from tidegate.ir.request import Message

HELLO: dict[str, Any] = {"role": "user", "content": "hi"}


def _assistant(**fields: Any) -> Message:
    return decoded_messages({"role": "assistant", **fields})[0]


@pytest.mark.parametrize("role", ["system", "developer", "user"])
def test_plain_roles(role: str) -> None:
    [message] = decoded_messages({"role": role, "content": "x", "name": "ada", "weight": 1})
    assert (message.role, message.blocks, message.name, message.extras) == (role, [Text("x")], "ada", {"weight": 1})


def test_an_assistant_turn_in_the_order_of_an_answer() -> None:
    message = _assistant(
        content="text",
        refusal="no",
        reasoning_content="hm",
        tool_calls=[
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}, "index": 0},
            {"id": "b", "type": "custom", "custom": {"name": "c", "input": "x"}},
            {"function": {"name": "g", "arguments": {"x": 1}}, "extra": 1, "extra_content": {"google": 1}},
        ],
    )
    assert message.blocks == [
        Thinking("hm"),
        Text("text"),
        Refusal("no"),
        ToolUse("a", "f", "{}"),
        ToolUse("b", "c", "x", "custom"),
        ToolUse("", "g", '{"x":1}', extras={"extra": 1}, signature='{"google":1}', origin=Origin("openai_chat")),
    ]


def test_fields_of_a_dumped_answer_that_say_nothing_are_not_extras() -> None:
    message = _assistant(content="x", refusal=None, annotations=[], audio=None, function_call=None, tool_calls=None, reasoning=None)
    assert (message.blocks, message.extras) == ([Text("x")], {})


def test_our_own_reasoning_details_carry_their_origin_back() -> None:
    origin = {"dialect": "anthropic", "provider": "claude-eu", "model": "c"}
    made = {"format": "tidegate/v1", "origin": origin}
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": "sig", "index": 0, **made},
        {"type": "reasoning.encrypted", "data": "xx", "index": 1, **made},
    ]
    message = _assistant(content="x", reasoning_content="hm", reasoning_details=details)
    where = Origin("anthropic", "claude-eu", "c")
    assert message.blocks == [Thinking("hm", "sig", None, where), Thinking("", None, "xx", where), Text("x")]
    assert message.extras == {}


def test_a_damaged_origin_is_accepted_nowhere() -> None:
    [block, *_] = _assistant(
        content="x", reasoning_details=[{"type": "reasoning.text", "text": "t", "format": "tidegate/v1", "origin": 7}]
    ).blocks
    assert isinstance(block, Thinking)
    assert block.origin == Origin("")
    assert not Origin("").accepts("openai_chat", "p")


def test_reasoning_that_differs_from_its_details_is_kept_beside_them() -> None:
    message = _assistant(content="x", reasoning="other", reasoning_details=[{"type": "reasoning.text", "text": "hm"}])
    assert [block.text for block in message.blocks if isinstance(block, Thinking)] == ["hm"]
    assert message.extras == {"reasoning": "other"}


def test_the_same_reasoning_under_both_names_is_one() -> None:
    message = _assistant(content="x", reasoning="hm", reasoning_content="hm")
    assert (message.blocks, message.extras) == ([Thinking("hm"), Text("x")], {})


def test_mistrals_thinking_parts_are_native() -> None:
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert _assistant(content=[part, {"type": "text", "text": "x"}]).blocks == [Native("openai_chat", part), Text("x")]


def test_a_mark_on_a_message_is_on_its_last_block() -> None:
    mark = {"type": "ephemeral", "ttl": "5m"}
    plain, tool, marked = decoded_messages(
        {"role": "user", "content": "x", "cache_control": mark},
        {"role": "tool", "tool_call_id": "a", "content": "y", "cache_control": mark},
        {"role": "user", "content": [{"type": "text", "text": "z", "cache_control": {"type": "ephemeral"}}], "cache_control": mark},
    )
    assert plain.blocks == [Text("x", cache=CacheMark("5m"))]
    assert tool.blocks == [ToolResult("a", [Text("y")], cache=CacheMark("5m"))]
    assert (marked.blocks, marked.extras) == ([Text("z", cache=CacheMark())], {"cache_control": mark})


def test_tool_results() -> None:
    one, empty = decoded_messages(
        {"role": "tool", "tool_call_id": "a", "name": "f", "content": [{"type": "text", "text": "x"}]},
        {"role": "tool", "tool_call_id": "b", "content": None},
    )
    assert (one.role, one.name, one.blocks) == ("tool", "f", [ToolResult("a", [Text("x")])])
    assert empty.blocks == [ToolResult("b", [Text("")])]


def test_legacy_calls_and_their_results_get_matching_ids() -> None:
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    messages = decoded_messages(
        HELLO, call, {"role": "function", "name": "f", "content": "1"}, call, {"role": "function", "name": "f", "content": "2"}
    )
    ids = [block.id for message in messages for block in message.blocks if isinstance(block, ToolUse | ToolResult)]
    assert ids == ["call_legacy1", "call_legacy1", "call_legacy2", "call_legacy2"]
    [lonely] = decoded_messages({"role": "function", "name": "g", "content": "x"})
    assert lonely.blocks == [ToolResult("call_legacy1", [Text("x")])]
