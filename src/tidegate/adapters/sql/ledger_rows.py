"""A usage event as a row of the ledger. What no database could take is refused here, with the reason; what is merely odd in a text is
mended, because the money of a row matters more than its wording. Prompts and answers are not part of the ledger."""

import hashlib
import math
import re
from typing import Any

import msgspec

from tidegate.adapters.sql.schema_usage import KINDS
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
_TOKEN_COLUMNS = {kind: f"{kind}_tokens" for kind in KINDS}
_NO_TOKENS: dict[str, int | None] = dict.fromkeys(_TOKEN_COLUMNS.values())
_COUNTED = frozenset((*KINDS, "web_searches", "images", "cost_nano"))
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class Unstorable(ValueError):
    """The event can never be a row; the message names the field."""


def is_correction(entry: str) -> bool:
    """Whether it corrects an attempt: the only one that did so, or one that has a number."""
    return _CORRECTION.fullmatch(entry) is not None


def row_of(event: UsageEvent) -> Row:
    """Raises `Unstorable`."""
    usage = event.usage or {}
    signed = is_correction(event.entry)
    if not signed and event.entry not in _ENTRIES:
        raise Unstorable("entry is none of settled, unknown, void and correction")
    row: Row = {
        "org_id": _identity("org", event.org),
        "request_id": _identity("request_id", event.request_id),
        "attempt": _whole("attempt", event.attempt, 1 << 31),
        "entry": event.entry,
        "at": _moment(event.at),
        "key_id": _text(event.key),
        "key_name": _text(event.key_name),
        "team_id": _text(event.team),
        "user_id": _text(event.user),
        "end_user": _text(event.end_user),
        "tags": sorted({_text(tag) for tag in event.tags if tag})[:TAG_LIMIT] or None if event.tags else None,
        "surface": _text(event.surface),
        "route": _text(event.route),
        "target": _text(event.target),
        "provider": _text(event.provider),
        "model": _text(event.model),
        "stream": bool(event.stream),
        "identity": bool(event.identity),
        "status": _whole("status", event.status, 1 << 31),
        "upstream_status": None if event.upstream_status is None else _whole("upstream_status", event.upstream_status, 1 << 31),
        "error": None if event.error is None else _text(event.error),
        "web_searches": _amount("usage.web_searches", usage.get("web_searches"), signed),
        "images": _amount("usage.images", usage.get("images"), signed),
        "other_usage": {name: value for name, value in usage.items() if name not in _COUNTED} or None,
        "estimated": None if event.estimated is None else _text(event.estimated),
        "cost_nano": _amount("cost_nano", event.cost_nano, signed),
        "saved_nano": max(-LARGEST, min(event.saved_nano, LARGEST)) if type(event.saved_nano) is int else 0,
        "price_source": None if event.price_source is None else _text(event.price_source),
        "lines": event.lines or None,
        "duration_us": _micros(event.duration_ms),
        "first_byte_us": None if event.first_byte_ms is None else _micros(event.first_byte_ms),
        "receipt": event.receipt or None,
        "receipt_digest": hashlib.sha256(_ENCODE(event.receipt)).digest() if event.receipt else None,
    }
    row.update(_NO_TOKENS)
    for kind, value in usage.items():
        if kind in _TOKEN_COLUMNS:
            row[_TOKEN_COLUMNS[kind]] = _amount(kind, value, signed)
    return row


def _identity(field: str, value: str) -> str:
    if not value or len(value) > ID_LIMIT or _text(value) != value:
        raise Unstorable(f"{field} is empty, too long or not text")
    return value


def _text(value: str) -> str:
    """As every database takes it: no NUL (PostgreSQL), no half of a surrogate pair, of bounded length."""
    if value.isascii() and len(value) <= TEXT_LIMIT and "\0" not in value:
        return value
    if len(value) > TEXT_LIMIT:
        value = value[:TEXT_LIMIT]
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _whole(field: str, value: object, below: int) -> int:
    if type(value) is not int or not 0 <= value < below:
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
