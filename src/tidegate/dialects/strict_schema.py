"""JSON Schemas as Anthropic's constrained decoding takes them.

Its limits (documented under structured outputs): `additionalProperties: false` on every object, no numeric, length or pattern bounds, no
`minItems` above 1, no recursion. What only narrows a value is moved into the description, as Anthropic's own SDKs do; what cannot be
said is reported, and the caller emulates.
"""

from typing import cast

import msgspec

from tidegate.ir.json import Json, JsonObject

_BOUNDS = frozenset(
    (
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "pattern",
    )
)
_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
_NAMED = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_DEEPEST = 64


class _Cannot(Exception):
    """The schema says something that constrained decoding has no way to hold to."""


def adapt(schema: Json) -> tuple[JsonObject | None, list[str]]:
    """The schema for Anthropic and the paths of what was changed; None where it cannot be adapted."""
    if type(schema) is not dict:
        return None, []
    root = cast("JsonObject", schema)
    changes: list[str] = []
    try:
        adapted = _walk(root, "", changes, 0)
        _no_recursion(root)
    except _Cannot:
        return None, []
    return adapted, changes


def _walk(schema: JsonObject, path: str, changes: list[str], depth: int) -> JsonObject:
    if depth > _DEEPEST:
        raise _Cannot
    out: JsonObject = {}
    moved: JsonObject = {}
    for name, value in schema.items():
        at = f"{path}.{name}" if path else name
        if name in _BOUNDS or (name == "minItems" and value not in (0, 1)) or (name == "format" and value not in _FORMATS):
            moved[name] = value
            changes.append(at)
        elif name in _NAMED and type(value) is dict:
            out[name] = {key: _inner(item, f"{at}.{key}", changes, depth) for key, item in cast("JsonObject", value).items()}
        elif name in _LISTS and type(value) is list:
            # oneOf is not known to it; anyOf takes the same values and more.
            if name == "oneOf":
                changes.append(at)
            out["anyOf" if name == "oneOf" else name] = [
                _inner(item, f"{at}[{index}]", changes, depth) for index, item in enumerate(cast("list[Json]", value))
            ]
        elif name == "items":
            out[name] = _inner(value, at, changes, depth)
        elif name == "additionalProperties":
            if value is not False:
                raise _Cannot
        elif name == "patternProperties":
            raise _Cannot
        else:
            out[name] = value
    _close(schema, out, path, changes)
    if moved:
        note = "{" + ", ".join(f"{name}: {msgspec.json.encode(value).decode()}" for name, value in moved.items()) + "}"
        described = out.get("description")
        out["description"] = f"{described}\n\n{note}" if type(described) is str and described else note
    return out


def _close(schema: JsonObject, out: JsonObject, path: str, changes: list[str]) -> None:
    """Objects take no other properties. One without properties is meant to take any, which cannot be said."""
    kind = schema.get("type")
    if kind != "object" and not (type(kind) is list and "object" in kind) and "properties" not in schema:
        return
    if "properties" not in schema and "additionalProperties" not in schema:
        raise _Cannot
    out["additionalProperties"] = False
    if "additionalProperties" not in schema:
        changes.append(f"{path}.additionalProperties" if path else "additionalProperties")


def _inner(value: Json, path: str, changes: list[str], depth: int) -> Json:
    if type(value) is not dict:
        raise _Cannot
    return _walk(cast("JsonObject", value), path, changes, depth + 1)


def _no_recursion(root: JsonObject) -> None:
    """Raises `_Cannot` where a reference leads back to itself, or out of the schema's own definitions."""
    definitions: dict[str, Json] = {}
    for place in ("$defs", "definitions"):
        found = root.get(place)
        if type(found) is dict:
            definitions |= {f"#/{place}/{name}": value for name, value in cast("JsonObject", found).items()}
    if not definitions and '"$ref"' not in msgspec.json.encode(root).decode():
        return
    links = {name: _references(value) for name, value in definitions.items()}
    for name in _references(root):
        if name not in links:
            raise _Cannot
    for name, nearest in links.items():
        seen: set[str] = set()
        waiting = list(nearest)
        while waiting:
            target = waiting.pop()
            if target == name or target not in links:
                raise _Cannot
            if target not in seen:
                seen.add(target)
                waiting += links[target]


def _references(value: Json) -> list[str]:
    found: list[str] = []
    waiting: list[Json] = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is dict:
            inner = cast("JsonObject", item)
            reference = inner.get("$ref")
            if type(reference) is str:
                found.append(reference)
            waiting += inner.values()
        elif type(item) is list:
            waiting += cast("list[Json]", item)
    return found
