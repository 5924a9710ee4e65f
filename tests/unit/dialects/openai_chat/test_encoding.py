import pytest
from tests.unit.dialects.openai_chat.samples import foreign, user

from tidegate.dialects.openai_chat.encoding import Encoding
from tidegate.ir.content import Block, Origin, Refusal, Text, Thinking, ToolResult, ToolUse
from tidegate.ir.json import JsonObject
from tidegate.ir.request import Message, Request
from tidegate.ir.target import Capabilities, Profile, Quirks

PROFILE = Profile(provider="p", model="m", capabilities=Capabilities(), quirks=Quirks())
BLOCKS: list[Block] = [
    Thinking("a"),
    Thinking("b", origin=Origin("anthropic")),
    Text("c"),
    Text("d"),
    Refusal("e"),
    ToolUse("i", "f", "{}"),
    ToolUse("j", "f", "{}"),
]


def test_paths_are_those_of_an_openai_client() -> None:
    request = Request(dialect="openai_chat", model="m", messages=[Message("assistant", BLOCKS), Message("tool", [ToolResult("i", [])])])
    encoding = Encoding(request, PROFILE, own=True)
    found = [encoding.block(0, at).removeprefix("messages[0].") for at in range(len(BLOCKS))]
    assert found == ["reasoning_content", "reasoning_details[0]", "content[0]", "content[1]", "refusal", "tool_calls[0]", "tool_calls[1]"]
    assert encoding.block(1, 0) == "messages[1]"
    assert encoding.name("output") == "response_format"


def test_paths_are_those_of_an_anthropic_client() -> None:
    encoding = Encoding(foreign(Message("system", [Text("s")]), user(Text("x"), Text("y"), Text("z"))), PROFILE, own=False)
    assert (encoding.message(0), encoding.block(0, 0), encoding.block(1, 2)) == ("system", "system[0]", "messages[0].content[2]")
    assert encoding.name("stop") == "stop_sequences"
    assert Encoding(foreign(user(Text("x"))), PROFILE, own=False).message(0) == "messages[0]"


@pytest.mark.parametrize(("dialect", "kept"), [("openai_chat", True), ("anthropic", False)])
def test_extras_go_to_their_own_dialect_only(dialect: str, kept: bool) -> None:
    encoding = Encoding(Request(dialect=dialect, model="m", messages=[user(Text("x"))]), PROFILE, own=dialect == "openai_chat")
    raw: JsonObject = {"type": "text"}
    encoding.attach(raw, None, {"x": 1}, "there")
    assert (raw == {"type": "text", "x": 1}) is kept
    assert [loss.field for loss in encoding.losses] == ([] if kept else ["there.x"])
