"""The OpenAPI document: committed as it is served, whole, and without anything that could be used."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.control.api.openapi import document, render
from tidegate.control.api.routes import ROUTES

PAGE = Path(__file__).parents[4] / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(render(ROUTES))
SECRET = re.compile(r"hash|secret|cipher|digest|sealed|pepper|password|token", re.IGNORECASE)
TOKENS = re.compile(r"tokens|max_output_tokens|tokens_per_\w+")
"""What models read and write."""


def walk(value: Any) -> Iterator[Any]:
    yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(child)


def reachable(schema: Any) -> set[str]:
    """The names of the components that a schema is made of."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        for node in walk(waiting.pop()):
            reference = node.get("$ref") if isinstance(node, dict) else None
            name = reference.rpartition("/")[2] if isinstance(reference, str) else ""
            if name and name not in found:
                found.add(name)
                waiting.append(DOCUMENT["components"]["schemas"][name])
    return found


def answers() -> Iterator[tuple[str, dict[str, Any]]]:
    for operations in DOCUMENT["paths"].values():
        for operation in operations.values():
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    yield operation["operationId"], content["schema"]


def test_the_committed_document_is_the_one_that_is_served() -> None:
    assert PAGE.read_bytes() == render(ROUTES), "docs/openapi.json is stale: run `python scripts/write_openapi.py`"


def test_every_route_is_in_it_with_its_permission() -> None:
    told = {
        (method.upper(), path): operation["x-permission"]
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
    }
    assert told == {(route.method, route.full_path): route.permission for route in ROUTES}


def test_every_reference_leads_somewhere() -> None:
    references = {node["$ref"] for node in walk(DOCUMENT) if isinstance(node, dict) and "$ref" in node}
    assert references
    assert {reference.removeprefix("#/components/schemas/") for reference in references} <= set(DOCUMENT["components"]["schemas"])


def test_every_part_of_a_path_is_a_parameter() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for operation in operations.values():
            given = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"}
            assert given == set(re.findall(r"\{(\w+)\}", path))


def test_no_answer_has_a_field_that_could_be_used() -> None:
    """T-SEC-9: of every answer, the names of all fields at any depth."""
    fields: set[tuple[str, str]] = set()
    for _, schema in answers():
        for name in reachable(schema):
            component = DOCUMENT["components"]["schemas"][name]
            fields.update((name, field) for field in component.get("properties", {}) if SECRET.search(field))
    assert {(name, field) for name, field in fields if not TOKENS.fullmatch(field)} == {
        ("MadeKey", "token"),
        ("MadeKey", "aws_secret_access_key"),
        ("WebhookSecret", "secret"),
    }


@pytest.mark.parametrize(
    ("kind", "operations"), [("MadeKey", {"create_key", "rotate_key"}), ("WebhookSecret", {"create_webhook", "rotate_webhook"})]
)
def test_a_secret_is_in_the_answers_of_creation_and_rotation_only(kind: str, operations: set[str]) -> None:
    assert {operation for operation, schema in answers() if kind in reachable(schema)} == operations


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_what_is_sent_has_no_room_for_more(name: str) -> None:
    sent = {
        found for path in DOCUMENT["paths"].values() for operation in path.values() for found in reachable(operation.get("requestBody"))
    }
    if name in sent:
        assert DOCUMENT["components"]["schemas"][name]["additionalProperties"] is False


def test_the_same_table_gives_the_same_document() -> None:
    assert document(ROUTES) == document(ROUTES)
