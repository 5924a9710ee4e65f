"""Rows that are new in the ledger raise the windows of the limits that they count for, in the transaction that stored them: exactly once.

A row's own time says which windows, and what it is for says whose; keys that replaced each other count as the first
of them. What this process had been granted for it is no longer held. Called by `ledger`, with the rows that were really inserted.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import ARRAY, Text, exists, func, literal, or_, select, update

from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger_rows import Row
from tidegate.adapters.sql.limits_windows import LOCK
from tidegate.adapters.sql.schema import api_key, limit_lease, limit_window
from tidegate.adapters.sql.statements import insert
from tidegate.policy.limits.crowd import crowd
from tidegate.ports.limits import Moved
from tidegate.records import DEFAULT_ORG, EVERYONE, Tenant

_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
_SECOND = 1_000_000
_WHOSE = itemgetter("org_id", "key_id", "team_id", "user_id", "route", "target", "end_user")
"""What the scopes of a row are made of, beside its tags."""
_AT = itemgetter("at")
_ENCODE = msgspec.json.Encoder().encode
Leases = dict[tuple[str, int], tuple[int, int]]
"""What this process was granted and has posted, by key and start."""
_REMEMBERED = 100_000
"""Keys."""
LONGEST_NAME = 256
"""Characters of an end user's name that limits tell apart."""


class Window(msgspec.Struct, frozen=True):
    """A row of `limit_window`."""

    key: str
    starts_at: int
    ends_at: int | None
    scope: str
    measure: str
    used: int
    held: int


