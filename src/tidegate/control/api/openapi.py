"""The OpenAPI 3.1 document of the control API, made from the table. `docs/openapi.json` is what `render` gives; a test compares."""

import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from tidegate.control.api.problem import CONTENT_TYPE, Document
from tidegate.control.api.table import AUTHENTICATED, BASE, Route

_REF = "#/components/schemas/{name}"
_PART = re.compile(r"\{(\w+)\}")
_ID_SCHEMA = {"type": "string", "pattern": "^[0-9A-Za-z_-]{1,64}$"}
_DESCRIPTION = (
    "Tenants, people, keys and figures of a Tidegate gateway. Send an admin key (`tgk_adm_…`) as bearer token. Lists are paged by "
    "`cursor`; edits need the `ETag` of what they edit in `If-Match`; creations may carry an `Idempotency-Key`."
)


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The document as plain values."""
    bodies = [route.asked for route in routes if route.has_body]
    queries = [route.asked for route in routes if not route.has_body]
    answers = [route.answer for route in routes if route.answer is not None]
    kinds = list(dict.fromkeys([*bodies, *queries, *answers, Document]))
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    components = {name: _in_ecma(schema) for name, schema in components.items()}
    by_kind = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.full_path, {})[route.method.lower()] = _operation(route, by_kind, components)
    asked_in_query = {_name_of(by_kind[kind]) for kind in queries} - {_name_of(by_kind[kind]) for kind in bodies}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tidegate control API", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{"adminKey": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"adminKey": {"type": "http", "scheme": "bearer", "bearerFormat": "tgk_adm_…"}},
            "schemas": {name: schema for name, schema in sorted(components.items()) if name not in asked_in_query},
        },
    }


def render(routes: Sequence[Route]) -> bytes:
    """The document as it is served and committed."""
    return msgspec.json.format(msgspec.json.encode(document(routes)), indent=1) + b"\n"


def _operation(route: Route, by_kind: dict[Any, dict[str, Any]], components: dict[str, Any]) -> dict[str, Any]:
    needs = "any admin key" if route.permission == AUTHENTICATED else f"the permission `{route.permission}`"
    parameters = [{"name": name, "in": "path", "required": True, "schema": _ID_SCHEMA} for name in _PART.findall(route.path)]
    if not route.has_body:
        parameters += _query(components[_name_of(by_kind[route.asked])])
    parameters += _headers(route)
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"Needs {needs}.",
        "tags": [_tag(route)],
        "x-permission": route.permission,
    }
    if parameters:
        operation["parameters"] = parameters
    if route.has_body:
        required = bool(components[_name_of(by_kind[route.asked])].get("required"))
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": by_kind[route.asked]}}}
    operation["responses"] = _responses(route, by_kind)
    return operation


def _responses(route: Route, by_kind: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    done: dict[str, Any] = {"description": route.status.phrase}
    if route.answer is not None:
        done["content"] = {"application/json": {"schema": by_kind[route.answer]}}
        if route.csv is not None:
            done["content"]["text/csv"] = {"schema": {"type": "string"}}
    refused = {"description": "Refused", "content": {CONTENT_TYPE: {"schema": by_kind[Document]}}}
    return {str(route.status.value): done, "4XX": refused, "5XX": refused}


def _in_ecma(schema: Any) -> Any:
    """With patterns as JSON Schema has them: there `$` is the end and nothing else, and `\\Z` is a letter."""
    if isinstance(schema, list):
        return [_in_ecma(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    found = {name: _in_ecma(value) for name, value in cast("dict[str, Any]", schema).items()}
    if isinstance(found.get("pattern"), str):
        found["pattern"] = found["pattern"].replace(r"\Z", "$")
    return found


def _query(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = schema.get("required", [])
    found: list[dict[str, Any]] = []
    for name, field in schema["properties"].items():
        parameter: dict[str, Any] = {"name": name, "in": "query", "required": name in required, "schema": _without_null(field)}
        if field.get("type") == "array":
            parameter |= {"style": "form", "explode": True}
        found.append(parameter)
    return found


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A query has no null: what is not asked for is left out."""
    options = [option for option in field.get("anyOf", ()) if option != {"type": "null"}]
    rest = {name: value for name, value in field.items() if name not in ("anyOf", "default")}
    if len(options) == 1:
        return {**options[0], **rest}
    found = field if field.get("default", 0) is not None else rest | ({"anyOf": options} if options else {})
    if "enum" in found:
        return {**found, "enum": [value for value in found["enum"] if value is not None]}
    return found


def _headers(route: Route) -> list[dict[str, Any]]:
    if route.method == "PATCH":
        return [{"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}}]
    if route.creates:
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
        return [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema}]
    return []


def _tag(route: Route) -> str:
    parts = route.full_path.removeprefix(BASE + "/orgs/{org}/").removeprefix(BASE + "/").split("/")
    return parts[0]


def _name_of(schema: dict[str, Any]) -> str:
    return schema["$ref"].rpartition("/")[2]
