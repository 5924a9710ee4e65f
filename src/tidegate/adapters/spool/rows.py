"""Usage events as the payloads of records, and back. A payload is one JSON object: the line that `usage.jsonl` has, without
the fields that are at their default.

Versions may differ between who wrote and who reads. Fields that the reader does not know are told apart (the raw record is kept by who
calls); a `VERSION` that it does not know is not read at all. Raise `VERSION` only where an old reader would book something wrong.
"""

from typing import Any, cast

import msgspec

from tidegate.adapters.spool import format as form
from tidegate.ir.json import JsonObject
from tidegate.ports import NO_LINES, UsageEvent

VERSION = 1
KINDS = frozenset((form.EVENT, form.BEGIN, form.CLOSE))
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder().decode
_FIELDS = frozenset(UsageEvent.__struct_fields__)
_LONGEST = 500
"""Characters of a text in a row that had to be cut."""


class Row(UsageEvent, kw_only=True, forbid_unknown_fields=True, omit_defaults=False):
    """A usage event with the types that a decoder can be made for; `JsonObject` is recursive. Written again, it has all its fields."""

    usage: dict[str, Any] | None
    receipt: list[dict[str, Any]]
    lines: msgspec.Raw = NO_LINES  # pyright: ignore[reportIncompatibleVariableOverride] # what is decoded is nothing else


_DECODE_ROW = msgspec.json.Decoder(Row).decode


class Unreadable(Exception):
    """The payload is no row that this version can read."""


def encode(event: UsageEvent) -> bytes:
    """At most `MAX_PAYLOAD` bytes, whatever the event holds: what cannot be written is mended, what does not fit is cut, money last."""
    try:
        payload = _ENCODE(event)
    except (ValueError, TypeError, OverflowError, RecursionError):
        event = cast("UsageEvent", _mended(event))
        payload = _ENCODE(event)
    if len(payload) <= form.MAX_PAYLOAD:
        return payload
    payload = _ENCODE(msgspec.structs.replace(event, request_body=None, response_body=None))
    if len(payload) <= form.MAX_PAYLOAD:
        return payload
    return _ENCODE(_cut(event))


def decode(payload: bytes) -> tuple[UsageEvent, bool]:
    """The row, and whether the payload has fields that this version does not know. Raises `Unreadable`."""
    try:
        if not payload.isascii():
            payload.decode()  # msgspec takes any bytes for the texts of a `Raw`
        return _DECODE_ROW(payload), False
    except (ValueError, TypeError, RecursionError):
        return _decode_strange(payload)


def _decode_strange(payload: bytes) -> tuple[UsageEvent, bool]:
    """A row with fields or types of another version. The ledger refuses what it cannot book."""
    try:
        found = _DECODE(payload)
        if not isinstance(found, dict):
            raise Unreadable("not an object")
        fields = cast("JsonObject", found)
        known = {name: value for name, value in fields.items() if name in _FIELDS}
        return Row(**known), len(known) < len(fields)  # pyright: ignore[reportArgumentType] # types of another version
    except (ValueError, TypeError, RecursionError) as error:
        raise Unreadable(str(error)[:_LONGEST]) from error


def _cut(event: UsageEvent) -> UsageEvent:
    """The row with its texts and lists cut; usage and cost stay."""
    cut = msgspec.structs.replace(event, request_body=None, response_body=None, tags=event.tags[:50])
    cut.receipt = [{"kind": "dropped", "field": "receipt", "reason": f"{len(event.receipt)} entries did not fit"}] if event.receipt else []
    for name, value in msgspec.structs.asdict(cut).items():
        if isinstance(value, str):
            setattr(cut, name, value[:_LONGEST])
    cut.tags = [tag[:_LONGEST] for tag in cut.tags]
    for name in ("usage", "lines"):
        if len(_ENCODE(getattr(cut, name))) > form.MAX_PAYLOAD // 4:
            setattr(cut, name, None if name == "usage" else NO_LINES)
    return cut


def _mended(value: object, depth: int = 0) -> object:
    """The value with everything changed that JSON cannot say."""
    match value:
        case UsageEvent():
            fields = {name: _mended(part, depth + 1) for name, part in msgspec.structs.asdict(value).items()}
            return UsageEvent(**fields)  # pyright: ignore[reportArgumentType] # the same fields with texts mended
        case msgspec.Struct() | msgspec.Raw():
            return value
        case str():
            return value.encode("utf-8", "replace").decode()
        case bool() | int() | float() | None:
            return value
        case dict() if depth < 20:
            return {str(_mended(str(key))): _mended(part, depth + 1) for key, part in cast("dict[object, object]", value).items()}
        case list() | tuple() if depth < 20:
            return [_mended(part, depth + 1) for part in cast("list[object]", value)]
        case _:
            return str(_mended(repr(type(value))))
