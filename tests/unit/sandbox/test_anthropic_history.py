from typing import Any

import pytest

from tidegate.sandbox.anthropic_history import check, redacted_data, signature
from tidegate.sandbox.values import RequestRefused

USER = {"role": "user", "content": "hi"}
ANSWER = {"role": "assistant", "content": "hello"}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "42"}
THINKING = {"type": "thinking", "thinking": "hm", "signature": signature("hm")}
REDACTED = {"type": "redacted_thinking", "data": redacted_data("abc")}
TEXT = {"type": "text", "text": "x"}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def said(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def checked(messages: Any, *, thinking: bool = False, beta: bool = False, lenient: bool = False) -> Any:
    return check(messages, thinking, present=True, beta=beta, lenient=lenient)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "at least one message is required"),
        ("hi", "Input should be a valid list"),
        ([5], "messages.0: Input should be an object"),
        ([{"role": "system", "content": "x"}, USER], 'Unexpected role "system"'),
        ([{"role": "tool", "content": "x"}], "messages.0.role: Input should be 'user' or 'assistant'"),
        ([{**USER, "name": "x"}], "messages.0.name: Extra inputs are not permitted"),
        ([{"role": "user"}], "messages.0.content: Field required"),
        ([{"role": "user", "content": ""}], "must have non-empty content"),
        ([user(), ANSWER], "must have non-empty content"),
        ([USER, {"role": "assistant", "content": "ends blank "}], "cannot end with trailing whitespace"),
        ([user({"type": "text", "text": ""})], "text content blocks must be non-empty"),
        ([user({"type": "text", "text": " \n"})], "must contain non-whitespace text"),
        ([user({"type": "image_url"})], "messages.0.content.0: Input tag 'image_url'"),
        ([user({**TEXT, "x": 1})], "messages.0.content.0.text.x: Extra inputs"),
        ([user(USE)], "`tool_use` blocks can only be in `assistant` messages"),
        ([USER, said(RESULT)], "`tool_result` blocks can only be in `user` messages"),
        ([USER, said({**USE, "id": "call:1"}), user(RESULT)], "tool_use.id: String should match pattern"),
        ([USER, said({**USE, "input": "{}"}), user(RESULT)], "tool_use.input: Input should be a valid dictionary"),
        ([user(RESULT)], "unexpected `tool_use_id` found in `tool_result` blocks: t1"),
        ([USER, said(USE)], "`tool_use` ids were found without `tool_result` blocks immediately after: t1"),
        ([USER, said(USE), USER], "without `tool_result` blocks immediately after: t1"),
        ([USER, said(USE), user(TEXT, RESULT)], "without `tool_result` blocks immediately after: t1"),
        ([USER, said(USE, USE), user(RESULT)], "`tool_use` ids must be unique"),
        ([USER, said(USE), user(RESULT, RESULT)], "must have a single result"),
        ([USER, said(USE), user({**RESULT, "content": [{"type": "image_url"}]})], "Input tag 'image_url'"),
        ([USER, said(USE), user({**RESULT, "content": [{"type": "text", "text": ""}]})], "must be non-empty"),
        ([USER, said({**THINKING, "signature": "made up"}, TEXT)], "Invalid `signature` in `thinking` block"),
        ([USER, said({**THINKING, "thinking": "hm!"}, TEXT)], "Invalid `signature` in `thinking` block"),
        ([USER, said({"type": "thinking", "thinking": "hm"}, TEXT)], "thinking.signature: Field required"),
        ([USER, said({**REDACTED, "data": "AAAA"}, TEXT)], "Invalid `data` in `redacted_thinking` block"),
    ],
)
def test_what_is_refused(messages: Any, words: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        checked(messages)
    assert words in caught.value.message


@pytest.mark.parametrize(
    "messages",
    [
        [USER],
        [ANSWER, USER],
        [USER, USER, ANSWER, USER],
        [USER, {"role": "assistant", "content": "half a sent"}],
        [USER, said(THINKING, REDACTED, TEXT, USE), user(RESULT, TEXT)],
        [USER, said(USE), said({**USE, "id": "t2"}), user(RESULT), user({**RESULT, "tool_use_id": "t2"})],
        [USER, said({"type": "text", "text": " "}, USE), user({"type": "tool_result", "tool_use_id": "t1"})],
    ],
)
def test_what_is_taken(messages: Any) -> None:
    assert checked(messages) == messages


def test_system_messages_come_with_a_beta_and_not_first() -> None:
    middle = [USER, ANSWER, {"role": "system", "content": "x"}, USER]
    assert checked(middle, beta=True) == middle
    with pytest.raises(RequestRefused):
        checked(middle)
    with pytest.raises(RequestRefused):
        checked(middle[2:], beta=True)


SECOND = {**USE, "id": "t2"}
SECOND_RESULT = {**RESULT, "tool_use_id": "t2"}


@pytest.mark.parametrize(
    ("messages", "taken"),
    [
        ([USER, said(THINKING, USE), user(RESULT)], True),
        ([USER, said(REDACTED, USE), user(RESULT)], True),
        ([USER, said(USE), user(RESULT)], False),
        ([USER, said(TEXT, THINKING, USE), user(RESULT)], False),
        ([USER, said(THINKING, USE), user(RESULT), said(SECOND), user(SECOND_RESULT)], True),
        ([USER, said(USE), user(RESULT), said(THINKING, SECOND), user(SECOND_RESULT)], False),
        ([USER, said(USE), user(RESULT), ANSWER, USER], True),
        ([USER, said(USE), user(RESULT), ANSWER, USER, said(THINKING, SECOND), user(SECOND_RESULT)], True),
    ],
)
def test_a_tool_loop_with_thinking_begins_with_its_thinking(messages: Any, taken: bool) -> None:
    assert checked(messages) == messages
    if taken:
        assert checked(messages, thinking=True) == messages
    else:
        with pytest.raises(RequestRefused, match="Expected `thinking` or `redacted_thinking`, but found"):
            checked(messages, thinking=True)
