import json
from typing import Any

import pytest
from tests.unit.dialects.openai_responses.making import again, decode, item

from tidegate.ir.content import Document, FileSource, Image, Native, Refusal, Text, Thinking, ToolResult, ToolUse, UrlSource
from tidegate.ir.errors import GatewayError
from tidegate.ir.request import Message

CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}


def test_a_string_is_one_user_message() -> None:
    assert decode(input="hi").messages == [Message("user", [Text("hi")])]


def test_messages_keep_their_id_and_what_nobody_models() -> None:
    found = item(
        type="message", role="assistant", id="msg_1", status="completed", phase="commentary", content=[{"type": "refusal", "refusal": "no"}]
    )
    assert found == Message("assistant", [Refusal("no")], extras={"phase": "commentary"}, id="msg_1")


def test_parts_of_a_message() -> None:
    parts = [
        {"type": "input_text", "text": "a"},
        {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "low"},
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "file_url": "https://example.org/a.pdf"},
        {"type": "input_file", "file_id": "file_2", "filename": "a.pdf"},
        {"type": "input_screen", "x": 1},
    ]
    assert item(role="user", content=parts).blocks == [
        Text("a"),
        Image(UrlSource("https://example.org/a.png"), "low"),
        Image(FileSource("file_1")),
        Document(UrlSource("https://example.org/a.pdf")),
        Document(FileSource("file_2"), "a.pdf"),
        Native("openai_responses", {"type": "input_screen", "x": 1}),
    ]


def test_calls_and_their_results() -> None:
    assert item(**CALL, id="fc_1", status="completed") == Message("assistant", [ToolUse("c", "f", "{}")], id="fc_1")
    assert item(type="custom_tool_call", call_id="c", name="f", input="free").blocks == [ToolUse("c", "f", "free", "custom")]
    assert item(type="function_call_output", call_id="c", output="r") == Message("tool", [ToolResult("c", [Text("r")])])
    assert item(type="custom_tool_call_output", call_id="c", output=[{"type": "input_text", "text": "r"}]).blocks == [
        ToolResult("c", [Text("r")], custom=True)
    ]


@pytest.mark.parametrize(
    ("raw", "arguments"),
    [
        (
            {"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"], "env": {}}},
            {"command": ["ls"], "env": {}},
        ),
        ({"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}, {"commands": ["ls"]}),
        (
            {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}},
            {"type": "delete_file", "path": "a"},
        ),
    ],
)
def test_tools_that_the_client_runs_unasked_are_calls_of_functions(raw: dict[str, Any], arguments: Any) -> None:
    (block,) = item(**raw).blocks
    assert isinstance(block, ToolUse)
    assert (block.id, block.builtin) == ("c", raw["type"].removesuffix("_call"))
    assert json.loads(block.arguments) == arguments


def test_their_results_are_texts() -> None:
    assert item(type="local_shell_call_output", id="c", output="out").blocks == [ToolResult("c", [Text("out")], builtin="local_shell")]
    (shell,) = item(type="shell_call_output", call_id="c", output=[{"stdout": "a", "stderr": ""}]).blocks
    assert shell == ToolResult("c", [Text('[{"stdout":"a","stderr":""}]')], builtin="shell")
    (patch,) = item(type="apply_patch_call_output", call_id="c", status="failed", output="no such file").blocks
    assert patch == ToolResult("c", [Text("no such file")], True, builtin="apply_patch")


@pytest.mark.parametrize(
    "raw",
    [
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "shell_call", "id": "sh", "call_id": "c", "action": {"commands": []}, "environment": {"type": "container_reference"}},
        {"type": "item_reference", "id": "msg_1"},
        {"type": "compaction", "encrypted_content": "x"},
    ],
)
def test_what_only_openai_understands_stays_whole(raw: dict[str, Any]) -> None:
    assert item(**raw).blocks == [Native("openai_responses", raw)]
    assert again(decode(input=[raw]))["input"] == [raw]


def test_reasoning_goes_back_as_it_came() -> None:
    raw = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "bc"}]}
    for more in ({"encrypted_content": "x"}, {"content": [{"type": "reasoning_text", "text": "d"}]}, {}):
        whole = {**raw, **more}
        (block,) = item(**whole).blocks
        assert isinstance(block, Thinking)
        assert block.text == "abc" + ("d" if "content" in more else "")
        assert again(decode(input=[whole]))["input"] == [whole]


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        ({"role": "critic", "content": "x"}, "input[0].role"),
        ({"role": "user"}, "input[0].content"),
        ({"role": "user", "content": [{"text": "x"}]}, "input[0].content[0].type"),
        ({"role": "user", "content": [{"type": "input_image"}]}, "input[0].content[0].image_url"),
        ({"type": "function_call", "call_id": "c", "name": "f"}, "input[0].arguments"),
        ({"type": "function_call_output", "call_id": "c"}, "input[0].output"),
        ({"type": "local_shell_call", "call_id": "c"}, "input[0].action"),
        ({"x": 1}, "input[0].type"),
    ],
)
def test_what_is_wrong_is_named(raw: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        item(**raw)
    assert refused.value.error.param == param
