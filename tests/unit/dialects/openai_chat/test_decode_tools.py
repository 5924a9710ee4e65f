from typing import Any

import pytest
from tests.unit.dialects.openai_chat.samples import decoded

from tidegate.ir.content import CacheMark
from tidegate.ir.request import NativeTool, Tool, ToolChoice, WebSearch


def test_tools_of_every_kind() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}
    request = decoded(
        web_search_options={
            "search_context_size": "low",
            "user_location": {"type": "approximate", "approximate": {"city": "Oslo"}},
            "x": 1,
        },
        tools=[
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}},
            {"function": {"name": "g", "parameters": None}},
            {"type": "function", "function": {"name": "h", "x": 1}, "cache_control": {"type": "ephemeral"}, "y": 2},
            {"type": "custom", "custom": {"name": "c", "format": grammar}},
            {"type": "openrouter:web_search", "parameters": {}},
        ],
    )
    assert request.tools == [
        Tool("f", "d", {"type": "object"}, True),
        Tool("g"),
        Tool("h", cache=CacheMark(), extras={"function": {"x": 1}, "y": 2}),
        Tool("c", kind="custom", format=grammar),
        NativeTool("openai_chat", {"type": "openrouter:web_search", "parameters": {}}),
        WebSearch("low", {"city": "Oslo"}, raw={"x": 1}),
    ]


def test_legacy_functions() -> None:
    request = decoded(functions=[{"name": "f", "parameters": {"type": "object"}, "x": 1}], function_call={"name": "f"})
    assert request.tools == [Tool("f", schema={"type": "object"}, extras={"function": {"x": 1}})]
    assert request.tool_choice == ToolChoice("tool", ("f",))
    assert decoded(function_call="none").tool_choice == ToolChoice("none")
    both = decoded(function_call="auto", tool_choice="none")
    assert (both.tool_choice, both.extras) == (ToolChoice("none"), {"function_call": "auto"})


ALLOWED = {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}]}


@pytest.mark.parametrize(
    ("given", "choice", "extras"),
    [
        ("auto", ToolChoice("auto"), {}),
        ("none", ToolChoice("none"), {}),
        ("required", ToolChoice("required"), {}),
        ("any", ToolChoice("required"), {}),
        ({"type": "auto"}, ToolChoice("auto"), {}),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", ("f",)), {}),
        ({"function": {"name": "f"}}, ToolChoice("tool", ("f",)), {}),
        ({"type": "function", "function": {"name": "f", "x": 1}}, ToolChoice("tool", ("f",)), {"tool_choice": {"function": {"x": 1}}}),
        ({"type": "custom", "custom": {"name": "c"}}, ToolChoice("tool", ("c",)), {}),
        ({"type": "allowed_tools", "allowed_tools": ALLOWED}, ToolChoice("allowed", ("f", "c"), True), {}),
        ({"type": "new"}, None, {"tool_choice": {"type": "new"}}),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "mcp", "mcp": {}}]}},
            None,
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "mcp", "mcp": {}}]}}},
        ),
    ],
)
def test_tool_choice_in_all_its_forms(given: Any, choice: ToolChoice | None, extras: dict[str, Any]) -> None:
    request = decoded(tool_choice=given)
    assert (request.tool_choice, request.extras) == (choice, extras)
