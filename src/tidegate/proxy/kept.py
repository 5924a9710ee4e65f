"""What is kept of responses and conversations, as values: the items that a chain is made of, and pages of them. No storage here."""

from collections.abc import Sequence
from typing import cast
from urllib.parse import parse_qs

import msgspec

from tidegate.dialects.values import dump, object_or_empty, parse
from tidegate.ir.errors import Error, ErrorKind, GatewayError, bad_request
from tidegate.ir.json import Json, JsonObject
from tidegate.wire.splice import Fields, splice

_NAMED = frozenset(("message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"))
"""Items whose id is no part of what they say, so that it stays with the gateway that gave it."""
_MOST = 100


class Held(msgspec.Struct):
    """A response as Tidegate holds it: everything that was said to the model, and the response object."""

    input: list[JsonObject]
    response: JsonObject


class Talk(msgspec.Struct):
    """A conversation as Tidegate holds it, without its items, which are parts of it. `created` is in Unix seconds."""

    metadata: JsonObject
    created: int


def held(body: bytes) -> Held:
    """From what `dump` made of one."""
    raw = object_or_empty(parse(body))
    return Held(_objects(raw.get("input")), object_or_empty(raw.get("response")))


def talk(body: bytes) -> Talk:
    """From what `dump` made of one."""
    raw = object_or_empty(parse(body))
    created = raw.get("created")
    return Talk(object_or_empty(raw.get("metadata")), created if type(created) is int else 0)


def items_of_parts(parts: Sequence[tuple[int, bytes]]) -> list[JsonObject]:
    """The items of a conversation, each part a list of what one call added."""
    return [item for _, part in parts for item in _objects(parse(part))]


def _objects(value: Json) -> list[JsonObject]:
    return [item for item in value if type(item) is dict] if type(value) is list else []


def items_of(raw: bytes | None, stem: str) -> list[JsonObject]:
    """The items of an `input` or `items` field, each with an id of its own made of `stem`. Raises `GatewayError` for what is none."""
    value: Json = [] if raw is None else parse(raw)
    if type(value) is str:
        value = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": value}]}]
    if value is None:
        return []
    if type(value) is not list or any(type(item) is not dict for item in value):
        raise bad_request("input: must be a string or an array of items", "input", "invalid_type")
    return [_numbered(cast("JsonObject", item), f"{stem}i{place}") for place, item in enumerate(value)]


def _numbered(item: JsonObject, stem: str) -> JsonObject:
    found = dict(item)
    found.setdefault("type", "message")
    if found["type"] == "message":
        content = found.get("content")
        kind = "output_text" if found.get("role") == "assistant" else "input_text"
        if type(content) is str:
            part: JsonObject = {"type": kind, "text": content}
            found["content"] = [{**part, "annotations": []} if kind == "output_text" else part]
        found.setdefault("status", "completed")
    if type(found.get("id")) is not str:
        prefix = {"message": "msg", "function_call": "fc", "reasoning": "rs"}.get(str(found["type"]), "item")
        found["id"] = f"{prefix}_{stem}"
    return found


def output_of(response: JsonObject) -> list[JsonObject]:
    return _objects(response.get("output"))


def sendable(items: Sequence[JsonObject]) -> list[JsonObject]:
    """Items as they are said to a model again."""
    return [{name: value for name, value in item.items() if name not in _unsaid(item)} for item in items]


def _unsaid(item: JsonObject) -> tuple[str, ...]:
    return ("id", "status") if item.get("type") in _NAMED else ("status",) if item.get("type") == "reasoning" else ()


def continued(fields: Fields, before: Sequence[JsonObject], new: Sequence[JsonObject], drop: str) -> bytes:
    """The request with everything that was said before in its `input`, and without the field that referred to it."""
    return splice(fields, {"input": dump([*sendable(before), *sendable(new)])}, drop=[drop])


def page(items: Sequence[JsonObject], query: bytes) -> JsonObject:
    """A page of items, newest first unless `order=asc`. Raises `GatewayError` for a query that is wrong."""
    asked = parse_qs(query.decode("latin-1"))
    limit, order, after = (asked.get(name, [""])[0] for name in ("limit", "order", "after"))
    if limit and not (limit.isdigit() and 1 <= int(limit) <= _MOST):
        raise bad_request(f"`limit` must be a number from 1 to {_MOST}.", "limit")
    if order not in ("", "asc", "desc"):
        raise bad_request("`order` must be `asc` or `desc`.", "order")
    listed = [*items] if order == "asc" else [*reversed(items)]
    if after:
        places = [place for place, item in enumerate(listed) if item.get("id") == after]
        if not places:
            raise bad_request(f"`{after[:128]}` is not the id of an item in this list.", "after")
        listed = listed[places[0] + 1 :]
    size = int(limit or 20)
    shown = listed[:size]
    return {
        "object": "list",
        "data": [*shown],
        "has_more": len(listed) > size,
        "first_id": shown[0]["id"] if shown else "",
        "last_id": shown[-1]["id"] if shown else "",
    }


def no_such(kind: str, id: str, param: str | None = None, code: str | None = None, *, hint: str = "") -> GatewayError:
    """The same for what does not exist and for what is another's."""
    message = f"{kind} with id '{id[:128]}' not found.{hint}"
    return GatewayError(Error(kind=ErrorKind.NOT_FOUND, message=message, param=param, code=code))
