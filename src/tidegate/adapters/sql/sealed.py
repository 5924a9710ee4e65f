"""Every column of sealed bytes, for the change of the key that seals: which keys are in use, and wrapping the data keys anew, some rows at
a time. A new table with sealed bytes joins `SEALED`."""

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Row, Table, delete, func, select, update

from tidegate.adapters.sql.changes import Change, Changes
from tidegate.adapters.sql.engine import Database, within
from tidegate.adapters.sql.kept_store import part_purpose
from tidegate.adapters.sql.schema import credential
from tidegate.adapters.sql.schema_kept import kept_object, kept_part
from tidegate.policy.credentials import purpose_of
from tidegate.ports import Sealer, Unsealable
from tidegate.records import Actor, Scope, Tenant

BATCH = 100
_UNREADABLE = 1000
"""Rows that do not open and are passed over, so that they do not stand in the way of others for ever."""


class SealedColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A table with the columns `org_id`, `id`, `kek_id` and `sealed`. `place` is (purpose, version) of a row, made of `needs`."""

    table: Table
    needs: tuple[str, ...]
    place: Callable[[Row[Any]], tuple[str, int]]


SEALED = (
    SealedColumn(
        table=credential,
        needs=("provider", "origin", "version"),
        place=lambda row: (purpose_of(row.provider, row.origin), row.version),
    ),
    SealedColumn(table=kept_object, needs=("kind",), place=lambda row: (row.kind, 1)),
    SealedColumn(table=kept_part, needs=("place",), place=lambda row: (part_purpose(row.place), 1)),
)


class Rewrapped(msgspec.Struct, frozen=True):
    """`unreadable` are rows, as table/organisation/id, that did not open: they stay as they are."""

    done: int
    unreadable: tuple[str, ...]


class SealedRows:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def kek_ids(self, scope: Scope) -> dict[str, int]:
        """How many rows each key has sealed."""
        found: dict[str, int] = {}
        async with self._database.read(scope) as connection:
            for column in SEALED:
                table = column.table
                counted = select(table.c.kek_id, func.count()).where(*within(scope, table), table.c.kek_id != "").group_by(table.c.kek_id)
                for kek_id, count in await connection.execute(counted):
                    found[kek_id] = found.get(kek_id, 0) + count
        return found

    async def rewrap(self, changes: Changes, scope: Scope, actor: Actor, sealer: Sealer, *, most: int = BATCH) -> Rewrapped:
        """Up to `most` rows of each table that another key has sealed, in one transaction. Every replica reads its configuration again."""
        done, unreadable = 0, list[str]()
        async with changes.begin(scope, actor) as change:
            for column in SEALED:
                changed, bad = await _rewrap(change, scope, column, sealer, most)
                done += changed
                unreadable += bad
        return Rewrapped(done, tuple(unreadable))

    async def forget(self, changes: Changes, scope: Scope, actor: Actor, kek_id: str) -> int:
        """Deletes what a lost key has sealed; the number of rows."""
        count = 0
        async with changes.begin(scope, actor) as change:
            for column in SEALED:
                table = column.table
                lost = delete(table).where(*within(scope, table), table.c.kek_id == kek_id).returning(table.c.org_id, table.c.id)
                for org_id, id in (await change.connection.execute(lost)).all():
                    await change.audit(Tenant(org_id), f"{table.name}.forget", table.name, id, before={"kek_id": kek_id})
                    count += 1
        return count


async def _rewrap(change: Change, scope: Scope, column: SealedColumn, sealer: Sealer, most: int) -> tuple[int, list[str]]:
    table = column.table
    columns = (table.c.org_id, table.c.id, table.c.sealed, table.c.kek_id, *(table.c[name] for name in column.needs))
    chosen = (*within(scope, table), table.c.kek_id != sealer.kek_id, table.c.kek_id != "")
    some = select(*columns).where(*chosen).order_by(table.c.org_id, table.c.id).limit(most + _UNREADABLE)
    rows = (await change.connection.execute(some)).all()
    done, bad = 0, list[str]()
    for row in rows:
        if done >= most:
            break
        purpose, version = column.place(row)
        try:
            again = sealer.rewrap(purpose, row.org_id, row.id, row.sealed, version=version)
        except Unsealable:
            bad.append(f"{table.name}/{row.org_id}/{row.id}")
            continue
        one = (*within(Tenant(row.org_id), table), table.c.id == row.id, table.c.sealed == row.sealed)
        await change.connection.execute(update(table).where(*one).values(sealed=again, kek_id=sealer.kek_id))
        done += 1
    return done, bad
