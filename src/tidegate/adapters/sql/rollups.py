"""Rows of the ledger added up into rows of the rollups. Pure: `ledger` writes what this makes."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

from tidegate.adapters.sql.ledger_rows import Row
from tidegate.adapters.sql.schema_usage import BOUNDS_MS, FIRST_BYTE, GROUPS, KINDS, LATENCY, MEASURES, ROLLUPS

CLIENT_GONE = 499
_MICROS = 1_000_000
_BOUNDS_US = tuple(bound * 1000 for bound in BOUNDS_MS)
_SUMS = (*(f"{kind}_tokens" for kind in KINDS), "web_searches", "cost_nano", "saved_nano")
_PLAIN_GROUPS = GROUPS[:-1]
_ZERO = dict.fromkeys(MEASURES, 0)


def rollups(rows: Iterable[Row]) -> list[list[dict[str, Any]]]:
    """For each table of `ROLLUPS` the rows to add, in the order of their keys: whoever writes several of them locks them in that order."""
    tables: list[dict[tuple[str, int, bytes], dict[str, Any]]] = [{} for _ in ROLLUPS]
    for row in rows:
        measures = _measures(row)
        for tag in ("", *(row["tags"] or ())):
            groups = {name: row[name] for name in _PLAIN_GROUPS}
            groups["tag"] = tag
            dims = hashlib.blake2b("\0".join(groups.values()).encode(), digest_size=16).digest()
            for (seconds, _), sums in zip(ROLLUPS, tables, strict=True):
                bucket = row["at"] - row["at"] % (seconds * _MICROS)
                into = sums.get((row["org_id"], bucket, dims))
                if into is None:
                    into = sums[row["org_id"], bucket, dims] = {"org_id": row["org_id"], "bucket": bucket, "dims": dims, **groups, **_ZERO}
                for name, value in measures:
                    into[name] += value
    return [[sums[key] for key in sorted(sums)] for sums in tables]


def _measures(row: Row) -> list[tuple[str, int]]:
    """What one row adds. A correction only corrects sums: the attempt was counted when it was first written."""
    found = [(name, row[name]) for name in _SUMS if row[name]]
    if row["entry"] == "correction":
        return found
    gone = row["status"] == CLIENT_GONE
    failed = not gone and (row["status"] >= 400 or row["error"] is not None)
    found.append(("attempts", 1))
    found += [(name, 1) for name, holds in _counts(row, gone, failed) if holds]
    if not failed and not gone and row["entry"] == "settled":
        found.append((LATENCY[bisect_left(_BOUNDS_US, row["duration_us"])], 1))
        if row["first_byte_us"] is not None:
            found.append((FIRST_BYTE[bisect_left(_BOUNDS_US, row["first_byte_us"])], 1))
    return found


def _counts(row: Row, gone: bool, failed: bool) -> tuple[tuple[str, bool], ...]:
    used = not failed or any(row[f"{kind}_tokens"] for kind in KINDS)
    return (
        ("requests", row["attempt"] <= 1),
        ("errors", failed),
        ("cancelled", gone),
        ("estimated", row["estimated"] is not None),
        ("unpriced", row["cost_nano"] is None and used and row["entry"] != "void"),
    )
