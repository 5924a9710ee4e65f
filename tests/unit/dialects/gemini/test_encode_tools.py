"""Schemas of functions at Gemini: left out where they say nothing."""

import json
from typing import Any

import pytest

from tidegate.dialects.gemini import DIALECT
from tidegate.ir.content import Text, ToolResult, ToolUse
from tidegate.ir.request import Message, Request, Tool
from tidegate.ir.target import Capabilities, Profile, Quirks

PROFILE = Profile(provider="p", model="m", capabilities=Capabilities(), quirks=Quirks())


def _declared(schema: Any) -> dict[str, Any]:
    request = Request(dialect="openai_chat", model="m", messages=[Message("user", [Text("hi")])], tools=[Tool("f", schema=schema)])
    return json.loads(DIALECT.encode_request(request, PROFILE).body)["tools"][0]["functionDeclarations"][0]


@pytest.mark.parametrize(
    "schema",
    [None, {}, {"type": "object"}, {"type": "object", "properties": {}, "required": [], "additionalProperties": False, "title": "t"}],
)
def test_a_function_without_parameters_has_no_schema(schema: Any) -> None:
    assert _declared(schema) == {"name": "f"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "properties": {}, "minProperties": 1},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}},
    ],
)
def test_a_schema_that_says_something_goes_along(schema: Any) -> None:
    assert _declared(schema)["parametersJsonSchema"] == schema


def test_a_result_has_the_name_of_the_call_before_it_where_ids_come_again() -> None:
    turns = [Message("user", [Text("hi")])]
    for name in ("f", "g"):
        turns += [Message("assistant", [ToolUse("call_0", name, "{}")]), Message("user", [ToolResult("call_0", [Text("ok")])])]
    body = json.loads(DIALECT.encode_request(Request(dialect="openai_chat", model="m", messages=turns), PROFILE).body)
    results = [part["functionResponse"]["name"] for turn in body["contents"] for part in turn["parts"] if "functionResponse" in part]
    assert results == ["f", "g"]
