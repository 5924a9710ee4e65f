"""Rows of the ledger added up into rows of the rollups. Pure: `ledger` writes what this makes."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from tidegate.adapters.sql.ledger_rows import PRICED, Row, is_correction
from tidegate.adapters.sql.schema_usage import (
    BOUNDS_MS,
    END_USER_GROUPS,
    FIRST_BYTE,
    GROUPS,
    KINDS,
    LATENCY,
    MEASURES,
    PLAIN_GROUPS,
    ROLLUPS,
)

CLIENT_GONE = 499
_MICROS = 1_000_000
_BOUNDS_US = tuple(bound * 1000 for bound in BOUNDS_MS)
_OF_SUMS = itemgetter(*(f"{kind}_tokens" for kind in KINDS), "web_searches", "images", "cost_nano", "saved_nano")
_SUMS = (*(f"{kind}_tokens" for kind in KINDS), "web_searches", "images", "cost_nano", "saved_nano")
_LENGTHS = tuple(seconds * _MICROS for seconds, _ in ROLLUPS)
_OF_GROUPS = itemgetter("org_id", *PLAIN_GROUPS)
_KEY = itemgetter("org_id", "bucket", "dims")
_ZERO = dict.fromkeys(MEASURES, 0)

Group = tuple[Any, ...]
"""(bucket, organisation, the values of `GROUPS` or `END_USER_GROUPS`)."""
Sums = dict[str, int]


def rollups(rows: Iterable[Row]) -> list[list[dict[str, Any]]]:
    """For each table of `WRITTEN` the rows to add, in the order of their keys: whoever writes several of them locks them in that order."""
    by_tag: dict[Group, Sums] = {}
    by_end_user: dict[Group, Sums] = {}
    for row in rows:
        measures = _measures(row)
        bucket = row["at"] - row["at"] % _LENGTHS[0]
        groups = _OF_GROUPS(row)
        for tag in ("", *(row["tags"] or ())):
            _add(by_tag, (bucket, *groups, tag), measures)
        if row["end_user"]:
            _add(by_end_user, (bucket, *groups, row["end_user"]), measures)
    return [*_tables(by_tag, GROUPS), *_tables(by_end_user, END_USER_GROUPS)]


def _tables(sums: dict[Group, Sums], names: tuple[str, ...]) -> list[list[dict[str, Any]]]:
    tables = [sums]
    for length in _LENGTHS[1:]:
        coarser: dict[Group, Sums] = {}
        for group, found in tables[-1].items():
            _add(coarser, (group[0] - group[0] % length, *group[1:]), found.items())
        tables.append(coarser)
    return [sorted((_row(group, found, names) for group, found in table.items()), key=_KEY) for table in tables]


def _add(sums: dict[Group, Sums], group: Group, measures: Iterable[tuple[str, int]]) -> None:
    into = sums.get(group)
    if into is None:
        sums[group] = dict(measures)
        return
    for name, value in measures:
        into[name] = into.get(name, 0) + value


def _row(group: Group, found: Sums, of: tuple[str, ...]) -> dict[str, Any]:
    bucket, org_id, *names = group
    return {"org_id": org_id, "bucket": bucket, "dims": _dims(names), **dict(zip(of, names, strict=True)), **_ZERO, **found}


def dims_of(row: Mapping[str, Any]) -> bytes:
    """By which the row of a rollup is found, made of what it is for."""
    return _dims([row[name] for name in (END_USER_GROUPS if "end_user" in row else GROUPS)])


def _dims(names: Iterable[str]) -> bytes:
    return hashlib.blake2b("\0".join(names).encode(), digest_size=16).digest()


def _measures(row: Row) -> list[tuple[str, int]]:
    """What one row adds. A correction only corrects sums: the attempt was counted when it was first written."""
    found = [(name, value) for name, value in zip(_SUMS, _OF_SUMS(row), strict=True) if value]
    if is_correction(row["entry"]):
        return [*found, ("unpriced", -1)] if row["other_usage"] and row["other_usage"].get(PRICED) else found
    status, used = row["status"], bool(found)
    gone = status == CLIENT_GONE
    failed = not gone and (status >= 400 or row["error"] is not None)
    found.append(("attempts", 1))
    if row["attempt"] <= 1:
        found.append(("requests", 1))
    if failed:
        found.append(("errors", 1))
    if gone:
        found.append(("cancelled", 1))
    if row["estimated"] is not None:
        found.append(("estimated", 1))
    if row["cost_nano"] is None and row["entry"] != "void" and (used or not failed):
        found.append(("unpriced", 1))
    if not failed and not gone and row["entry"] == "settled":
        found.append((LATENCY[bisect_left(_BOUNDS_US, row["duration_us"])], 1))
        if row["first_byte_us"] is not None:
            found.append((FIRST_BYTE[bisect_left(_BOUNDS_US, row["first_byte_us"])], 1))
    return found
