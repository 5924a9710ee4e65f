"""Erasures are carried out: wherever a row names somebody, a pseudonym stands in their place, and what was theirs alone goes. Amounts stay.

`sweep` does it in batches, each a transaction of one tenant, so that nothing waits long for it; it may be done any number of times, by
several processes at once. `finish` does the rest once no replica can still be behind: with the audit log it changes what replicas go by to
learn that a key has ended, so its own event makes those that are behind read everything anew. `app` runs both.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, and_, delete, func, or_, select, tuple_, update

from tidegate.adapters.sql.changes import Change, Changes
from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.control_kinds import KINDS
from tidegate.adapters.sql.directory import ERASED
from tidegate.adapters.sql.engine import Database, within
from tidegate.adapters.sql.personal import DIRECTORY, PAGE, Person, key_of, person, rows_of
from tidegate.adapters.sql.posting import Posting
from tidegate.adapters.sql.rollups import dims_of
from tidegate.adapters.sql.rows import record_of
from tidegate.adapters.sql.schema import api_key, audit_event, erasure, limit_lease, limit_window, user_account
from tidegate.adapters.sql.schema_kept import kept_object
from tidegate.adapters.sql.schema_usage import END_USER_ROLLUPS, MEASURES, WRITTEN, ledger
from tidegate.adapters.sql.statements import told_when_away
from tidegate.ir.json import JsonObject
from tidegate.policy.erased import END_USER, USER, Stand
from tidegate.records import EVERYONE, Actor, Erasure, Subject, Tenant

WAIT = 600_000_000
"""Microseconds until an erasure is finished: calls that ran have ended, and every replica has read what was changed."""
SPAN = 20_000
"""Rows of the ledger that are looked at in one transaction."""
BATCH = 500
_ACTOR = Actor(kind="system", id="erasure")
_COLUMNS = [erasure.c[name] for name in Erasure.__struct_fields__]
_LAST = (user_account, api_key)
"""By these the rest is found: they go at last."""

Counts = dict[str, int]


class Erasing:
    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._database: Database = changes.database
        self._rollups = {table.name: Posting(table, is_sqlite=self._database.is_sqlite) for _, table in WRITTEN}

    async def rows(self) -> list[tuple[str, Erasure]]:
        """Every erasure there was, with its organisation."""
        with told_when_away():
            async with self._database.read(EVERYONE) as connection:
                found = await connection.execute(select(erasure.c.org_id, *_COLUMNS).order_by(erasure.c.created_at, erasure.c.id))
                return [(row[0], record_of(Erasure, row[1:])) for row in found]

    async def sweep(self, tenant: Tenant, row: Erasure) -> Counts:
        """How many rows changed or went, by table."""
        with told_when_away():
            found = await self._person(tenant, row)
            if found is None:
                return {}
            counts = await self._ledger(found, row)
            for _, table in WRITTEN if found.is_user else END_USER_ROLLUPS:
                counts[table.name] = await self._sums(table, found, row)
            counts[kept_object.name] = await self._kept(found, row)
            for table in DIRECTORY:
                counts[table.name] = await self._table(table, found, row)
            counts = {name: count for name, count in counts.items() if count}
            await self._count(tenant, row, counts)
            return counts

    async def finish(self, tenant: Tenant, row: Erasure) -> None:
        """What is left, and the last of who it was."""
        await self.sweep(tenant, row)
        with told_when_away():
            found = await self._person(tenant, row)
            events = [] if found is None else await self._events(found, row)
            async with self._changes.begin(tenant, _ACTOR) as change:
                now = (await change.connection.execute(select(*_COLUMNS).where(*_one(erasure, tenant, [row.id])))).one()
                if now.finished_at is not None:
                    return
                if found is not None:
                    await self._last(change, found, row)
                for seq, changed in events:
                    await change.connection.execute(update(audit_event).where(*_one(audit_event, tenant, [seq])).values(changed))
                before = record_of(Erasure, now)
                counts = {**before.counts, audit_event.name: len(events)} if events else before.counts
                values = {
                    "subject": "",
                    "finished_at": change.now,
                    "updated_at": change.now,
                    "revision": row.revision + 1,
                    "counts": counts,
                }
                await change.connection.execute(update(erasure).where(*_one(erasure, tenant, [row.id])).values(values))
                kept = KINDS[Erasure]
                after: JsonObject = {"finished_at": change.now}
                await change.audit(tenant, ERASED, kept.name, row.id, before={"finished_at": None}, after=after)
            await self._database.settle()

    async def _person(self, tenant: Tenant, row: Erasure) -> Person | None:
        async with self._database.read(tenant) as connection:
            return await person(connection, tenant, Subject(row.subject_kind, row.subject)) if row.subject else None

    async def _ledger(self, found: Person, row: Erasure) -> Counts:
        count, after = 0, 0
        async with self._database.read(found.tenant) as connection:
            last = (await connection.execute(select(func.max(ledger.c.seq)).where(*within(found.tenant, ledger)))).scalar() or 0
        while after < last:
            span = (ledger.c.seq > after, ledger.c.seq <= after + SPAN)
            async with self._database.write(found.tenant) as connection:
                for condition, values in _changes(ledger, found, row):
                    changed = update(ledger).where(*within(found.tenant, ledger), *span, condition).values(values)
                    count += (await connection.execute(changed)).rowcount
            after += SPAN
        return {ledger.name: count}

    async def _sums(self, table: Table, found: Person, row: Erasure) -> int:
        """Rows are taken out and added under the other name: there may be one of it already."""
        count = 0
        posting = self._rollups[table.name]
        key = (table.c.bucket, table.c.dims)
        for condition, values in _changes(table, found, row):
            chosen = (*within(found.tenant, table), condition)
            while True:
                some = select(*key).where(*chosen).order_by(*key).limit(BATCH)
                async with self._database.write(found.tenant) as connection:
                    gone = delete(table).where(*within(found.tenant, table), tuple_(*key).in_(some)).returning(*table.columns)
                    taken = [{**old, **values} for old in (await connection.execute(gone)).mappings()]
                    again = sorted(({**new, "dims": dims_of(new)} for new in taken), key=lambda new: (new["bucket"], new["dims"]))
                    if again:
                        await posting.run(connection, posting.adding(again, MEASURES), again)
                count += len(taken)
                if len(taken) < BATCH:
                    break
        return count

    async def _kept(self, found: Person, row: Erasure) -> int:
        table = kept_object
        theirs = table.c.key_id.in_(found.keys) if found.is_user else table.c.end_user_mark == row.mark
        chosen = (*within(found.tenant, table), theirs, *(() if found.is_user else (table.c.created_at <= row.created_at,)))
        count = 0
        while True:
            some = select(table.c.id).where(*chosen).limit(BATCH // 5)
            async with self._database.write(found.tenant) as connection:
                gone = (await connection.execute(delete(table).where(*within(found.tenant, table), table.c.id.in_(some)))).rowcount
            count += gone
            if gone < BATCH // 5:
                return count

    async def _table(self, table: Table, found: Person, row: Erasure) -> int:
        count = 0
        after: list[Any] | None = None
        while True:
            async with self._database.read(found.tenant) as connection:
                page = await rows_of(connection, found.tenant, table, after)
            told = [(key_of(table, one), found.without(table, one, row.pseudonym)) for one in page]
            named = [(key, changed) for key, changed in told if changed or (changed is None and table not in _LAST)]
            if named:
                async with self._database.write(found.tenant) as connection:
                    for key, changed in named:
                        await _changed(connection, table, found.tenant, key, changed)
            count += len(named)
            if len(page) < PAGE:
                return count
            after = key_of(table, page[-1])

    async def _events(self, found: Person, row: Erasure) -> list[tuple[int, dict[str, Any]]]:
        """Events of the audit log that say other things without them."""
        events: list[tuple[int, dict[str, Any]]] = []
        after: list[Any] | None = None
        while True:
            async with self._database.read(found.tenant) as connection:
                page = await rows_of(connection, found.tenant, audit_event, after)
            events += [(one["seq"], changed) for one in page if (changed := found.without(audit_event, one, row.pseudonym))]
            if len(page) < PAGE:
                return events
            after = key_of(audit_event, page[-1])

    async def _last(self, change: Change, found: Person, row: Erasure) -> None:
        for table in (limit_lease, limit_window):
            same = table.c.scope.in_(found.scopes) if table is limit_window else _of_windows(found)
            await change.connection.execute(delete(table).where(*within(found.tenant, table), same))
        for table in reversed(_LAST):
            if found.is_user:
                own = [found.subject.id] if table is user_account else list(found.keys)
                await change.connection.execute(delete(table).where(*within(found.tenant, table), table.c.id.in_(own)))

    async def _count(self, tenant: Tenant, row: Erasure, counts: Counts) -> None:
        async with self._database.write(tenant) as connection:
            one = _one(erasure, tenant, [row.id])
            before: Counts = (await connection.execute(select(erasure.c.counts).where(*one))).scalar_one()
            both = {name: before.get(name, 0) + counts.get(name, 0) for name in sorted({*before, *counts})}
            await connection.execute(update(erasure).where(*one).values(counts=both))


def stands(rows: Sequence[tuple[str, Erasure]]) -> dict[str, Stand]:
    """For `policy.erased.Erased`."""
    return {row.mark: Stand(row.pseudonym, None if row.subject_kind == USER else row.created_at) for _, row in rows}


def _changes(table: Table, found: Person, row: Erasure) -> list[tuple[Any, dict[str, Any]]]:
    """(which rows of usage name them, what is said there instead)."""
    if not found.is_user:
        at = table.c.at if table is ledger else table.c.bucket
        return [(and_(table.c.end_user == found.subject.id, at <= row.created_at), {END_USER: row.pseudonym})]
    values = {"user_id": row.pseudonym, "key_id": row.pseudonym}
    if table is ledger:
        values["key_name"] = ""
    theirs = table.c.user_id == found.subject.id
    return [(or_(theirs, table.c.key_id.in_(found.keys)) if found.keys else theirs, values)]


def _of_windows(found: Person) -> Any:
    windows = select(limit_window.c.key).where(*within(found.tenant, limit_window), limit_window.c.scope.in_(found.scopes))
    return limit_lease.c.key.in_(windows)


def _one(table: Table, tenant: Tenant, key: Sequence[Any]) -> tuple[Any, ...]:
    columns = [column for column in table.primary_key.columns if column.name != "org_id"]
    return (*within(tenant, table), *(column == value for column, value in zip(columns, key, strict=True)))


async def _changed(connection: AsyncConnection, table: Table, tenant: Tenant, key: Sequence[Any], changed: dict[str, Any] | None) -> None:
    one = _one(table, tenant, key)
    await connection.execute(delete(table).where(*one) if changed is None else update(table).where(*one).values(changed))
