from typing import Any

import pytest
from tests.unit.dialects.openai_responses.making import again, decode

from tidegate.dialects.openai_responses import DIALECT
from tidegate.ir.content import Text
from tidegate.ir.errors import GatewayError
from tidegate.ir.request import Message, NativeTool, OutputFormat, Reasoning, Tool, ToolChoice, WebSearch
from tidegate.wire.splice import scan


def test_settings_have_their_neutral_names() -> None:
    request = decode(
        instructions="be brief",
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.9,
        store=False,
        include=["reasoning.encrypted_content", "file_search_call.results"],
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}, "verbosity": "low"},
        safety_identifier="u",
        parallel_tool_calls=False,
        stream=True,
    )
    assert request.messages[0] == Message("system", [Text("be brief")])
    assert (request.instructions, request.max_tokens, request.temperature, request.top_p) == (True, 9, 0.5, 0.9)
    assert (request.store, request.encrypted_reasoning, request.extras) == (False, True, {"include": ["file_search_call.results"]})
    assert request.reasoning == Reasoning("enabled", "low", display="auto")
    assert request.output == OutputFormat("json_schema", "n", None, {"type": "object"}, True)
    assert (request.verbosity, request.user, request.parallel_tool_calls, request.stream) == ("low", "u", False, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"truncation": "disabled"},
        {"background": False},
        {"metadata": {}},
        {"text": {"format": {"type": "text"}}},
        {"reasoning": {"effort": None}},
        {"previous_response_id": None},
    ],
)
def test_defaults_say_nothing(fields: dict[str, Any]) -> None:
    assert decode(**fields) == decode()


@pytest.mark.parametrize(
    ("choice", "neutral"),
    [
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("tool", ("f",))),
        ({"type": "apply_patch"}, ToolChoice("tool", ("apply_patch",))),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            ToolChoice("allowed", ("f",), True),
        ),
        ({"type": "web_search_preview"}, None),
    ],
)
def test_choices(choice: Any, neutral: ToolChoice | None) -> None:
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}, {"type": "apply_patch"}]
    request = decode(tool_choice=choice, tools=tools)
    assert request.tool_choice == neutral
    assert again(request)["tool_choice"] == choice


def test_tools_of_every_kind_come_back() -> None:
    tools = [
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": False, "defer_loading": True},
        {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
        {"type": "web_search", "filters": {"allowed_domains": ["a.org"]}, "user_location": {"type": "approximate", "city": "Kiel"}},
        {"type": "local_shell"},
        {"type": "shell", "environment": {"type": "local"}},
        {"type": "apply_patch"},
        {"type": "mcp", "server_label": "l", "server_url": "https://example.org"},
    ]
    request = decode(tools=tools)
    assert again(request)["tools"] == tools
    function, custom, search, shell, _, _, native = request.tools
    assert isinstance(function, Tool)
    assert isinstance(custom, Tool)
    assert custom.format == {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}
    assert isinstance(search, WebSearch)
    assert (search.allowed_domains, search.user_location) == (["a.org"], {"city": "Kiel"})
    assert isinstance(shell, Tool)
    assert shell.builtin == "local_shell"
    assert native == NativeTool("openai_responses", tools[-1])


@pytest.mark.parametrize("field", ["previous_response_id", "conversation", "prompt"])
def test_what_only_its_keeper_can_honour_is_told(field: str) -> None:
    request = decode(**{field: "x", "input": None})
    assert request.own_only == (field,)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"model": None}, "model"),
        ({"input": 5}, "input"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [{"name": "f"}]}, "tools[0].type"),
        ({"text": {"format": {"type": "json_schema", "schema": 5}}}, "text.format.schema"),
        ({"include": [5]}, "include"),
        ({"max_output_tokens": "9"}, "max_output_tokens"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        decode(**fields)
    assert refused.value.error.param == param


def test_the_head() -> None:
    found = DIALECT.head(scan(b'{"model":"m","stream":true}'))
    assert (found.model, found.stream) == ("m", True)
    for body in (b"{}", b'{"model":5}', b'{"model":"m","stream":"yes"}'):
        with pytest.raises(GatewayError):
            DIALECT.head(scan(body))
