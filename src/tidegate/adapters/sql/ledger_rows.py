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
from tidegate.ports import NO_LINES, UsageEvent

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

_LONGEST_MS = 10**9
_ENTRIES = frozenset(("settled", "unknown", "void"))
_CORRECTION = re.compile(r"correction(:[1-9][0-9]{0,5})?")
_EMPTY: dict[str, Any] = dict.fromkeys(names_of(column for column in ledger.columns if column.name != "seq")) | {"saved_nano": 0}
_AMOUNTS = {kind: f"{kind}_tokens" for kind in KINDS} | {"web_searches": "web_searches", "images": "images", "cost_nano": "cost_nano"}
"""Columns of the counters of usage, and of the cost."""
_TEXTS = {
    "org_id": "org",
    "request_id": "request_id",
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
    texts = _texts_of(event)
    row.update(zip(_TEXTS, texts if _is_plain("".join(texts)) else map(_text, texts), strict=True))
    for field, given, kept in (("org", event.org, row["org_id"]), ("request_id", event.request_id, row["request_id"])):
        if not 0 < len(given) <= ID_LIMIT or kept != given:
            raise Unstorable(f"{field} is empty, too long or not text")
    row["attempt"] = _whole("attempt", event.attempt)
    row["entry"] = event.entry
    row["at"] = _moment(event.at)
    row["stream"], row["identity"] = 1 if event.stream else 0, 1 if event.identity else 0
    row["status"] = _whole("status", event.status)
    if event.upstream_status is not None:
        row["upstream_status"] = _whole("upstream_status", event.upstream_status)
    if event.error is not None:
        row["error"] = _text(event.error)
    if event.estimated is not None:
        row["estimated"] = _text(event.estimated)
    if event.price_source is not None:
        row["price_source"] = _text(event.price_source)
    if event.tags:
        row["tags"] = sorted({_text(tag) for tag in event.tags if tag})[:TAG_LIMIT] or None
    if event.saved_nano and type(event.saved_nano) is int:
        row["saved_nano"] = max(-LARGEST, min(event.saved_nano, LARGEST))
    if event.lines and event.lines != NO_LINES:
        row["lines"] = event.lines
    row["duration_us"] = _micros(event.duration_ms)
    if event.first_byte_ms is not None:
        row["first_byte_us"] = _micros(event.first_byte_ms)
    if event.receipt:
        row["receipt"], row["receipt_digest"] = event.receipt, hashlib.sha256(_ENCODE(event.receipt)).digest()
    _fill(row, {**(event.usage or {}), "cost_nano": event.cost_nano}, -LARGEST if signed else 0)
    return row


def _fill(row: Row, amounts: JsonObject, least: int) -> None:
    """What was used and what it cost, each a whole number that is not below `least`, or None."""
    other: JsonObject = {}
    for kind, value in amounts.items():
        column = _AMOUNTS.get(kind)
        if column is None:
            other[kind] = value
        elif value is None or (type(value) is int and least <= value <= LARGEST):
            row[column] = value
        else:
            raise Unstorable(f"{kind} is not a whole number, or out of range")
    if other:
        row["other_usage"] = other


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


def _moment(seconds: float) -> int:
    if not 0 <= seconds < LATEST:
        raise Unstorable("at is no time")
    return round(seconds * 1_000_000)


def _micros(milliseconds: float) -> int:
    if 0 <= milliseconds <= _LONGEST_MS:
        return round(milliseconds * 1000)
    return _LONGEST_MS * 1000 if _LONGEST_MS < milliseconds < math.inf else 0
