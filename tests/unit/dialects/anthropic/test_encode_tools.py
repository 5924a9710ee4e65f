"""Tools and tool choices of other dialects' requests, to the wire."""

from typing import Any

import pytest
from tests.unit.dialects.anthropic.making import encode, foreign, lost, message

from tidegate.dialects.names import shortened
from tidegate.ir.content import ToolUse
from tidegate.ir.errors import GatewayError
from tidegate.ir.request import AnyTool, NativeTool, Tool, ToolChoice, WebSearch

OBJECT: dict[str, Any] = {"type": "object", "properties": {}}
F, G = Tool("f", schema=OBJECT), Tool("g", schema=OBJECT)


def _sent(*tools: AnyTool, capabilities: dict[str, Any] | None = None, **fields: Any) -> tuple[dict[str, Any], set[tuple[str, str]]]:
    body, losses = encode(foreign(tools=list(tools), max_tokens=1, **fields), **(capabilities or {}))
    return body, lost(losses)


def test_a_function() -> None:
    body, losses = _sent(Tool("f", "does f", OBJECT, extras={"x": 1}))
    assert body["tools"] == [{"name": "f", "description": "does f", "input_schema": OBJECT}]
    assert losses == {("dropped", "tools[0].x")}


@pytest.mark.parametrize(
    ("schema", "noted"), [(None, False), ({}, False), ({"properties": {"a": {}}}, True), ({"type": ["object", "null"]}, True)]
)
def test_schemas_are_of_objects(schema: Any, noted: bool) -> None:
    body, losses = _sent(Tool("f", "", schema))
    sent = body["tools"][0]["input_schema"]
    assert sent["type"] == "object"
    assert sent["properties"] == (schema or {}).get("properties", {})
    assert "description" not in body["tools"][0]
    assert (("mapped", "tools[0].function.parameters.type") in losses) is noted


def test_strict_where_the_model_can() -> None:
    closed: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}, "additionalProperties": False}
    body, losses = _sent(Tool("f", schema=closed, strict=True))
    assert body["tools"][0]["strict"] is True
    assert body["tools"][0]["input_schema"]["properties"] == {"a": {"type": "string", "description": "{maxLength: 3}"}}
    assert losses == {("emulated", "tools[0].function.parameters.properties.a.maxLength")}


@pytest.mark.parametrize(
    ("schema", "capabilities"),
    [
        ({"type": "object", "properties": {"a": {"type": "object"}}}, {}),
        ({**OBJECT, "additionalProperties": False}, {"structured": "none"}),
    ],
)
def test_strict_where_it_cannot_be_kept_is_dropped(schema: Any, capabilities: dict[str, Any]) -> None:
    body, losses = _sent(Tool("f", schema=schema, strict=True), capabilities=capabilities)
    assert body["tools"] == [{"name": "f", "input_schema": schema}]
    assert losses == {("dropped", "tools[0].function.strict")}


def test_a_free_text_tool_is_a_function_with_one_field() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: WORD"}}
    body, losses = _sent(Tool("f", "does f", kind="custom", format=grammar))
    (sent,) = body["tools"]
    assert sent["input_schema"] == {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    assert sent["description"] == "does f\n\nThe input must fit this lark grammar:\nstart: WORD"
    assert losses == {("emulated", "tools[0]")}


def test_web_search_where_the_model_can() -> None:
    search = WebSearch("high", {"city": "Kiel", "country": "DE"}, ["a.org"], None, 3, raw={"user_location": {"z": 2}, "y": 1})
    body, losses = _sent(search, capabilities={"web_search": True})
    assert body["tools"] == [
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "user_location": {"type": "approximate", "city": "Kiel", "country": "DE"},
            "allowed_domains": ["a.org"],
            "max_uses": 3,
        }
    ]
    assert losses == {
        ("dropped", "web_search_options.search_context_size"),
        ("dropped", "web_search_options.user_location.z"),
        ("dropped", "web_search_options.y"),
    }
    assert _sent(search)[1] == {("dropped", "web_search_options")}


def test_another_providers_tools_are_not_offered() -> None:
    body, losses = _sent(NativeTool("openai_chat", {"type": "x"}), NativeTool("anthropic", {"type": "bash_20250124"}))
    assert body["tools"] == [{"type": "bash_20250124"}]
    assert losses == {("dropped", "tools[0]")}


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("tool", ("g",)), True, {"type": "tool", "name": "g"}),
        (ToolChoice("none"), None, {"type": "none"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("allowed", ("g",)), None, {"type": "auto"}),
        (ToolChoice("allowed", ("g",), True), None, {"type": "any"}),
    ],
)
def test_choices(choice: ToolChoice | None, parallel: bool | None, expected: Any) -> None:
    body, _ = _sent(F, G, tool_choice=choice, parallel_tool_calls=parallel)
    assert body.get("tool_choice") == expected
    offered = [tool["name"] for tool in body["tools"]]
    assert offered == (["g"] if choice is not None and choice.mode == "allowed" else ["f", "g"])


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (ToolChoice("required"), "Call one of the tools in this turn."),
        (ToolChoice("tool", ("g",)), "Call the tool `g` in this turn."),
        (ToolChoice("allowed", ("g",), True), "Call one of the tools in this turn."),
        (ToolChoice("auto"), None),
    ],
)
def test_models_that_refuse_a_demand_are_asked_in_words(choice: ToolChoice, told: str | None) -> None:
    body, losses = _sent(F, G, tool_choice=choice, parallel_tool_calls=False, capabilities={"forced_tools": False})
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert body.get("system") == told
    assert (("emulated", "tool_choice") in losses) is (told is not None)


def test_the_allowed_tools_are_on_the_receipt() -> None:
    assert _sent(F, G, tool_choice=ToolChoice("allowed", ("g",)))[1] == {("emulated", "tools[0]"), ("emulated", "tool_choice")}


def test_choices_without_tools() -> None:
    body, losses = _sent(tool_choice=ToolChoice("auto"), parallel_tool_calls=True)
    assert body.keys() == {"model", "max_tokens", "messages"}
    assert losses == {("mapped", "tool_choice"), ("mapped", "parallel_tool_calls")}
    with pytest.raises(GatewayError) as refused:
        _sent(tool_choice=ToolChoice("required"))
    assert refused.value.error.param == "tool_choice"


def test_names_that_anthropic_does_not_take_are_told_once() -> None:
    call = ToolUse("i", "a.b", "{}")
    request = foreign(
        message("user", "x"), message("assistant", call), tools=[Tool("a.b"), G], tool_choice=ToolChoice("tool", ("a.b",)), max_tokens=1
    )
    body, losses = encode(request)
    name = shortened("a.b")
    assert (body["tools"][0]["name"], body["tool_choice"]["name"], body["messages"][1]["content"][0]["name"]) == (name, name, name)
    assert lost(losses) == {("mapped", "tools[0].function.name")}
    assert len(losses) == 1


def test_clients_of_functions_get_one_call() -> None:
    body, _ = encode(foreign(tools=[F], legacy_functions=True, max_tokens=1))
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
