"""Google's schema language (a subset of OpenAPI 3.0: types in capitals, `nullable`, bounds as texts) as JSON Schema. The other way is not
needed: where a JSON Schema came, it goes as `parametersJsonSchema` and `responseJsonSchema`."""

from typing import cast

from tidegate.dialects.gemini.names import camel
from tidegate.ir.errors import bad_request
from tidegate.ir.json import Json, JsonObject

_TYPES = frozenset(("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"))
_NUMBERED = {1: "string", 2: "number", 3: "integer", 4: "boolean", 5: "array", 6: "object", 7: "null"}
_COUNTS = frozenset(("minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"))
_DEEPEST = 64


def to_json_schema(schema: JsonObject, path: str) -> JsonObject:
    """Raises `bad_request` where it is nested too deeply."""
    return _walk(schema, path, 0)


def _walk(schema: JsonObject, path: str, depth: int) -> JsonObject:
    if depth > _DEEPEST:
        raise bad_request(f"{path}: the schema is nested too deeply", path)
    out: JsonObject = {}
    for name, value in camel(schema).items():
        match name:
            case "type":
                out[name] = _type(value)
            case "properties" if type(value) is dict:
                out[name] = {key: _inner(item, path, depth) for key, item in cast("JsonObject", value).items()}
            case "items":
                out[name] = _inner(value, path, depth)
            case "anyOf" | "prefixItems" if type(value) is list:
                out[name] = [_inner(item, path, depth) for item in cast("list[Json]", value)]
            case "nullable" | "propertyOrdering" | "example":
                continue
            case _ if name in _COUNTS and type(value) is str and value.isdecimal():
                out[name] = int(value)
            case "format" if value == "enum":
                continue
            case _:
                out[name] = value
    return _nullable(out) if schema.get("nullable") is True else out


def _type(value: Json) -> Json:
    if type(value) is int:
        return _NUMBERED.get(value, value)
    return value.lower() if type(value) is str and value in _TYPES else value


def _inner(value: Json, path: str, depth: int) -> Json:
    return _walk(cast("JsonObject", value), path, depth + 1) if type(value) is dict else value


def _nullable(schema: JsonObject) -> JsonObject:
    kind, choices = schema.get("type"), schema.get("anyOf")
    if type(kind) is str:
        listed = schema.get("enum")
        more: JsonObject = {"enum": [*listed, None]} if type(listed) is list and None not in listed else {}
        return {**schema, "type": [kind, "null"], **more}
    if type(choices) is list:
        return {**schema, "anyOf": [*choices, {"type": "null"}]}
    return schema
