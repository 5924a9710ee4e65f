"""What the repositories of edited rows share: get, list by pages, insert and edit one kind of record in its table. Each kind has a file of
its own that says what is special about it."""

import base64
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Table, and_, insert, or_, select, update

from tidegate.adapters.sql.changes import Change, Changes, told
from tidegate.adapters.sql.engine import within
from tidegate.records import Actor, Conflict, Page, Tenant

T = TypeVar("T", bound=msgspec.Struct)

MOST = 500
"""Rows of a page."""
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 16


def new_id(prefix: str) -> str:
    """`<prefix>_` and 95 bits in base 62."""
    return prefix + "_" + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of record. `audited` are the fields that its audit events show; `edited` those that `update` may set."""

    name: str
    table: Any
    audited: tuple[str, ...]
    edited: frozenset[str]


class Rows(Generic[T]):
    """One kind of record, by tenant. Every function names the tenant first and touches no other's rows."""

    def __init__(self, changes: Changes, kind: Kind, record: type[T]) -> None:
        self._changes = changes
        self._kind = kind
        self._table: Table = kind.table
        self._record = record
        self._columns = [self._table.c[name] for name in record.__struct_fields__]

    async def get(self, tenant: Tenant, id: str) -> T | None:
        async with self._changes.database.read(tenant) as connection:
            row = (await connection.execute(self._one(tenant, id))).first()
        return None if row is None else self._from(row)

    async def list(
        self, tenant: Tenant, *, limit: int = 50, cursor: str | None = None, only: Mapping[str, str | None] | None = None
    ) -> Page[T]:
        """Oldest first; `only` keeps rows whose columns have these values. Raises `ValueError` for a cursor that is none of ours."""
        table = self._table
        query = select(*self._columns).where(*within(tenant, table)).order_by(table.c.created_at, table.c.id)
        for name, value in (only or {}).items():
            query = query.where(table.c[name] == value)
        if cursor is not None:
            at, after = _place(cursor)
            query = query.where(or_(table.c.created_at > at, and_(table.c.created_at == at, table.c.id > after)))
        limit = max(1, min(limit, MOST))
        async with self._changes.database.read(tenant) as connection:
            rows = (await connection.execute(query.limit(limit + 1))).all()
        items = tuple(self._from(row) for row in rows[:limit])
        more = len(rows) > limit
        return Page(items, _cursor(rows[limit - 1].created_at, rows[limit - 1].id) if more else None)

    async def insert(self, tenant: Tenant, actor: Actor, record: T) -> T:
        """The record as it is kept. Raises `Conflict`."""
        async with self._changes.begin(tenant, actor) as change:
            return await self._insert(change, tenant, record)

    async def update(self, tenant: Tenant, actor: Actor, id: str, fields: Mapping[str, Any], *, revision: int | None = None) -> T | None:
        """The record as it is now, None where there is none. Raises `Conflict` where `revision` is not the present one, and `ValueError`
        for a field that cannot be set."""
        async with self._changes.begin(tenant, actor) as change:
            return await self._update(change, tenant, id, fields, action=f"{self._kind.name}.update", revision=revision)

    async def _insert(self, change: Change, tenant: Tenant, record: T) -> T:
        kept = msgspec.structs.replace(record, created_at=change.now, updated_at=change.now, revision=1)
        values = {**msgspec.structs.asdict(kept), "org_id": tenant.org_id}
        await change.connection.execute(insert(self._table).values(values))
        id: str = values["id"]
        await change.audit(tenant, f"{self._kind.name}.create", self._kind.name, id, after=told(kept, self._kind.audited))
        return kept

    async def _update(
        self, change: Change, tenant: Tenant, id: str, fields: Mapping[str, Any], *, action: str, revision: int | None = None
    ) -> T | None:
        unknown = fields.keys() - self._kind.edited
        if unknown:
            raise ValueError(f"{min(unknown)} cannot be set")
        row = (await change.connection.execute(self._one(tenant, id))).first()
        if row is None:
            return None
        if revision is not None and row.revision != revision:
            raise Conflict(f"it was changed in the meantime: its revision is {row.revision}")
        table = self._table
        values = {**fields, "updated_at": change.now, "revision": row.revision + 1}
        await change.connection.execute(update(table).where(*within(tenant, table), table.c.id == id).values(values))
        before, after = self._from(row), msgspec.structs.replace(self._from(row), **values)
        names = self._kind.audited
        await change.audit(tenant, action, self._kind.name, id, before=told(before, names), after=told(after, names))
        return after

    def _one(self, tenant: Tenant, id: str) -> Any:
        return select(*self._columns).where(*within(tenant, self._table), self._table.c.id == id)

    def _from(self, row: Sequence[Any]) -> T:
        return record_of(self._record, row)


def record_of(kind: type[T], row: Sequence[Any]) -> T:
    """A row of the columns that the record has, in their order."""
    return kind(**dict(zip(kind.__struct_fields__, row, strict=True)))


def _cursor(created_at: int, id: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((created_at, id))).decode().rstrip("=")


def _place(cursor: str) -> tuple[int, str]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=tuple[int, str])
    except (ValueError, msgspec.DecodeError):
        raise ValueError("the cursor is none that was given out") from None
