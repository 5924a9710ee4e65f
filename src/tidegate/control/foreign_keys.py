"""Keys of other gateways as they come in files: CSV or JSON, with the keys themselves or with the SHA-256 that LiteLLM and others keep of
them. Pure: text in, entries and mistakes out. Used by `tidegate keys import`; the control API takes the entries as they are."""

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from tidegate.policy.keys import flaw_of_foreign, flaw_of_hash

MOST = 10_000
"""Keys of one import."""
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_NAMES = ("name", "key_alias", "key_name", "alias")
_VALUES = ("value", "key", "api_key")
_HASHES = ("sha256", "token_hash", "hash", "key_hash", "hashed_token")
_EITHER = ("token",)
"""LiteLLM's `token` is the SHA-256 in its lists and the key itself in others."""
_MODELS, _TAGS, _EXPIRES, _TEAM = ("models",), ("tags",), ("expires_at", "expires"), ("team_id",)


class ForeignKey(msgspec.Struct, frozen=True, kw_only=True):
    """`value` is the key itself, or `sha256` its hash. `expires_at` is in microseconds."""

    name: str
    value: str = ""
    sha256: str = ""
    models: list[str] = []
    tags: list[str] = []
    expires_at: int | None = None


def flaw_of(key: ForeignKey) -> str | None:
    """Why it cannot be taken over, in words that do not repeat it."""
    if bool(key.value) == bool(key.sha256):
        return "give the key itself (`value`) or its SHA-256 (`sha256`), one of them"
    return flaw_of_foreign(key.value) if key.value else flaw_of_hash(key.sha256)


def read_keys(text: str) -> tuple[list[ForeignKey], list[str]]:
    """The keys, and what is wrong with the rest, by place. Raises `ValueError` for what is neither CSV nor JSON."""
    rows = _json(text) if text.lstrip().startswith(("[", "{")) else _csv(text)
    if len(rows) > MOST:
        raise ValueError(f"one import has at most {MOST:,} keys: split the file")
    found: list[ForeignKey] = []
    wrong: list[str] = []
    for place, row in enumerate(rows, 1):
        try:
            key = _key(row, place)
            flaw = flaw_of(key)
        except ValueError as error:
            flaw, key = str(error), None
        if flaw is not None:
            wrong.append(f"key {place}: {flaw}")
        elif key is not None:
            found.append(key)
    return found, wrong


def _json(text: str) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(text, type=list[dict[str, Any]])
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise ValueError("this begins like JSON and is none") from None
    try:
        document = msgspec.json.decode(text, type=dict[str, Any])
        return next(msgspec.convert(value, list[dict[str, Any]]) for value in document.values() if isinstance(value, list))
    except (msgspec.DecodeError, StopIteration, RecursionError):
        raise ValueError("JSON with keys is a list of objects, or an object with one") from None


def _csv(text: str) -> list[dict[str, Any]]:
    try:
        return _rows(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))
    except csv.Error as error:
        raise ValueError(f"this is no CSV: {error}") from None


def _rows(reader: "csv.DictReader[str]") -> list[dict[str, Any]]:
    names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    if not set(names) & {*_VALUES, *_HASHES, *_EITHER}:
        raise ValueError("the first line of CSV names the columns: `name`, and `value` (the key) or `sha256` (its hash)")
    return [{(name or "").strip().lower(): value for name, value in row.items()} for row in reader]


def _key(row: dict[str, Any], place: int) -> ForeignKey:
    value, sha256 = _text(row, _VALUES), _text(row, _HASHES)
    either = _text(row, _EITHER)
    if either and not (value or sha256):
        value, sha256 = ("", either) if flaw_of_hash(either) is None else (either, "")
    return ForeignKey(
        name=_text(row, _NAMES)[:200] or f"imported {place}",
        value=value,
        sha256=sha256.lower(),
        models=_words(row, _MODELS),
        tags=_words(row, _TAGS),
        expires_at=_moment(_text(row, _EXPIRES)),
    )


def _first(row: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name)), None)


def _text(row: dict[str, Any], names: tuple[str, ...]) -> str:
    found = _first(row, names)
    return "" if found is None else str(found).strip()


def _words(row: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    found = _first(row, names)
    items: list[Any] = [*found] if isinstance(found, list) else re.split(r"[\s,;|]+", str(found or ""))
    words = [str(item).strip() for item in items if str(item).strip()]
    # What LiteLLM writes for "no restriction".
    return [] if words in (["all-proxy-models"], ["all-team-models"]) else words


def _moment(text: str) -> int | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("its end is no time like 2027-01-31T00:00:00Z") from None
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise ValueError(f"its end is not between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return int((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()) * 1_000_000
