"""A published OpenAPI document (OpenAI's own) as validators of answers, one for each of its schemas."""

import gzip
import json
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def openai_schema(folder: Path) -> "Schema":
    with gzip.open(folder / "openai-openapi.json.gz", "rt", encoding="utf-8") as file:
        return Schema(json.load(file))


class Schema:
    def __init__(self, document: Any) -> None:
        self._components = {"schemas": _plain(document["components"]["schemas"])}
        self._validators: dict[str, Draft202012Validator] = {}

    def faults(self, name: str, value: Any) -> list[str]:
        """What is wrong with `value` as a `name`, each with its path."""
        validator = self._validators.get(name)
        if validator is None:
            document = {"$schema": _DRAFT, "$ref": f"#/components/schemas/{name}", "components": self._components}
            validator = self._validators[name] = Draft202012Validator(document)
        return [] if validator.is_valid(value) else [_told(error) for error in validator.iter_errors(value)]


def _plain(schema: Any) -> Any:
    """The document has `nullable` of OpenAPI 3.0 in some places, which JSON Schema does not know."""
    if isinstance(schema, list):
        return [_plain(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _plain(inner) for name, inner in schema.items()}
    return {"anyOf": [{"type": "null"}, plain]} if schema.get("nullable") is True else plain


def _told(error: ValidationError) -> str:
    return f"{'.'.join(map(str, error.instance_path)) or '$'}: {error.message[:300]}"
