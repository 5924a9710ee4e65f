"""Messages in Anthropic's order: system first, turns that alternate, tool results first in their turn."""

from typing import Any

import pytest
from tests.unit.dialects.anthropic.making import decode, encode, foreign, lost, message

from tidegate.dialects.signature import pack
from tidegate.ir.content import Block, Origin, Text, Thinking, ToolResult, ToolUse
from tidegate.ir.request import Message, Reasoning

OWN = Origin("anthropic", "p", "m")


def _messages(*messages: Message, **fields: Any) -> tuple[list[Any], set[tuple[str, str]]]:
    body, losses = encode(foreign(*messages, max_tokens=9000, **fields))
    return body["messages"], lost(losses)


def test_leading_system_and_developer_messages_are_the_system_prompt() -> None:
    body, losses = encode(foreign(message("system", "a"), message("developer", "b"), message("user", "hi"), max_tokens=1))
    assert body["system"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert losses == []


def test_later_system_messages_stay_where_they_are_in_marks() -> None:
    messages, losses = _messages(message("user", "a"), message("assistant", "b"), message("system", "c"), message("user", "d"))
    assert messages[2] == {
        "role": "user",
        "content": [{"type": "text", "text": "<system>\nc\n</system>"}, {"type": "text", "text": "d"}],
    }
    assert losses == {("emulated", "messages[2]")}


def test_turns_of_one_role_are_merged() -> None:
    messages, losses = _messages(message("user", "a"), message("user", "b"), message("assistant", "c"), message("assistant", "d"))
    assert [entry["role"] for entry in messages] == ["user", "assistant"]
    assert [block["text"] for block in messages[1]["content"]] == ["c", "d"]
    assert losses == set()


def test_parallel_results_come_together_and_first() -> None:
    messages, losses = _messages(
        message("user", "a"),
        message("assistant", ToolUse("1", "f", "{}"), ToolUse("2", "g", '{"x":1}')),
        message("tool", ToolResult("1", [Text("r1")])),
        message("user", "and now?"),
        message("tool", ToolResult("2", [Text("r2")], is_error=True)),
    )
    assert messages[1]["content"] == [
        {"type": "tool_use", "id": "1", "name": "f", "input": {}},
        {"type": "tool_use", "id": "2", "name": "g", "input": {"x": 1}},
    ]
    assert messages[2] == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "1", "content": "r1"},
            {"type": "tool_result", "tool_use_id": "2", "content": "r2", "is_error": True},
            {"type": "text", "text": "and now?"},
        ],
    }
    assert losses == set()


@pytest.mark.parametrize("only", [message("system", "a"), message("assistant", "a")])
def test_a_user_turn_is_added_where_there_is_none_first(only: Message) -> None:
    messages, losses = _messages(only)
    assert messages[0] == {"role": "user", "content": "Please go ahead."}
    assert losses == {("emulated", "messages")}


def test_empty_texts_and_messages_are_left_out() -> None:
    messages, losses = _messages(message("user", "a", " \n"), message("assistant", ""), message("user", "b"))
    assert messages == [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]
    assert losses == {("dropped", "messages[0].content[1]"), ("dropped", "messages[1].content[0]")}


def test_the_last_assistant_turn_ends_without_white_space() -> None:
    messages, losses = _messages(message("user", "a"), message("assistant", "b \n"))
    assert messages[1] == {"role": "assistant", "content": "b"}
    assert losses == {("mapped", "messages")}


def test_names_and_extras_are_on_the_receipt() -> None:
    _, losses = _messages(Message("user", [Text("a", extras={"y": 1})], name="bob", extras={"x": 1, "refusal": None}))
    assert losses == {("dropped", "messages[0].name"), ("dropped", "messages[0].x"), ("dropped", "messages[0].content[0].y")}


def test_tool_calls_have_their_own_paths() -> None:
    _, losses = _messages(message("user", "a"), message("assistant", "b", ToolUse("x:1", "f", "{}"), ToolUse("2", "g", "[1]")))
    assert losses == {("mapped", "messages[1].tool_calls[0].id"), ("emulated", "messages[1].tool_calls[1].function.arguments")}


LOOP = (message("user", "a"), message("assistant", ToolUse("1", "f", "{}")), message("tool", ToolResult("1", [Text("r")])))


def _loop(*before: Block) -> list[Message]:
    return [LOOP[0], message("assistant", *before, ToolUse("1", "f", "{}")), LOOP[2]]


@pytest.mark.parametrize(
    ("messages", "on"),
    [
        (_loop(), False),
        (_loop(Thinking("t", "s", origin=OWN)), True),
        (_loop(Thinking("", redacted="d", origin=OWN)), True),
        (_loop(Thinking("t", "s", origin=Origin("openai_chat", "x"))), False),
        ([*LOOP, message("assistant", "b"), message("user", "c")], True),
        ([LOOP[0]], True),
    ],
)
def test_thinking_is_off_in_a_tool_loop_without_the_models_own(messages: list[Message], on: bool) -> None:
    body, losses = encode(foreign(*messages, max_tokens=9000, reasoning=Reasoning(effort="low")), thinking="budget")
    assert ("thinking" in body) is on
    assert (("dropped", "reasoning_effort") in lost(losses)) is not on


def test_adaptive_thinking_needs_no_reasoning_before_its_tool_calls() -> None:
    body, _ = encode(foreign(*LOOP, reasoning=Reasoning(effort="low")), thinking="adaptive")
    assert body["thinking"] == {"type": "adaptive"}


def test_foreign_reasoning_is_taken_out_of_a_request_of_this_dialect() -> None:
    signature = pack(Origin("openai_chat", "deepseek", "r1"), None)
    thinking = {"type": "thinking", "thinking": "t", "signature": signature}
    use = {"type": "tool_use", "id": "1", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "1", "content": "r"}
    conversation = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [thinking]},
        {"role": "assistant", "content": [thinking, use]},
        {"role": "user", "content": [result]},
    ]
    request = decode(messages=conversation, thinking={"type": "enabled", "budget_tokens": 1024})
    body, losses = encode(request)
    assert body["messages"] == [conversation[0], {"role": "assistant", "content": [use]}, conversation[3]]
    assert "thinking" not in body
    assert lost(losses) == {("dropped", "messages[1].content[0]"), ("dropped", "messages[2].content[0]"), ("dropped", "thinking")}


def test_own_system_messages_keep_their_place() -> None:
    late = [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]
    body, losses = encode(decode(messages=late))
    assert (body["messages"], losses) == (late, [])
