"""Rows of the ledger added up into rows of the rollups. Pure: `ledger` writes what this makes."""

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import compress
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
_OF_OUTCOME = itemgetter("entry", "attempt", "status", "error", "estimated")
_COST, _DURATION, _FIRST = itemgetter("cost_nano"), itemgetter("duration_us"), itemgetter("first_byte_us")
_step_of = partial(bisect_left, _BOUNDS_US)
_KEY = itemgetter("org_id", "bucket", "dims")
_ZERO = dict.fromkeys(MEASURES, 0)

Group = tuple[Any, ...]
"""(bucket, organisation, the values of `GROUPS` or `END_USER_GROUPS`)."""
Sums = dict[str, int]


def rollups(rows: Iterable[Row]) -> list[list[dict[str, Any]]]:
    """For each table of `WRITTEN` the rows to add, in the order of their keys: whoever writes several of them locks them in that order."""
    alike: dict[Group, list[Row]] = {}
    for row in rows:
        alike.setdefault((row["at"] // _LENGTHS[0], *_OF_GROUPS(row), row["end_user"], *(row["tags"] or ())), []).append(row)
    by_tag: dict[Group, list[Row]] = {}
    by_end_user: dict[Group, list[Row]] = {}
    for (quarter, *_), some in alike.items():
        row = some[0]
        groups = (quarter * _LENGTHS[0], *_OF_GROUPS(row))
        for tag in ("", *(row["tags"] or ())):
            by_tag.setdefault((*groups, tag), []).extend(some)
        if row["end_user"]:
            by_end_user.setdefault((*groups, row["end_user"]), []).extend(some)
    return [*_tables(by_tag, GROUPS), *_tables(by_end_user, END_USER_GROUPS)]


def _tables(rows: dict[Group, list[Row]], names: tuple[str, ...]) -> list[list[dict[str, Any]]]:
    tables = [{group: _sums(of) for group, of in rows.items()}]
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


def _sums(rows: Sequence[Row]) -> Sums:
    """What rows of one group add. A correction only corrects sums: the attempt was counted when it was first written."""
    columns = zip(*map(_OF_SUMS, rows), strict=True)
    found = Counter({name: sum(filter(None, column)) for name, column in zip(_SUMS, columns, strict=True) if any(column)})
    alike: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        alike.setdefault(_OF_OUTCOME(row), []).append(row)
    for some in alike.values():
        _count(found, some)
    return found


def _count(found: Counter[str], rows: Sequence[Row]) -> None:
    """Adds the numbers of rows that ended alike."""
    entry, attempt, status, error, estimated = _OF_OUTCOME(rows[0])
    if is_correction(entry):
        found["unpriced"] -= sum(1 for row in rows if row["other_usage"] and row["other_usage"].get(PRICED))
        return
    gone = status == CLIENT_GONE
    failed = not gone and (status >= 400 or error is not None)
    holds = {"attempts": True, "requests": attempt <= 1, "errors": failed, "cancelled": gone, "estimated": estimated is not None}
    found.update(dict.fromkeys(compress(holds, holds.values()), len(rows)))
    if entry != "void" and None in map(_COST, rows):
        found["unpriced"] += sum(1 for row in rows if row["cost_nano"] is None and (not failed or any(_OF_SUMS(row))))
    if entry == "settled" and not failed and not gone:
        for steps, column in ((LATENCY, map(_DURATION, rows)), (FIRST_BYTE, map(_FIRST, rows))):
            told = Counter(map(_step_of, (micros for micros in column if micros is not None)))
            found.update({steps[step]: count for step, count in told.items()})
