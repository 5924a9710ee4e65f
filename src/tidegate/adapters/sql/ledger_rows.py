"""A usage event as a row of the ledger. What no database could take is refused here, with the reason; what is merely odd in a text is
mended, because the money of a row matters more than its wording. Prompts and answers are not part of the ledger."""

import hashlib
import math
import re
from operator import attrgetter
from typing import Any

import msgspec

from tidegate.adapters.sql.columns import names_of
from tidegate.adapters.sql.schema_usage import KINDS, ledger
from tidegate.ir.json import JsonObject
from tidegate.ports import UsageEvent

Row = dict[str, Any]

LARGEST = 10**15
"""Of one number in a row, tokens or nano-dollars: a million dollars. Thousands of such rows still add up in 64 bits."""
PRICED = "priced"
"""In the usage of a correction: its attempt had no known cost before."""
TEXT_LIMIT = 500
ID_LIMIT = 200
TAG_LIMIT = 32
"""Tags of one row; more are cut off."""
LATEST = 253_402_300_800
"""The end of the year 9999 in Unix seconds."""

_ENTRIES = frozenset(("settled", "unknown", "void"))
_CORRECTION = re.compile(r"correction(:[1-9][0-9]{0,5})?")
_EMPTY: dict[str, Any] = dict.fromkeys(names_of(column for column in ledger.columns if column.name != "seq"))
_AMOUNTS = {**{kind: f"{kind}_tokens" for kind in KINDS}, "web_searches": "web_searches", "images": "images"}
"""Columns of the counters of usage."""
_COUNTED = _AMOUNTS.keys() | {"cost_nano"}
_TEXTS = {
    "key_id": "key",
    "key_name": "key_name",
    "team_id": "team",
    "user_id": "user",
    "end_user": "end_user",
    "surface": "surface",
    "route": "route",
    "target": "target",
    "provider": "provider",
    "model": "model",
}
"""Columns of text that every row has, and the fields that they are made of."""
_texts_of = attrgetter(*_TEXTS.values())
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class Unstorable(ValueError):
    """The event can never be a row; the message names the field."""


def is_correction(entry: str) -> bool:
    """Whether it corrects an attempt: the only one that did so, or one that has a number."""
    return entry not in _ENTRIES and _CORRECTION.fullmatch(entry) is not None


def row_of(event: UsageEvent) -> Row:
    """Raises `Unstorable`, also for an event of another version, whose fields may be of any type."""
    try:
        return _row_of(event)
    except (TypeError, AttributeError) as strange:
        raise Unstorable(f"a field is of no type that it has here: {strange}") from None


def _row_of(event: UsageEvent) -> Row:
    signed = event.entry not in _ENTRIES
    if signed and not is_correction(event.entry):
        raise Unstorable("entry is none of settled, unknown, void and correction")
    row: Row = _EMPTY.copy()
    row["org_id"] = _identity("org", event.org)
    row["request_id"] = _identity("request_id", event.request_id)
    row["attempt"] = _whole("attempt", event.attempt)
    row["entry"] = event.entry
    row["at"] = _moment(event.at)
    texts = _texts_of(event)
    row.update(zip(_TEXTS, texts if _is_plain("".join(texts)) else map(_text, texts), strict=True))
    row["stream"], row["identity"] = int(bool(event.stream)), int(bool(event.identity))
    row["status"] = _whole("status", event.status)
    if event.upstream_status is not None:
        row["upstream_status"] = _whole("upstream_status", event.upstream_status)
    for name in ("error", "estimated", "price_source"):
        text = getattr(event, name)
        if text is not None:
            row[name] = _text(text)
    if event.tags:
        row["tags"] = sorted({_text(tag) for tag in event.tags if tag})[:TAG_LIMIT] or None
    row["cost_nano"] = _amount("cost_nano", event.cost_nano, signed)
    row["saved_nano"] = max(-LARGEST, min(event.saved_nano, LARGEST)) if type(event.saved_nano) is int else 0
    row["lines"] = event.lines or None
    row["duration_us"] = _micros(event.duration_ms)
    row["first_byte_us"] = None if event.first_byte_ms is None else _micros(event.first_byte_ms)
    if event.receipt:
        row["receipt"], row["receipt_digest"] = event.receipt, hashlib.sha256(_ENCODE(event.receipt)).digest()
    if event.usage:
        row.update(_used(event.usage, signed))
    return row


def _used(usage: JsonObject, signed: bool) -> Row:
    found: Row = {_AMOUNTS[kind]: _amount(kind, value, signed) for kind, value in usage.items() if kind in _AMOUNTS}
    if not usage.keys() <= _COUNTED:
        found["other_usage"] = {name: value for name, value in usage.items() if name not in _COUNTED}
    return found


def _identity(field: str, value: str) -> str:
    if not value or len(value) > ID_LIMIT or _text(value) != value:
        raise Unstorable(f"{field} is empty, too long or not text")
    return value


def _text(value: str) -> str:
    """As every database takes it: no NUL (PostgreSQL), no half of a surrogate pair, of bounded length."""
    if _is_plain(value):
        return value
    if len(value) > TEXT_LIMIT:
        value = value[:TEXT_LIMIT]
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _is_plain(text: str) -> bool:
    """Whether every database takes it as it is, and any part of it."""
    return text.isascii() and len(text) <= TEXT_LIMIT and "\0" not in text


def _whole(field: str, value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise Unstorable(f"{field} is not a whole number, or out of range")
    return value


def _amount(field: str, value: object, signed: bool) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not (-LARGEST if signed else 0) <= value <= LARGEST:
        raise Unstorable(f"{field} is not a whole number, or out of range")
    return value


def _moment(seconds: float) -> int:
    if not 0 <= seconds < LATEST:
        raise Unstorable("at is no time")
    return round(seconds * 1_000_000)


def _micros(milliseconds: float) -> int:
    return round(max(0.0, min(milliseconds, 1e9)) * 1000) if math.isfinite(milliseconds) else 0
