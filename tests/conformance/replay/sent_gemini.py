"""What a request of generateContent says, and why Google would refuse one: for `sent`, and without the gateway's code."""

import json
import re
from typing import Any

from tests.conformance.replay.content import Content, result_texts

_PARTS = ("text", "functionCall", "functionResponse", "inlineData", "fileData", "executableCode", "codeExecutionResult")
_SNAKE = re.compile(r"_([a-z])")
_FREE = ("args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema", "responseSchema")
_TYPES = ("", "string", "number", "integer", "boolean", "array", "object")
"""By the numbers that its protocol buffers have for them, which its older clients send."""
_SCHEMA = frozenset(
    (
        "type",
        "format",
        "title",
        "description",
        "nullable",
        "enum",
        "maxItems",
        "minItems",
        "properties",
        "required",
        "minProperties",
        "maxProperties",
        "minLength",
        "maxLength",
        "pattern",
        "example",
        "anyOf",
        "propertyOrdering",
        "default",
        "items",
        "minimum",
        "maximum",
    )
)


def of_gemini(body: dict[str, Any]) -> Content:
    """Of a request."""
    found = Content()
    body = camel(body)
    for content in (body.get("systemInstruction"), *_list(body.get("contents"))):
        for part in _list((content or {}).get("parts")):
            _part(part, found)
    for tool in _list(body.get("tools")):
        for declared in _list(tool.get("functionDeclarations")):
            given = declared.get("parametersJsonSchema")
            found.tools[declared["name"]] = plainly(declared.get("parameters")) if given is None else given
    return found


def asked_of_gemini(body: dict[str, Any]) -> Content:
    """Of a client's request: tools that it does not allow need not arrive."""
    found = of_gemini(body)
    config = (camel(body).get("toolConfig") or {}).get("functionCallingConfig") or {}
    if config.get("allowedFunctionNames"):
        found.only(set(config["allowedFunctionNames"]))
    return found


def gemini_flaws(body: dict[str, Any]) -> list[str]:
    """Why Google would refuse the request."""
    flaws = [] if body.get("contents") else ["`contents` is missing"]
    waiting = 0
    for content in body.get("contents") or []:
        parts = content.get("parts") or []
        if content.get("role") not in ("user", "model") or not parts:
            flaws.append(f"a content of the role {content.get('role')!r} with {len(parts)} parts")
        for part in parts:
            if sum(name in part for name in _PARTS) != 1 and part.keys() != {"thoughtSignature"}:
                flaws.append(f"not a part: {json.dumps(part)[:120]}")
        results = sum("functionResponse" in part for part in parts)
        if results != waiting:
            flaws.append(f"{results} results follow {waiting} calls")
        waiting = sum("functionCall" in part for part in parts)
    for tool in body.get("tools") or []:
        for declared in tool.get("functionDeclarations") or []:
            if "parameters" in declared and not _is_schema(declared["parameters"]):
                flaws.append(f"not a schema of Google's: {json.dumps(declared['parameters'])[:200]}")
    return flaws


def camel(value: Any) -> Any:
    """The names as the API documents them, which it takes in both forms; what is the user's own is left alone."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {_SNAKE.sub(lambda letter: letter[1].upper(), name): item for name, item in value.items()}
    return {name: item if name in _FREE else camel(item) for name, item in named.items()}


def plainly(schema: Any) -> Any:
    """A schema of Google's as JSON Schema has it: the types in small letters, counts as numbers."""
    if isinstance(schema, list):
        return [plainly(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "type" and isinstance(value, str | int):
            out[name] = _TYPES[value] if isinstance(value, int) else value.lower()
        elif name == "propertyOrdering":
            continue  # Google's alone: it says nothing of what is allowed
        elif name == "properties" and isinstance(value, dict):
            out[name] = {key: plainly(item) for key, item in value.items()}
        else:
            out[name] = value if name in ("enum", "default", "example") else plainly(value)
    return out


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _is_schema(schema: Any) -> bool:
    if not isinstance(schema, dict) or not schema.keys() <= _SCHEMA:
        return False
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]
    return all(_is_schema(item) for item in inner)


def _part(part: dict[str, Any], found: Content) -> None:
    if part.get("thought"):
        return
    if "text" in part:
        found.texts.append(part["text"])
    elif "functionCall" in part:
        found.calls.append((part["functionCall"]["name"], part["functionCall"].get("args") or {}))
    elif "functionResponse" in part:
        response = part["functionResponse"].get("response")
        if isinstance(response, dict) and len(response) == 1 and isinstance(text := response.get("output", response.get("error")), str):
            found.texts += result_texts(text)
        elif response is not None:
            found.texts += result_texts(json.dumps(response))
        for inner in part["functionResponse"].get("parts") or []:
            _part(inner, found)
    else:
        media = part.get("inlineData") or part.get("fileData")
        if media:
            found.media(str(media.get("mimeType") or ""), media.get("data"))
