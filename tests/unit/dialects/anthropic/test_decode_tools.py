"""Tools and tool choices from the wire."""

from typing import Any

import pytest
from tests.unit.dialects.anthropic.making import decode

from tidegate.ir.content import CacheMark
from tidegate.ir.errors import GatewayError
from tidegate.ir.request import AnyTool, NativeTool, Tool, ToolChoice, WebSearch

SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}
SEARCH: dict[str, Any] = {
    "type": "web_search_20250305",
    "name": "web_search",
    "max_uses": 2,
    "blocked_domains": ["b"],
    "user_location": {"type": "approximate", "city": "Kiel"},
}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"name": "t", "input_schema": SCHEMA}, Tool("t", schema=SCHEMA)),
        ({"type": "custom", "name": "t", "description": "d", "input_schema": SCHEMA, "strict": True}, Tool("t", "d", SCHEMA, True)),
        (
            {"name": "t", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}, "defer_loading": True},
            Tool("t", schema=SCHEMA, cache=CacheMark(), extras={"defer_loading": True}),
        ),
        (SEARCH, WebSearch(user_location={"city": "Kiel"}, blocked_domains=["b"], max_uses=2, raw=SEARCH)),
        ({"type": "bash_20250124", "name": "bash"}, NativeTool("anthropic", {"type": "bash_20250124", "name": "bash"})),
    ],
)
def test_tools(raw: dict[str, Any], expected: AnyTool) -> None:
    assert decode(tools=[raw]).tools == [expected]


@pytest.mark.parametrize(
    ("raw", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required"), False),
        ({"type": "tool", "name": "t", "disable_parallel_tool_use": False}, ToolChoice("tool", ("t",)), True),
        ({"type": "none"}, ToolChoice("none"), None),
    ],
)
def test_choices(raw: dict[str, Any], choice: ToolChoice, parallel: bool | None) -> None:
    request = decode(tool_choice=raw)
    assert (request.tool_choice, request.parallel_tool_calls) == (choice, parallel)


def test_unknown_fields_of_a_choice_are_kept() -> None:
    assert decode(tool_choice={"type": "auto", "x": 1}).extras == {"tool_choice": {"x": 1}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": ["t"]}, "tools[0]"),
        ({"tools": [{"type": 5}]}, "tools[0].type"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tools": [{"name": "t", "input_schema": "x"}]}, "tools[0].input_schema"),
        ({"tools": [{"name": "t", "strict": "yes"}]}, "tools[0].strict"),
        ({"tools": [{"type": "web_search_20250305", "max_uses": "x"}]}, "tools[0].max_uses"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice.type"),
    ],
)
def test_wrong_tools_are_refused_with_their_path(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        decode(**fields)
    assert refused.value.error.param == param
