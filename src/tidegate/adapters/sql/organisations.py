"""Organisations, which are the tenants. Only the operator sees more than one; an organisation's events are in its own audit log."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import insert, select, update

from tidegate.adapters.sql.changes import Changes, told
from tidegate.adapters.sql.engine import within
from tidegate.adapters.sql.rows import record_of
from tidegate.adapters.sql.schema import organisation
from tidegate.records import EVERYONE, Actor, Conflict, Organisation, Page, Scope, Tenant

_AUDITED = ("name", "disabled_at")
_COLUMNS = [organisation.c[name] for name in Organisation.__struct_fields__]
MOST = 500


class Organisations:
    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def get(self, tenant: Tenant) -> Organisation | None:
        async with self._changes.database.read(tenant) as connection:
            row = (await connection.execute(select(*_COLUMNS).where(*within(tenant, organisation)))).first()
        return None if row is None else record_of(Organisation, row)

    async def list(self, scope: Scope, *, limit: int = 50, cursor: str | None = None) -> Page[Organisation]:
        """By id; the cursor is the last id of a page. For a tenant, the list has its own organisation only."""
        limit = max(1, min(limit, MOST))
        query = select(*_COLUMNS).where(*within(scope, organisation), organisation.c.org_id > (cursor or ""))
        async with self._changes.database.read(scope) as connection:
            rows = (await connection.execute(query.order_by(organisation.c.org_id).limit(limit + 1))).all()
        items = tuple(record_of(Organisation, row) for row in rows[:limit])
        return Page(items, items[-1].org_id if len(rows) > limit else None)

    async def insert(self, actor: Actor, record: Organisation) -> Organisation:
        """The record as it is kept. Raises `Conflict`, and `ValueError` for the id `*`, which means all of them."""
        if record.org_id in ("", "*"):
            raise ValueError("an organisation needs an id")
        async with self._changes.begin(EVERYONE, actor) as change:
            kept = msgspec.structs.replace(record, created_at=change.now, updated_at=change.now, revision=1)
            await change.connection.execute(insert(organisation).values(msgspec.structs.asdict(kept)))
            await change.audit(Tenant(kept.org_id), "org.create", "org", kept.org_id, after=told(kept, _AUDITED))
            return kept

    async def update(self, tenant: Tenant, actor: Actor, fields: Mapping[str, Any], *, revision: int | None = None) -> Organisation | None:
        """As `Rows.update`."""
        unknown = fields.keys() - set(_AUDITED)
        if unknown:
            raise ValueError(f"{min(unknown)} cannot be set")
        async with self._changes.begin(tenant, actor) as change:
            row = (await change.connection.execute(select(*_COLUMNS).where(*within(tenant, organisation)))).first()
            if row is None:
                return None
            before = record_of(Organisation, row)
            if revision is not None and before.revision != revision:
                raise Conflict(f"it was changed in the meantime: its revision is {before.revision}")
            values = {**fields, "updated_at": change.now, "revision": before.revision + 1}
            await change.connection.execute(update(organisation).where(*within(tenant, organisation)).values(values))
            after = msgspec.structs.replace(before, **values)
            await change.audit(tenant, "org.update", "org", tenant.org_id, before=told(before, _AUDITED), after=told(after, _AUDITED))
            return after
