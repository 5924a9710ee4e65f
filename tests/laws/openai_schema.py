"""OpenAI's published schema, as far as answers need it: a validator for the keywords that it uses there."""

import gzip
import json
from pathlib import Path
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


class Schema:
    def __init__(self, folder: Path) -> None:
        with gzip.open(folder / "openai-openapi.json.gz", "rt", encoding="utf-8") as file:
            self._schemas: dict[str, Any] = json.load(file)["components"]["schemas"]

    def faults(self, name: str, value: Any) -> list[str]:
        """What is wrong with `value` as a `name`, each with its path."""
        return self._faults(self._schemas[name], value, "$")

    def _faults(self, schema: dict[str, Any], value: Any, path: str) -> list[str]:
        if "$ref" in schema:
            return self._faults(self._schemas[schema["$ref"].rpartition("/")[2]], value, path)
        if value is None and schema.get("nullable"):
            return []
        found: list[str] = []
        for branch in schema.get("allOf", ()):
            found += self._faults(branch, value, path)
        choices = schema.get("anyOf") or schema.get("oneOf")
        if choices:
            tried = [self._faults(choice, value, path) for choice in choices]
            if all(tried):
                found += min(tried, key=len)
        kind = schema.get("type")
        if kind and (not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
            return [*found, f"{path}: {value!r} is no {kind}"]
        if "enum" in schema and value not in schema["enum"]:
            found.append(f"{path}: {value!r} is none of {schema['enum']}")
        if isinstance(value, dict):
            found += [f"{path}: {name} is missing" for name in schema.get("required", ()) if name not in value]
            for name, inner in schema.get("properties", {}).items():
                if name in value:
                    found += self._faults(inner, value[name], f"{path}.{name}")
        if isinstance(value, list) and "items" in schema:
            for index, item in enumerate(value):
                found += self._faults(schema["items"], item, f"{path}[{index}]")
        return found
