"""The ledger: usage events are posted once, however often they are given, and the rollups are their sums. `usage` answers from the rollups
alone. The spool's drainer posts, the control API and the command line ask."""

import asyncio
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger_rows import Row, Unstorable, row_of
from tidegate.adapters.sql.limits_post import Spent
from tidegate.adapters.sql.posting import Posting
from tidegate.adapters.sql.posting_sqlite import ShortWay
from tidegate.adapters.sql.rollups import rollups
from tidegate.adapters.sql.schema_usage import MEASURES, WRITTEN, ledger
from tidegate.adapters.sql.statements import insert, of_the_data, told_when_away
from tidegate.adapters.sql.usage_query import report
from tidegate.ports import PoisonEvents, UsageEvent
from tidegate.ports.limits import Moved
from tidegate.records import Scope, Tenant
from tidegate.usage_report import UsageQuery, UsageReport

_IDENTITY = ("request_id", "attempt", "entry")
_ORDER = itemgetter("org_id", *_IDENTITY)
SLICE = 25
"""Events that become rows before others may run."""

Indexed = tuple[int, Row]
"""A row with its event's place in the batch."""


class LedgerStore:
    """Implements `ports.Ledger`. With `windows`, new rows raise the windows of limits, and `on_moved` is told which."""

    def __init__(self, database: Database, *, windows: Spent | None = None, on_moved: Callable[[list[Moved]], None] | None = None) -> None:
        self._database = database
        self._windows = windows
        self._on_moved = on_moved
        is_sqlite = database.is_sqlite
        self._short = ShortWay(database.engine.url, database.statement_seconds, windows) if is_sqlite else None
        self._post = Posting(ledger, is_sqlite=is_sqlite, identity=_IDENTITY)
        self._tell = insert(ledger, is_sqlite=is_sqlite).on_conflict_do_nothing().returning(*(ledger.c[name] for name in _IDENTITY))
        self._rollups = [Posting(table, is_sqlite=is_sqlite) for _, table in WRITTEN]

    async def post(self, events: Sequence[UsageEvent]) -> int:
        """Stores the events that are not there yet, with their rollups, in one transaction; the number of new ones. Raises `PoisonEvents`
        once the rest is stored, and an error of the database where nothing was."""
        rows: list[Indexed] = []
        poison: list[tuple[int, str]] = []
        for index, event in enumerate(events):
            if index % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            try:
                rows.append((index, row_of(event)))
            except Unstorable as error:
                poison.append((index, str(error)))
        rows.sort(key=lambda item: _ORDER(item[1]))
        if rows and self._short is not None:
            moved = await asyncio.to_thread(self._short.post, [row for _, row in rows])
            if moved is not None:
                self._tell_of(moved)
                return _told(poison, len(rows))
        try:
            posted = await self._store(rows, None)
        except Exception as error:
            if not of_the_data(error):
                raise
            # The database itself refuses something: once more, in halves, until what it refuses stands alone.
            posted = await self._store(rows, poison)
        return _told(poison, posted)

    async def aclose(self) -> None:
        """Lets go of the database's file."""
        if self._short is not None:
            await asyncio.to_thread(self._short.close)

    async def usage(self, scope: Scope, query: UsageQuery) -> UsageReport:
        """Raises `UsageTooLarge`, `UsageGone`, and `ValueError` for a time zone that is none."""
        with told_when_away():
            async with self._database.read(scope) as connection:
                return await report(connection, scope, query)

    async def _store(self, rows: list[Indexed], poison: list[tuple[int, str]] | None) -> int:
        if not rows:
            return 0
        new: list[Row] = []
        moved: list[Moved] = []
        tenants = sorted({row["org_id"] for _, row in rows})
        async with self._database.write(Tenant(tenants[0])) as connection:
            for org_id in tenants:
                if org_id != tenants[0]:
                    await self._database.enter(connection, Tenant(org_id))
                own = [item for item in rows if item[1]["org_id"] == org_id]
                new += await (self._insert(connection, own) if poison is None else self._halve(connection, own, poison))
            if self._windows is not None:
                moved = await self._windows.post(connection, new)
        self._tell_of(moved)
        return len(new)

    def _tell_of(self, moved: list[Moved]) -> None:
        if moved and self._on_moved is not None:
            self._on_moved(moved)

    async def _insert(self, connection: AsyncConnection, rows: list[Indexed]) -> list[Row]:
        plain = [row for _, row in rows]
        if self._database.is_sqlite:
            inserted = [tuple(found) for found in await connection.execute(self._tell, plain)]
        else:
            inserted = await self._post.run(connection, self._post.nothing, plain)
        new = _found(plain, inserted)
        for table, sums in zip(self._rollups, rollups(new), strict=True):
            if sums:
                await table.run(connection, table.adding(sums, MEASURES), sums)
        return new

    async def _halve(self, connection: AsyncConnection, rows: list[Indexed], poison: list[tuple[int, str]]) -> list[Row]:
        try:
            async with connection.begin_nested():
                return await self._insert(connection, rows)
        except Exception as error:
            if not of_the_data(error):
                raise
            if len(rows) == 1:
                poison.append((rows[0][0], f"the database refuses it: {type(getattr(error, 'orig', None) or error).__name__}"))
                return []
        middle = len(rows) // 2
        return await self._halve(connection, rows[:middle], poison) + await self._halve(connection, rows[middle:], poison)


def _told(poison: list[tuple[int, str]], posted: int) -> int:
    """Raises `PoisonEvents`."""
    if poison:
        raise PoisonEvents(sorted(poison), posted)
    return posted


def _found(rows: list[Row], inserted: list[tuple[Any, ...]]) -> list[Row]:
    """The first row of each identity."""
    identities = set(inserted)
    new: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        identity = tuple(row[name] for name in _IDENTITY)
        if identity in identities:
            new.setdefault(identity, row)
    return list(new.values())
