"""Schemas for constrained decoding: closed, without bounds, and said where they cannot be."""

from typing import Any

import pytest

from tidegate.dialects.strict_schema import adapt


def test_nothing_to_adapt() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"enum": ["x"]}}, "required": ["a"], "additionalProperties": False}
    assert adapt(schema) == (schema, [])


def test_a_format_that_is_no_word_is_said_like_one_that_nobody_knows() -> None:
    assert adapt({"type": "string", "format": ["email"]})[1] == ["format"]


def test_objects_are_closed_and_bounds_are_said_in_words() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "list": {"type": "array", "minItems": 2, "items": {"type": "object", "properties": {}, "description": "d", "minProperties": 1}},
            "some": {
                "type": "array",
                "minItems": 1,
                "items": {"oneOf": [{"type": "string", "format": "email"}, {"type": "string", "format": "odd"}]},
            },
        },
        "$defs": {"x": {"properties": {"y": {"$ref": "#/$defs/z"}}}, "z": {"type": "number", "maximum": 3}},
    }
    adapted, changes = adapt(schema)
    assert adapted == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "list": {
                "type": "array",
                "items": {"type": "object", "properties": {}, "additionalProperties": False, "description": "d\n\n{minProperties: 1}"},
                "description": "{minItems: 2}",
            },
            "some": {
                "type": "array",
                "minItems": 1,
                "items": {"anyOf": [{"type": "string", "format": "email"}, {"type": "string", "description": '{format: "odd"}'}]},
            },
        },
        "$defs": {
            "x": {"properties": {"y": {"$ref": "#/$defs/z"}}, "additionalProperties": False},
            "z": {"type": "number", "description": "{maximum: 3}"},
        },
    }
    assert set(changes) == {
        "additionalProperties",
        "properties.list.minItems",
        "properties.list.items.minProperties",
        "properties.list.items.additionalProperties",
        "properties.some.items.oneOf",
        "properties.some.items.oneOf[1].format",
        "$defs.x.additionalProperties",
        "$defs.z.maximum",
    }


@pytest.mark.parametrize(
    "schema",
    [
        None,
        True,
        "x",
        {"type": "object"},
        {"type": ["object", "null"]},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {}, "patternProperties": {"^x": {}}},
        {"type": "array", "items": True},
        {"anyOf": [{"type": "string"}, False]},
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.org/schema.json"},
        {"$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"},
        {"$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"items": {"$ref": "#/$defs/a"}}}},
        {"$defs": {"a": {"items": {"$ref": "#/nowhere"}}}},
    ],
)
def test_what_cannot_be_adapted(schema: Any) -> None:
    assert adapt(schema) == (None, [])


def test_a_deep_schema_is_given_up() -> None:
    schema: dict[str, Any] = {}
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    assert adapt(schema) == (None, [])
