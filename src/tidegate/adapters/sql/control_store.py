"""What the control plane reads and changes, one transaction at a time: implements `ports.ControlStore` on `changes`. Everything that is
special about a kind of record is in `control_kinds`."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from sqlalchemy import and_, delete, insert, or_, select, update

from tidegate.adapters.sql.changes import Change, Changes, told
from tidegate.adapters.sql.control_kinds import KINDS, Kept
from tidegate.adapters.sql.engine import Database, within
from tidegate.adapters.sql.keys import in_state, touch
from tidegate.adapters.sql.limits_standing import standings
from tidegate.adapters.sql.rows import record_of
from tidegate.adapters.sql.schema import api_key, credential, idempotency_record, organisation, outbox
from tidegate.adapters.sql.statements import told_when_away
from tidegate.policy.limits.rules import Limit, Standing
from tidegate.records import (
    EVERYONE,
    Actor,
    ApiKey,
    Conflict,
    Credential,
    Everyone,
    JsonObject,
    ListQuery,
    Message,
    Organisation,
    Page,
    Remembered,
    Scope,
    Tenant,
)

T = TypeVar("T", bound=msgspec.Struct)

MOST = 500
"""Rows of a page."""
_ORG_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
"""`*` would stand for all of them."""
_NO_EDITS = frozenset({"updated_at", "digest", "last_used_at"})
"""What a row has of others: a key may be used between being read and being written."""
_REMEMBERED = [idempotency_record.c[name] for name in Remembered.__struct_fields__]


class SqlView:
    """Implements `ports.View`."""

    def __init__(self, connection: Any, scope: Scope) -> None:
        self._connection = connection
        self._scope = scope

    async def get(self, kind: type[T], *key: str) -> T | None:
        kept = self._kept(kind)
        named = (kept.table.c[name] == value for name, value in zip(kept.key, key, strict=True))
        row = (await self._connection.execute(_select(kind, kept).where(*within(self._scope, kept.table), *named))).first()
        return None if row is None else _shown(kind, row)

    async def page(self, kind: type[T], query: ListQuery) -> Page[T]:
        kept = self._kept(kind)
        columns = [kept.table.c[name] for name in kept.order]
        statement = _select(kind, kept).where(*within(self._scope, kept.table))
        for name, value in query.only.items():
            column = kept.table.c[name]
            statement = statement.where(column == value if isinstance(value, str) else column.in_(value))
        if query.state is not None:
            statement = statement.where(in_state(*query.state))
        if query.after is not None:
            statement = statement.where(_after(columns, _place(query.after, len(columns)), descending=kept.newest_first))
        statement = statement.order_by(*(column.desc() if kept.newest_first else column for column in columns))
        limit = max(1, min(query.limit, MOST))
        rows = (await self._connection.execute(statement.limit(limit + 1))).all()
        items = tuple(_shown(kind, row) for row in rows[:limit])
        last = [getattr(items[-1], name) for name in kept.order] if len(rows) > limit else None
        return Page(items, None if last is None else msgspec.json.encode(last).decode())

    async def find_key(self, id: str) -> tuple[Tenant, ApiKey] | None:
        columns = [api_key.c[name] for name in ApiKey.__struct_fields__]
        row = (await self._connection.execute(select(api_key.c.org_id, *columns).where(api_key.c.id == id))).first()
        return None if row is None else (Tenant(row[0]), record_of(ApiKey, row[1:]))

    async def digests_there(self, digests: Sequence[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        for start in range(0, len(digests), MOST):
            chosen = (*within(self._scope, api_key), api_key.c.digest.in_(digests[start : start + MOST]))
            found |= set((await self._connection.execute(select(api_key.c.digest).where(*chosen))).scalars())
        return found

    async def sealed(self, credential_id: str) -> bytes | None:
        chosen = (*within(self._scope, credential), credential.c.id == credential_id)
        return (await self._connection.execute(select(credential.c.sealed).where(*chosen))).scalar()

    async def standings(self, limits: Sequence[Limit], at: float) -> dict[str, Standing]:
        if isinstance(self._scope, Everyone):
            raise ValueError("limits are looked at within their tenant")
        return await standings(self._connection, self._scope, limits, at)

    async def remembered(self, owner: str, key: str, at: int) -> Remembered | None:
        table = idempotency_record
        chosen = (*within(self._scope, table), table.c.owner == owner, table.c.key == key, table.c.expires_at > at)
        row = (await self._connection.execute(select(*_REMEMBERED).where(*chosen))).first()
        return None if row is None else record_of(Remembered, row)

    def _kept(self, kind: type[msgspec.Struct]) -> Kept:
        if isinstance(self._scope, Everyone) and kind is not Organisation:
            raise ValueError(f"a {KINDS[kind].name} is looked for within its tenant")
        return KINDS[kind]


class SqlChange(SqlView):
    """Implements `ports.Change`."""

    def __init__(self, database: Database, change: Change, tenant: Tenant) -> None:
        super().__init__(change.connection, tenant)
        self._database = database
        self._change = change
        self._tenant = tenant

    async def add(self, row: msgspec.Struct) -> None:
        kept = KINDS[type(row)]
        values = {**msgspec.structs.asdict(row), "org_id": self._tenant.org_id}
        await self._connection.execute(insert(kept.table).values(values))
        await self._audit(f"{kept.name}.create", kept, row, after=row)

    async def replace(self, row: T, action: str) -> T:
        kept = KINDS[type(row)]
        before = await self.get(type(row), *_key(kept, row))
        revision: int = getattr(before, "revision", 0)
        if before is None or revision != getattr(row, "revision", 0):
            raise Conflict("it was changed in the meantime")
        _refuse_closed(kept, before)
        differing = {name for name in row.__struct_fields__ if getattr(row, name) != getattr(before, name)} - _NO_EDITS
        if differing - kept.edited:
            raise ValueError(f"{min(differing - kept.edited)} cannot be set")
        used = {"last_used_at": before.last_used_at} if isinstance(before, ApiKey | Credential) else {}
        after = msgspec.structs.replace(row, **used, updated_at=self._change.now, revision=revision + 1)
        values = {name: getattr(after, name) for name in (*sorted(differing), "updated_at", "revision")}
        await self._connection.execute(update(kept.table).where(*self._one(kept, row)).values(values))
        await self._audit(action, kept, row, before=before, after=after)
        return after

    async def remove(self, row: msgspec.Struct) -> None:
        kept = KINDS[type(row)]
        _refuse_closed(kept, row)
        await self._connection.execute(delete(kept.table).where(*self._one(kept, row)))
        await self._audit(f"{kept.name}.delete", kept, row, before=row)

    async def add_organisation(self, row: Organisation) -> None:
        if _ORG_ID.fullmatch(row.org_id) is None:
            raise ValueError("an organisation's id has 1 to 64 letters, digits, dashes and underscores")
        # No tenant's transaction may write a row of another one: for this statement it is everyone's.
        await self._database.enter(self._connection, EVERYONE)
        await self._connection.execute(insert(organisation).values(msgspec.structs.asdict(row)))
        kept = KINDS[Organisation]
        await self._change.audit(Tenant(row.org_id), "org.create", kept.name, row.org_id, after=told(row, kept.audited))
        await self._database.enter(self._connection, self._tenant)

    async def remember(self, row: Remembered) -> None:
        table = idempotency_record
        same = (*within(self._tenant, table), table.c.owner == row.owner, table.c.key == row.key)
        await self._connection.execute(delete(table).where(*within(self._tenant, table), table.c.expires_at <= row.created_at))
        await self._connection.execute(delete(table).where(*same, table.c.expires_at <= row.created_at))
        values = {**msgspec.structs.asdict(row), "org_id": self._tenant.org_id, "state": "done"}
        await self._connection.execute(insert(table).values(values))

    async def note(self, action: str, kind: str, id: str) -> None:
        await self._change.audit(self._tenant, action, kind, id)

    async def enqueue(self, row: Message) -> None:
        await self._connection.execute(insert(outbox).values(**msgspec.structs.asdict(row), org_id=self._tenant.org_id))

    def _one(self, kept: Kept, row: msgspec.Struct) -> tuple[Any, ...]:
        named = (kept.table.c[name] == value for name, value in zip(kept.key, _key(kept, row), strict=True))
        return (*within(self._tenant, kept.table), *named)

    async def _audit(
        self, action: str, kept: Kept, row: msgspec.Struct, *, before: msgspec.Struct | None = None, after: msgspec.Struct | None = None
    ) -> None:
        await self._change.audit(
            self._tenant,
            action,
            kept.name,
            "/".join(_key(kept, row)) or self._tenant.org_id,
            before=None if before is None else _audited(kept, before),
            after=None if after is None else _audited(kept, after),
        )


class SqlControlStore:
    """Implements `ports.ControlStore`."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    @asynccontextmanager
    async def view(self, scope: Scope) -> AsyncGenerator[SqlView]:
        with told_when_away():
            async with self._changes.database.read(scope) as connection:
                yield SqlView(connection, scope)

    @asynccontextmanager
    async def change(self, tenant: Tenant, actor: Actor) -> AsyncGenerator[SqlChange]:
        with told_when_away():
            async with self._changes.begin(tenant, actor) as change:
                yield SqlChange(self._changes.database, change, tenant)

    async def touch(self, tenant: Tenant, key_id: str, at: int) -> None:
        with told_when_away():
            await touch(self._changes.database, {(tenant.org_id, key_id): at})


