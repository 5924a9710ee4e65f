"""What a request sends, as values: its body or query in the route's own type, and its Idempotency-Key. Whatever is unknown is refused."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request

from tidegate.control.api.problem import Problem, invalid_field, not_found, of_validation
from tidegate.control.api.table import Route

MAX_BODY = 1 << 20
"""Bytes."""

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_JSON = ("application/json", "application/merge-patch+json")


async def decode_asked(route: Route, request: Request) -> tuple[bytes, Any]:
    """The body as it came, and what was asked. Raises `Problem`."""
    if not route.has_body:
        return b"", _of_query(route.asked, request)
    if request.query_params:
        raise invalid_field(next(iter(request.query_params)), "this takes no query")
    body = await _read(request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media_type not in _JSON:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media-type", "Send the body as `application/json`.")
    try:
        asked = msgspec.json.decode(body or b"{}", type=route.asked)
        json.loads(body or b"{}", object_pairs_hook=_distinct, parse_int=str, parse_float=str)
    except msgspec.ValidationError as error:
        raise of_validation(error, route.asked) from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise invalid_field("", "the body is not JSON") from None
    return body, asked


def _distinct(items: list[tuple[str, Any]]) -> None:
    """Of a name that stands twice, whoever looks at the request on its way might have read the other value. Raises `Problem`."""
    seen: set[str] = set()
    for name, _ in items:
        if name in seen:
            raise invalid_field(name, "it is there more than once")
        seen.add(name)


def idempotency_key(request: Request) -> str | None:
    """Raises `Problem` for one that is too long or cannot be printed."""
    key = request.headers.get("idempotency-key")
    if key is not None and _KEY.fullmatch(key) is None:
        raise invalid_field("Idempotency-Key", "it has 1 to 255 printable characters without spaces")
    return key


def refuse_strange_ids(params: Mapping[str, str]) -> None:
    """What cannot be an id names nothing. Raises `Problem`."""
    if not all(_ID.fullmatch(value) for value in params.values()):
        raise not_found()


async def _read(request: Request) -> bytes:
    too_large = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", f"A body has at most {MAX_BODY} bytes.")
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MAX_BODY:
            raise too_large
    return bytes(parts)


def _of_query(kind: type[msgspec.Struct], request: Request) -> Any:
    many = {field.encode_name for field in msgspec.structs.fields(kind) if _is_list(field.type)}
    values: dict[str, str | list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name in many:
            found = values.setdefault(name, [])
            if isinstance(found, list):
                found.append(value)
        elif name in values:
            raise invalid_field(name, "it is there more than once")
        else:
            values[name] = value
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise of_validation(error, kind) from None


def _is_list(kind: Any) -> bool:
    return isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.ListType | msgspec.inspect.VarTupleType)
