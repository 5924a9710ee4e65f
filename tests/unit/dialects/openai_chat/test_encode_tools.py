from typing import Any

import pytest
from tests.unit.dialects.openai_chat.samples import decoded, encoded, foreign, told, user

from tidegate.dialects.names import shortened
from tidegate.ir.content import CacheMark, Text, ToolResult, ToolUse
from tidegate.ir.request import AnyTool, Message, NativeTool, Tool, ToolChoice, WebSearch


def _tools(
    *tools: AnyTool, choice: ToolChoice | None = None, parallel: bool | None = None, **capabilities: Any
) -> tuple[dict[str, Any], Any]:
    request = foreign(user(Text("x")), tools=list(tools), tool_choice=choice, parallel_tool_calls=parallel)
    capabilities.setdefault("custom_tools", True)
    body, losses = encoded(request, **capabilities)
    return body, told(losses)


def test_a_function() -> None:
    body, losses = _tools(Tool("f", "d", {"type": "object"}, True), Tool("g", cache=CacheMark(), extras={"defer_loading": True}))
    assert body["tools"] == [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}},
        {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}},
    ]
    assert losses == [("dropped", "tools[1].cache_control"), ("dropped", "tools[1].defer_loading")]


def test_tools_that_another_provider_runs_are_dropped_with_the_choice() -> None:
    body, losses = _tools(NativeTool("anthropic", {"type": "bash_20250124"}), choice=ToolChoice("auto"), parallel=False)
    assert body.keys() == {"model", "messages"}
    assert losses == [("dropped", "tools[0]"), ("dropped", "tool_choice"), ("dropped", "tool_choice.disable_parallel_tool_use")]


def test_web_search() -> None:
    tool = WebSearch(
        user_location={"city": "Oslo"}, max_uses=3, raw={"type": "web_search_20250305", "name": "web_search", "x": 1, "max_uses": 3}
    )
    assert _tools(tool)[1] == [("dropped", "tools[0]")]
    body, losses = _tools(tool, web_search=True)
    assert body["web_search_options"] == {"user_location": {"type": "approximate", "approximate": {"city": "Oslo"}}}
    assert losses == [("dropped", "tools[0].max_uses"), ("dropped", "tools[0].x")]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice("required"), "required"),
        (ToolChoice("tool", ("f",)), {"type": "function", "function": {"name": "f"}}),
        (ToolChoice("tool", ("c",)), {"type": "custom", "custom": {"name": "c"}}),
        (
            ToolChoice("allowed", ("f", "c"), True),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}],
                },
            },
        ),
    ],
)
def test_tool_choice(choice: ToolChoice, sent: Any) -> None:
    body, losses = _tools(Tool("f"), Tool("c", kind="custom"), choice=choice, parallel=False)
    assert (body["tool_choice"], body["parallel_tool_calls"], losses) == (sent, False, [])


def test_an_openai_client_gets_its_tools_back() -> None:
    tools = [
        {"type": "custom", "custom": {"name": "c", "description": "d", "format": {"type": "text"}}},
        {"type": "openrouter:web_search", "parameters": {}},
        {"type": "function", "function": {"name": "f", "x": 1}, "y": 2, "cache_control": {"type": "ephemeral"}},
    ]
    options = {"search_context_size": "low", "z": 1, "user_location": {"type": "approximate", "approximate": {"city": "Oslo"}, "w": 2}}
    body, losses = encoded(decoded(tools=tools, web_search_options=options))
    assert (body["tools"], body["web_search_options"], losses) == (tools, options, [])


@pytest.mark.parametrize(
    ("choice", "instruction"),
    [
        (ToolChoice("required"), "Call one of the tools in this turn."),
        (ToolChoice("tool", ("f",)), "Call the tool `f` in this turn."),
        (ToolChoice("none"), None),
    ],
)
def test_models_that_refuse_a_demand_are_asked_in_words(choice: ToolChoice, instruction: str | None) -> None:
    body, losses = _tools(Tool("f"), choice=choice, forced_tools=False)
    if instruction is None:
        assert (body["tool_choice"], losses) == ("none", [])
    else:
        assert (body["tool_choice"], losses) == ("auto", [("emulated", "tool_choice")])
        assert body["messages"][0] == {"role": "system", "content": instruction}


def test_names_that_openai_does_not_take_are_told_once() -> None:
    long = "mcp__" + "x" * 80
    call = Message("assistant", [ToolUse("i", long, "{}")])
    request = foreign(user(Text("x")), call, tools=[Tool(long)], tool_choice=ToolChoice("tool", (long,)))
    body, losses = encoded(request)
    name = shortened(long)
    assert [body["tools"][0]["function"]["name"], body["tool_choice"]["function"]["name"]] == [name, name]
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == name
    # The messages are encoded first.
    assert told(losses) == [("mapped", "messages[1].content[0].name")]


def test_a_free_text_tool_is_a_function_where_the_target_has_none() -> None:
    tool = Tool("free", "Edits.", kind="custom", format={"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}})
    request = foreign(
        user(Text("hi")),
        Message("assistant", [ToolUse("c", "free", "do it", "custom")]),
        Message("tool", [ToolResult("c", [Text("done")])]),
        tools=[tool],
        tool_choice=ToolChoice("tool", ("free",)),
    )
    body, losses = encoded(request)
    (function,) = body["tools"]
    assert function["type"] == "function"
    assert function["function"]["parameters"]["required"] == ["input"]
    assert "lark grammar" in function["function"]["description"]
    assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "free", "arguments": '{"input":"do it"}'}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "free"}}
    assert told(losses) == [("emulated", "tools[0]")]
    body, losses = encoded(request, custom_tools=True)
    assert (body["tools"][0]["type"], body["messages"][1]["tool_calls"][0]["type"], losses) == ("custom", "custom", [])