class Raised(msgspec.Struct, frozen=True):
    """A window with what is added to it, and what this process was `granted` there and has now `posted`."""

    window: Window
    added: int
    granted: int
    posted: int

    @property
    def used(self) -> int:
        return self.window.used + self.added

    @property
    def held(self) -> int:
        before = max(0, self.granted - self.posted + self.added)
        return self.window.held - before + max(0, self.granted - self.posted)

    def moved(self) -> Moved:
        return Moved(self.window.key, self.window.starts_at // _SECOND, self.window.used, self.used, self.posted)


_COLUMNS = tuple(limit_window.c[name] for name in Window.__struct_fields__)
_WINDOWS = """SELECT key, starts_at, ends_at, scope, measure, used, held FROM limit_window WHERE org_id = ? AND starts_at <= ?
AND (ends_at IS NULL OR ends_at > ?) AND scope IN (SELECT value FROM json_each(?)) ORDER BY key, starts_at"""
_LIMITED = "SELECT value FROM json_each(?) AS org WHERE EXISTS (SELECT 1 FROM limit_window WHERE org_id = org.value)"
_LEASES = """SELECT key, starts_at, granted, posted FROM limit_lease WHERE org_id = ? AND owner = ?
AND key IN (SELECT value FROM json_each(?))"""
_LINES = "SELECT id, line FROM api_key WHERE id IN (SELECT value FROM json_each(?)) AND line IS NOT NULL"
_RAISE = "UPDATE limit_window SET used = ?, held = ? WHERE org_id = ? AND key = ? AND starts_at = ?"
_POSTED = """INSERT INTO limit_lease (org_id, key, starts_at, owner, granted, posted) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (org_id, key, starts_at, owner) DO UPDATE SET posted = excluded.posted"""


class Spent:
    """Posts for one process, the `owner` of what was granted."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner
        self._lines: dict[str, str] = {}
        lease = insert(limit_lease, is_sqlite=database.is_sqlite)
        self._set_posted = lease.on_conflict_do_update(
            index_elements=["org_id", "key", "starts_at", "owner"], set_={"posted": lease.excluded.posted}
        )

    async def post(self, connection: AsyncConnection, rows: Sequence[Row]) -> list[Moved]:
        """`rows` may be of several organisations; the transaction is left in the scope of another one than it had."""
        if not rows:
            return []
        if not self._database.is_sqlite:
            await connection.execute(select(func.pg_advisory_xact_lock_shared(LOCK)))
        # Another batch may have begun anew what is known while this one asked.
        while unknown := self._unknown(rows):
            await self._database.enter(connection, EVERYONE)
            query = select(api_key.c.id, api_key.c.line).where(api_key.c.id.in_(unknown), api_key.c.line.is_not(None))
            self._learn(unknown, (await connection.execute(query)).all())
        lines = self._lines
        moved: list[Moved] = []
        times = _times(rows)
        groups = _alike(rows)
        for org, by_scope in _passes(groups, await self._limited(connection, groups), lines):
            await self._database.enter(connection, Tenant(org))
            moved += await self._raise(connection, org, times, by_scope)
        return moved

    def post_at_once(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> list[Moved]:
        """The same in a transaction of SQLite's own driver."""
        if unknown := self._unknown(rows):
            self._learn(unknown, connection.execute(_LINES, (_ENCODE(unknown).decode(),)))
        moved: list[Moved] = []
        first, last = _times(rows)
        groups = _alike(rows)
        limited = {row[0] for row in connection.execute(_LIMITED, (_ENCODE([*groups, DEFAULT_ORG]).decode(),))}
        for org, by_scope in _passes(groups, limited, self._lines):
            chosen = (org, last, first, _ENCODE(sorted(by_scope)).decode())
            windows = [Window(*row) for row in connection.execute(_WINDOWS, chosen)]
            if not windows:
                continue
            keys = _ENCODE(sorted({window.key for window in windows})).decode()
            leases = {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(_LEASES, (org, self._owner, keys))}
            raised = _raised(windows, by_scope, leases)
            for one in raised:
                place = (org, one.window.key, one.window.starts_at)
                connection.execute(_RAISE, (one.used, one.held, *place))
                connection.execute(_POSTED, (*place, self._owner, one.granted, one.posted))
            moved += [one.moved() for one in raised]
        return moved

    async def _limited(self, connection: AsyncConnection, groups: Mapping[str, object]) -> Collection[str]:
        """Of these organisations and the one of what all share, those that have windows."""
        orgs = [*groups, DEFAULT_ORG]
        if self._database.is_sqlite:
            return orgs
        await self._database.enter(connection, EVERYONE)
        named = func.unnest(literal(orgs, ARRAY(Text))).column_valued("org")
        has = exists().where(limit_window.c.org_id == named)
        return set((await connection.execute(select(named).where(has))).scalars())

    def _unknown(self, rows: Sequence[Row]) -> list[str]:
        """Keys of which it was not asked yet whether they replaced others: that never changes."""
        asked = {row["key_id"] for row in rows}
        if len(self._lines) > _REMEMBERED and not asked <= self._lines.keys():
            self._lines = {}
        return sorted(asked - self._lines.keys())

    def _learn(self, asked: Iterable[str], found: Iterable[Any]) -> None:
        self._lines |= {id: id for id in asked} | dict(found)

    async def _raise(self, connection: AsyncConnection, org: str, times: tuple[int, int], by_scope: Mapping[str, list[Row]]) -> list[Moved]:
        table = limit_window
        first, last = times
        running = (table.c.starts_at <= last, or_(table.c.ends_at.is_(None), table.c.ends_at > first))
        chosen = (table.c.org_id == org, table.c.scope.in_(sorted(by_scope)), *running)
        query = select(*_COLUMNS).where(*chosen).order_by(table.c.key, table.c.starts_at).with_for_update()
        windows = [Window(*row) for row in await connection.execute(query)]
        if not windows:
            return []
        raised = _raised(windows, by_scope, await self._leases(connection, org, {window.key for window in windows}))
        for one in raised:
            place = (table.c.org_id == org, table.c.key == one.window.key, table.c.starts_at == one.window.starts_at)
            await connection.execute(update(table).where(*place).values(used=one.used, held=one.held))
        if raised:
            own = {"org_id": org, "owner": self._owner}
            leases = [
                {**own, "key": r.window.key, "starts_at": r.window.starts_at, "granted": r.granted, "posted": r.posted} for r in raised
            ]
            await connection.execute(self._set_posted, leases)
        return [one.moved() for one in raised]

    async def _leases(self, connection: AsyncConnection, org: str, keys: Iterable[str]) -> Leases:
        table = limit_lease
        own = (table.c.org_id == org, table.c.owner == self._owner, table.c.key.in_(sorted(keys)))
        rows = await connection.execute(select(table.c.key, table.c.starts_at, table.c.granted, table.c.posted).where(*own))
        return {(row.key, row.starts_at): (row.granted, row.posted) for row in rows}


def _alike(rows: Iterable[Row]) -> dict[str, list[list[Row]]]:
    """By organisation, the rows of the same scopes together."""
    found: dict[str, dict[tuple[Any, ...], list[Row]]] = {}
    for row in rows:
        found.setdefault(row["org_id"], {}).setdefault((*_WHOSE(row), *(row["tags"] or ())), []).append(row)
    return {org: list(alike.values()) for org, alike in found.items()}


def _passes(
    groups: Mapping[str, list[list[Row]]], limited: Collection[str], lines: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, list[Row]]]]:
    """By organisation, of those that have windows at all, and at last what all share: the order in which whoever grants locks windows
    too."""
    for org in sorted(groups):
        if org in limited:
            yield org, _by_scope(groups[org], partial(_scopes, lines))
    if DEFAULT_ORG in limited:
        yield DEFAULT_ORG, _by_scope((some for alike in groups.values() for some in alike), _shared_scopes)