def _refuse_closed(kept: Kept, row: msgspec.Struct) -> None:
    if kept.closed is not None and getattr(row, kept.closed[0]) == kept.closed[1]:
        raise Conflict(f"an {kept.name} that is {kept.closed[1]} changes no more")


def _audited(kept: Kept, row: msgspec.Struct) -> JsonObject:
    found = told(row, kept.audited)
    return found | {name: shorter(found[name]) for name, shorter in kept.shortened.items()}


def _select(kind: type[msgspec.Struct], kept: Kept) -> Any:
    return select(*(kept.table.c[name] for name in kind.__struct_fields__))


def _shown(kind: type[T], row: Sequence[Any]) -> T:
    """A key's digest is for `find_key` alone, sealed bytes for the snapshot."""
    found = record_of(kind, row)
    if isinstance(found, Credential):
        return msgspec.structs.replace(found, sealed=b"")
    return msgspec.structs.replace(found, digest=b"") if isinstance(found, ApiKey) else found


def _key(kept: Kept, row: msgspec.Struct) -> tuple[str, ...]:
    return tuple(getattr(row, name) for name in kept.key)


def _place(after: str, length: int) -> list[Any]:
    """What a cursor of ours says. Raises `ValueError`."""
    try:
        place = msgspec.json.decode(after, type=list[int | str])
    except msgspec.DecodeError:
        place = []
    if len(place) != length:
        raise ValueError("the cursor is none that was given out")
    return place


def _after(columns: list[Any], place: list[Any], *, descending: bool) -> Any:
    """The rows behind a place, in the order of the columns."""
    beyond = [column < value if descending else column > value for column, value in zip(columns, place, strict=True)]
    if len(columns) == 1:
        return beyond[0]
    return or_(beyond[0], and_(columns[0] == place[0], beyond[1]))
