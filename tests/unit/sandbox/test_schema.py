import re

import pytest

from tidegate.sandbox.schema import sample
from tidegate.sandbox.values import Json


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "sandbox"),
        ({"type": "string", "enum": ["b", "a"]}, "b"),
        ({"const": 7}, 7),
        ({"type": ["null", "integer"]}, 1),
        ({"type": "null"}, None),
        ({"type": "boolean"}, True),
        ({"type": "integer", "minimum": 5, "multipleOf": 4}, 8),
        ({"type": "number", "exclusiveMaximum": 1, "minimum": 0}, 0.5),
        ({"type": "string", "minLength": 9}, "sandboxxx"),
        ({"type": "string", "maxLength": 3}, "san"),
        ({"type": "string", "format": "date"}, "2025-01-31"),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2, "uniqueItems": True}, [1, 2]),
        ({"type": "array", "maxItems": 0, "items": {}}, []),
        ({"prefixItems": [{"type": "integer"}, {"type": "boolean"}]}, [1, True]),
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, True),
        ({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a", "b"]}, {"a": 1, "b": "sandbox"}),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "integer"}}}, 1),
        ({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}], "type": "object"}, {"a": 1, "b": 2}),
        (True, "sandbox"),
    ],
)
def test_values_that_fit(schema: Json, value: Json) -> None:
    assert sample(schema) == value


@pytest.mark.parametrize("pattern", [r"^[A-Z]{3}$", r"^\d{4}-\d{2}$", r"^[a-z]+@[a-z]+$", r"^#[0-9a-f]{6}$", r"^x\.y$"])
def test_simple_patterns_are_met(pattern: str) -> None:
    assert re.search(pattern, str(sample({"type": "string", "pattern": pattern})))


def test_a_recursive_schema_ends() -> None:
    node: Json = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "all": {"type": "array", "items": {"$ref": "#"}}},
    }
    assert isinstance(sample(node), dict)
