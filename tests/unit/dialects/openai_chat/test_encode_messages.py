from typing import Any

import pytest
from tests.unit.dialects.openai_chat.samples import decoded, encoded, foreign, told, user

from tidegate.ir.content import Base64Source, CacheMark, Image, Native, Origin, Refusal, Text, Thinking, ToolResult, ToolUse
from tidegate.ir.request import Message, Request
from tidegate.ir.target import Quirks

PNG = Image(Base64Source("image/png", "AA=="))
HERE = Origin("openai_chat", "p", "any-model")


def _messages(*messages: Message, quirks: Quirks | None = None, **capabilities: Any) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    body, losses = encoded(foreign(*messages), quirks=quirks, **capabilities)
    return body["messages"], told(losses)


def _said(*blocks: Any) -> Message:
    return Message("assistant", list(blocks))


def test_system_blocks() -> None:
    found, losses = _messages(Message("system", [Text("a"), Text("b", cache=CacheMark())]), Message("system", []), user(Text("x")))
    assert found == [{"role": "system", "content": "a\n\nb"}, {"role": "user", "content": "x"}]
    assert losses == [("dropped", "system[1].cache_control")]


def test_developer_where_it_is_not_known() -> None:
    request = decoded(messages=[{"role": "developer", "content": "x"}])
    assert encoded(request)[0]["messages"][0]["role"] == "developer"
    assert encoded(request, quirks=Quirks(system_role="system"))[0]["messages"][0]["role"] == "system"


def test_results_come_first_and_media_after_the_last_of_them() -> None:
    found, losses = _messages(
        _said(Text("let me"), ToolUse("a", "f", '{"x":1}'), ToolUse("b", "g", "")),
        user(ToolResult("a", [Text("one"), PNG])),
        user(ToolResult("b", [Text("no")], is_error=True), Text("go on")),
        _said(Text("done")),
    )
    assert [message["role"] for message in found] == ["assistant", "tool", "tool", "user", "assistant"]
    assert found[0]["content"] == "let me"
    assert [call["function"] for call in found[0]["tool_calls"]] == [
        {"name": "f", "arguments": '{"x":1}'},
        {"name": "g", "arguments": "{}"},
    ]
    assert found[1] == {"role": "tool", "tool_call_id": "a", "content": "one"}
    assert found[2] == {"role": "tool", "tool_call_id": "b", "content": "Error:\nno"}
    assert [part["type"] for part in found[3]["content"]] == ["text", "image_url", "text"]
    assert "a" in found[3]["content"][0]["text"]
    assert losses == [("emulated", "messages[1].content[0].content[1]"), ("emulated", "messages[2].content[0].is_error")]


def test_a_result_of_media_alone_says_where_they_are() -> None:
    found, _ = _messages(_said(ToolUse("a", "f", "{}")), user(ToolResult("a", [PNG])))
    assert [message["role"] for message in found] == ["assistant", "tool", "user"]
    assert "next user message" in found[1]["content"]


def test_an_openai_clients_result_keeps_its_parts() -> None:
    parts = [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "https://e/x"}}]
    tool = {"role": "tool", "tool_call_id": "a", "content": parts}
    assert encoded(decoded(messages=[tool]))[0]["messages"] == [tool]


def test_assistant_messages_in_a_row_are_one_turn() -> None:
    found, _ = _messages(_said(Text("a"), ToolUse("x", "f", "{}")), _said(Text("b"), ToolUse("y", "g", "{}")), user(ToolResult("x", [])))
    assert [message["role"] for message in found] == ["assistant", "tool"]
    assert (found[0]["content"], [call["id"] for call in found[0]["tool_calls"]]) == ("a\n\nb", ["x", "y"])


def test_thinking_goes_back_only_to_where_it_was_made() -> None:
    thoughts = [
        Thinking("there", "sig", origin=Origin("anthropic")),
        Thinking("unsigned"),
        Thinking("here", origin=HERE),
        Thinking("elsewhere", origin=Origin("openai_chat", "q")),
    ]
    found, losses = _messages(_said(*thoughts, Text("x")))
    assert found == [{"role": "assistant", "content": "x", "reasoning_content": "here"}]
    assert losses == [("dropped", f"messages[0].content[{at}]") for at in (0, 1, 3)]


def test_a_providers_own_details_come_back_as_they_were() -> None:
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.summary", "summary": "in short", "format": "openai-responses-v1", "index": 1},
        {"type": "reasoning.encrypted", "data": "xx", "id": "rs_1", "index": 2},
    ]
    message = {"role": "assistant", "content": "x", "reasoning": "hmin short", "reasoning_details": details}
    found = encoded(decoded(messages=[message]), quirks=Quirks(reasoning_field="reasoning"))[0]["messages"]
    assert found == [message]


def test_targets_that_take_no_reasoning_back() -> None:
    body, losses = encoded(
        decoded(messages=[{"role": "assistant", "content": "x", "reasoning_content": "hm"}]), quirks=Quirks(reasoning_field="none")
    )
    assert (body["messages"], told(losses)) == ([{"role": "assistant", "content": "x"}], [("dropped", "messages[0].reasoning_content")])


def test_content_is_null_only_beside_calls_or_a_refusal() -> None:
    assert _messages(_said(ToolUse("a", "f", "{}")))[0][0]["content"] is None
    assert _messages(_said(Refusal("no")))[0] == [{"role": "assistant", "content": None, "refusal": "no"}]
    assert _messages(_said(Native("anthropic", {"type": "x"})))[0] == [{"role": "assistant", "content": ""}]
    refused = encoded(decoded(messages=[{"role": "assistant", "content": None, "refusal": "no"}]))[0]["messages"]
    assert refused == [{"role": "assistant", "content": None, "refusal": "no"}]


@pytest.mark.parametrize("call_id", ["toolu_01ABCDEFGHIJ", "x", ""])
def test_ids_as_mistral_takes_them(call_id: str) -> None:
    quirks = Quirks(tool_id="alnum9")
    found, _ = _messages(_said(ToolUse(call_id, "f", "{}")), user(ToolResult(call_id, [Text("x")])), quirks=quirks)
    sent = found[0]["tool_calls"][0]["id"]
    assert sent == found[1]["tool_call_id"]
    assert (len(sent), sent.isalnum(), sent.isascii()) == (9, True, True)
    assert _messages(_said(ToolUse("AbC123xyZ", "f", "{}")), quirks=quirks)[0][0]["tool_calls"][0]["id"] == "AbC123xyZ"


def test_names_and_extras() -> None:
    message = {"role": "user", "content": "x", "name": "ada", "weight": 1}
    assert encoded(decoded(messages=[message]))[0]["messages"] == [message]
    request = Request(dialect="anthropic", model="m", messages=[Message("user", [Text("x")], extras={"weight": 1})])
    assert told(encoded(request)[1]) == [("dropped", "messages[0].weight")]


def test_the_signature_of_a_call_goes_back_only_to_where_it_was_made() -> None:
    use = ToolUse("i", "f", "{}", signature='{"google":{}}', origin=Origin("openai_chat", "p", "m"))
    body, losses = encoded(foreign(Message("assistant", [use])))
    assert (body["messages"][0]["tool_calls"][0]["extra_content"], losses) == ({"google": {}}, [])
    use.origin = Origin("openai_chat", "other", "m")
    body, losses = encoded(foreign(Message("assistant", [use])))
    assert "extra_content" not in body["messages"][0]["tool_calls"][0]
    assert told(losses) == [("dropped", "messages[0].content[0].extra_content")]
