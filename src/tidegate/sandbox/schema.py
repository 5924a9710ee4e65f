"""A value that satisfies a JSON schema, made without chance: the arguments of a called tool, and structured answers. Pure."""

import re

from tidegate.sandbox.values import Json, Obj, as_object, as_text

_FORMATS: dict[str, str] = {
    "date": "2025-01-31",
    "date-time": "2025-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "sandbox@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}
_DEEPEST = 12


def sample(schema: Json, word: str = "sandbox") -> Json:
    """A value for the schema. Strings are `word` where the schema leaves them free. A `pattern` is met only by the few easy ones."""
    return _value(schema, as_object(schema), word, 0)


def _value(schema: Json, root: Obj, word: str, depth: int) -> Json:
    if not isinstance(schema, dict):
        return word
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    options = schema.get("enum")
    if isinstance(options, list) and options:
        return options[0]
    for name in ("anyOf", "oneOf"):
        choices = schema.get(name)
        if isinstance(choices, list) and choices:
            return _value(_easiest(choices, root, depth), root, word, depth + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if kind is None:
        kind = _guessed(schema)
    return _typed(as_text(kind), schema, root, word, depth)


def _typed(kind: str, schema: Obj, root: Obj, word: str, depth: int) -> Json:
    if kind == "object":
        return _object(schema, root, word, depth)
    if kind == "array":
        return _array(schema, root, word, depth)
    if kind in {"integer", "number"}:
        value = _number(schema, whole=kind == "integer")
        return int(value) if kind == "integer" else value
    return {"boolean": True, "null": None}.get(kind, _string(schema, word))


def _resolved(schema: Obj, root: Obj) -> Obj:
    for _ in range(_DEEPEST):
        ref = schema.get("$ref")
        if not isinstance(ref, str) or not ref.startswith("#"):
            break
        found: Json = root
        for name in ref[1:].split("/")[1:]:
            found = as_object(found).get(name.replace("~1", "/").replace("~0", "~"))
        schema = {**as_object(found), **{name: value for name, value in schema.items() if name != "$ref"}}
    parts = schema.get("allOf")
    if isinstance(parts, list):
        merged: Obj = {name: value for name, value in schema.items() if name != "allOf"}
        for part in parts:
            _merge(merged, _resolved(as_object(part), root))
        return merged
    return schema


def _merge(into: Obj, part: Obj) -> None:
    for name, value in part.items():
        mine = into.get(name)
        if name == "properties" and isinstance(mine, dict) and isinstance(value, dict):
            into[name] = {**mine, **value}
        elif name == "required" and isinstance(mine, list) and isinstance(value, list):
            into[name] = [*mine, *value]
        else:
            into.setdefault(name, value)


def _easiest(choices: list[Json], root: Obj, depth: int) -> Json:
    """The first choice; deep down the first that ends a recursive schema."""
    for choice in choices:
        kind = _resolved(as_object(choice), root).get("type")
        if kind != "null" and (depth < _DEEPEST or kind not in {"object", "array", None}):
            return choice
    return choices[-1]


def _guessed(schema: Obj) -> str:
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "integer" if {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"} & schema.keys() else "string"


def _object(schema: Obj, root: Obj, word: str, depth: int) -> Json:
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    made: Obj = {}
    for name, part in as_object(schema.get("properties")).items():
        if name in names or depth < _DEEPEST:
            made[name] = _value(part, root, word, depth + 1) if depth < 2 * _DEEPEST else None
    for name in names:
        if isinstance(name, str):
            made.setdefault(name, word)
    return made


def _array(schema: Obj, root: Obj, word: str, depth: int) -> Json:
    first = schema.get("prefixItems")
    made: list[Json] = [_value(part, root, word, depth + 1) for part in first] if isinstance(first, list) else []
    least = schema.get("minItems")
    wanted = least if isinstance(least, int) else 0
    most = schema.get("maxItems")
    if not made and not wanted and depth < _DEEPEST and "items" in schema and most != 0:
        wanted = 1
    unique = schema.get("uniqueItems") is True
    items = schema.get("items")
    for index in range(len(made), min(wanted, 1000)):
        made.append(_distinct(items, index, root, word, depth) if unique else _value(items, root, word, depth + 1))
    return made


def _distinct(items: Json, index: int, root: Obj, word: str, depth: int) -> Json:
    options = as_object(items).get("enum")
    if isinstance(options, list) and index < len(options):
        return options[index]
    value = _value(items, root, f"{word}{index or ''}", depth + 1)
    return value + index if isinstance(value, int | float) and not isinstance(value, bool) else value


def _bound(schema: Obj, name: str) -> float | None:
    value = schema.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(schema: Obj, *, whole: bool) -> float:
    step = 1 if whole else 0.5
    value: float = 1
    low, above = _bound(schema, "minimum"), _bound(schema, "exclusiveMinimum")
    high, below = _bound(schema, "maximum"), _bound(schema, "exclusiveMaximum")
    if high is not None:
        value = min(value, high)
    if below is not None and value >= below:
        value = below - step
    if low is not None:
        value = max(value, -(-low // 1) if whole else low)
    if above is not None and value <= above:
        value = above + step
    multiple = _bound(schema, "multipleOf")
    if multiple:
        value = -(-value // multiple) * multiple
    return value


def _string(schema: Obj, word: str) -> str:
    shape = schema.get("format")
    if isinstance(shape, str) and shape in _FORMATS:
        return _FORMATS[shape]
    text = word
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        text = _matching(pattern, text)
    least, most = schema.get("minLength"), schema.get("maxLength")
    if isinstance(least, int):
        text = text.ljust(min(least, 100_000), text[-1:] or "a")
    return text[:most] if isinstance(most, int) else text


def _matching(pattern: str, word: str) -> str:
    """A text for simple patterns: tries a few usual ones, then walks literals, classes and counts from left to right."""
    for text in (word, word.upper(), word.capitalize(), "1", "123", "A1", "2025-01-31", "12345", "ABC", "AB12"):
        if _matches(pattern, text):
            return text
    made = "".join(
        _atom(kind) * _least(count) for kind, count in re.findall(r"(\\.|\[[^\]]*\]|[^\\\[\]{}*+?^$()|])(\{\d+[^}]*\}|[*+?])?", pattern)
    )
    return made if _matches(pattern, made) else word


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


def _least(count: str) -> int:
    if count.startswith("{"):
        return min(int(re.findall(r"\d+", count)[0]), 1000)
    return 0 if count in {"*", "?"} else 1


def _atom(kind: str) -> str:
    if kind.startswith("[") or (kind.startswith("\\") and kind[1] in "dwsDWS"):
        return next((char for char in "a1A -_." if _matches(kind, char)), "a")
    return "a" if kind == "." else kind.removeprefix("\\")
