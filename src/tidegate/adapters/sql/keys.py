"""Gateway keys. Their digests are read for the snapshot and for nothing else: `list` and `get` give records without."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, or_, select, update

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.engine import within
from tidegate.adapters.sql.rows import Kind, Rows, record_of
from tidegate.adapters.sql.schema import api_key
from tidegate.records import Actor, ApiKey, Conflict, Scope, Tenant

_RULES = ("name", "purpose", "models", "routes", "addresses", "times", "tags", "expires_at", "disabled_at")
_OWNERS = ("env", "owner_kind", "owner_id", "team_id", "user_id", "rotated_from")
_ENDS = ("revoked_at", "overlap_until")

KIND = Kind(name="key", table=api_key, audited=(*_RULES, *_OWNERS, *_ENDS), edited=frozenset((*_RULES, *_ENDS)))


class Keys(Rows[ApiKey]):
    def __init__(self, changes: Changes) -> None:
        super().__init__(changes, KIND, ApiKey)

    async def update(
        self, tenant: Tenant, actor: Actor, id: str, fields: Mapping[str, Any], *, revision: int | None = None
    ) -> ApiKey | None:
        """As `Rows.update`. Revoking and rotating have functions of their own."""
        for name in _ENDS:
            if name in fields:
                raise ValueError(f"{name} cannot be set")
        return await super().update(tenant, actor, id, fields, revision=revision)

    async def revoke(self, tenant: Tenant, actor: Actor, id: str) -> ApiKey | None:
        """For ever. A key that was revoked stays as it was, without another event. None where there is none."""
        present = await self.get(tenant, id)
        if present is None or present.revoked_at is not None:
            return present
        async with self._changes.begin(tenant, actor) as change:
            return await self._update(change, tenant, id, {"revoked_at": change.now}, action="key.revoke")

    async def rotate(self, tenant: Tenant, actor: Actor, id: str, successor: ApiKey, *, overlap_until: int) -> ApiKey | None:
        """Both keys hold until `overlap_until` (microseconds), then only `successor`. None where there is no such key; raises `Conflict`
        where it has ended or was rotated before."""
        async with self._changes.begin(tenant, actor) as change:
            row = (await change.connection.execute(self._one(tenant, id))).first()
            if row is None:
                return None
            if row.revoked_at is not None or row.overlap_until is not None:
                raise Conflict("the key was revoked or rotated before")
            made = await self._insert(change, tenant, msgspec.structs.replace(successor, rotated_from=id))
            await self._update(change, tenant, id, {"overlap_until": overlap_until}, action="key.rotate")
            return msgspec.structs.replace(made, digest=b"")

    async def touch(self, tenant: Tenant, used: Mapping[str, int]) -> None:
        """Notes when keys (by id) were last used, in microseconds; an earlier time changes nothing. No change of configuration, and so
        no generation and no audit event."""
        if not used:
            return
        later = or_(api_key.c.last_used_at.is_(None), api_key.c.last_used_at < bindparam("at"))
        statement = update(api_key).where(*within(tenant, api_key), api_key.c.id == bindparam("key"), later)
        values = [{"key": id, "at": at} for id, at in sorted(used.items())]
        async with self._changes.database.write(tenant) as connection:
            await connection.execute(statement.values(last_used_at=bindparam("at")), values)

    async def load(self, scope: Scope) -> list[tuple[str, ApiKey]]:
        """(organisation, key with its digest) of every key that was not revoked: for the snapshot."""
        query = select(api_key.c.org_id, *self._columns).where(*within(scope, api_key), api_key.c.revoked_at.is_(None))
        async with self._changes.database.read(scope) as connection:
            rows = (await connection.execute(query)).all()
        return [(row[0], record_of(ApiKey, row[1:])) for row in rows]

    def _from(self, row: Sequence[Any]) -> ApiKey:
        return msgspec.structs.replace(super()._from(row), digest=b"")