def _times(rows: Sequence[Row]) -> tuple[int, int]:
    return min(map(_AT, rows)), max(map(_AT, rows))


def _raised(windows: Iterable[Window], by_scope: Mapping[str, list[Row]], leases: Leases) -> list[Raised]:
    found: list[Raised] = []
    for window in windows:
        added = _added(window, by_scope[window.scope])
        if added:
            granted, posted = leases.get((window.key, window.starts_at), (0, 0))
            found.append(Raised(window, added, granted, posted + added))
    return found


def _by_scope(alike: Iterable[list[Row]], scopes: Callable[[Row], Iterable[str]]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for some in alike:
        for scope in scopes(some[0]):
            found.setdefault(scope, []).extend(some)
    return found


def _scopes(lines: Mapping[str, str], row: Row) -> Iterator[str]:
    """As `Charge.scope` names them."""
    org = row["org_id"]
    yield f"organisation:{org}"
    yield f"key:{lines[row['key_id']]}"
    for kind in ("team", "user"):
        if row[f"{kind}_id"]:
            yield f"{kind}:{row[f'{kind}_id']}"
    yield f"route:{row['route']}"
    yield f"model:{row['target']}"
    for tag in row["tags"] or ():
        yield f"tag:{org}/{tag}"
    if row["end_user"]:
        subject = f"{org}/{row['end_user'][:LONGEST_NAME]}"
        yield f"end_user:{subject}"
        yield f"end_user:{crowd(subject)}"


def _shared_scopes(row: Row) -> Iterator[str]:
    yield f"*route:{row['route']}"
    yield f"*model:{row['target']}"
    yield f"*model:{crowd(row['target'])}"


def _added(window: Window, rows: Iterable[Row]) -> int:
    starts, ends, amount = window.starts_at, window.ends_at, _AMOUNTS.get(window.measure, _tries)
    return sum(amount(row) for row in rows if starts <= row["at"] and (ends is None or row["at"] < ends))


def _spend(row: Row) -> int:
    return row["cost_nano"] or 0


def _tokens(row: Row) -> int:
    return sum(row[name] or 0 for name in _TOKENS)


def _requests(row: Row) -> int:
    return 1 if row["attempt"] <= 1 and row["entry"] in ("settled", "unknown") else 0


def _tries(row: Row) -> int:
    return 1 if row["entry"] in ("settled", "unknown") else 0


_AMOUNTS = {"spend": _spend, "tokens": _tokens, "requests": _requests}
"""By measure, what a row adds; of all others it is a try."""
