"""The keys of the database for the data plane: all of them at a start, then what changed since a generation, by the audit log.

Every change raises the generation and writes its audit event in the same transaction, in the order of the generations: so the events after
a generation name all rows that changed since. Keys of every tenant are read, because the gateway serves all of them.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Table, and_, select

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.changes import generation as latest
from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.keys import touch
from tidegate.adapters.sql.rows import record_of
from tidegate.adapters.sql.schema import api_key, audit_event, organisation, service_account, team, user_account
from tidegate.adapters.sql.statements import told_when_away
from tidegate.policy.directory import Delta, Listed, Owner
from tidegate.records import EVERYONE, ApiKey

MOST = 5000
"""Changes that are read one by one; after more, everything is."""
ERASED = "erasure.finish"
PAGE = 500
"""Keys that are read before others may run."""

_COLUMNS = [api_key.c.org_id, *(api_key.c[name] for name in ApiKey.__struct_fields__)]
_OWNERS: tuple[tuple[str, Table], ...] = (("team", team), ("user", user_account), ("service_account", service_account))
_KINDS = frozenset(("org", "team", "user", "service_account"))


class SqlDirectories:
    """Implements `ports.Directories`. `listed` makes what the data plane holds of an organisation and its row."""

    def __init__(self, changes: Changes, listed: Callable[[str, ApiKey], Listed]) -> None:
        self._changes = changes
        self._listed = listed

    async def whole(self) -> Delta:
        with told_when_away():
            # The generation first: the rows are then of it, or newer, and what is newer comes once more.
            reached = await latest(self._changes.database)
            keys: dict[str, Listed | None] = {}
            after = ("", "")
            async with self._changes.database.read(EVERYONE) as connection:
                while True:
                    beyond = (api_key.c.org_id > after[0]) | and_(api_key.c.org_id == after[0], api_key.c.id > after[1])
                    query = select(*_COLUMNS).where(beyond, api_key.c.env != "adm", api_key.c.revoked_at.is_(None))
                    rows = (await connection.execute(query.order_by(api_key.c.org_id, api_key.c.id).limit(PAGE))).all()
                    for row in rows:
                        keys[row.id] = self._listed(row[0], record_of(ApiKey, row[1:]))
                    if len(rows) < PAGE:
                        break
                    after = (rows[-1][0], rows[-1].id)
                    await asyncio.sleep(0)
                return Delta(generation=reached, keys=keys, off=await _off(connection), whole=True)

    async def since(self, generation: int) -> Delta | None:
        with told_when_away():
            reached = await latest(self._changes.database)
            if reached <= generation:
                return None
            columns = (audit_event.c.subject_kind, audit_event.c.subject_id, audit_event.c.action)
            events = select(*columns).where(audit_event.c.generation > generation)
            async with self._changes.database.read(EVERYONE) as connection:
                found = (await connection.execute(events.limit(MOST + 1))).all()
                # An erasure that is finished has changed what earlier events name.
                if len(found) <= MOST and not any(row.action == ERASED for row in found):
                    keys = await self._some(connection, {row.subject_id for row in found if row.subject_kind == "key"})
                    off = await _off(connection) if any(row.subject_kind in _KINDS for row in found) else None
                    return Delta(generation=reached, keys=keys, off=off)
        return await self.whole()

    async def touch(self, used: Mapping[tuple[str, str], int]) -> None:
        with told_when_away():
            await touch(self._changes.database, used)

    async def _some(self, connection: AsyncConnection, ids: set[str]) -> dict[str, Listed | None]:
        keys: dict[str, Listed | None] = dict.fromkeys(ids)
        ordered = sorted(ids)
        for start in range(0, len(ordered), PAGE):
            query = select(*_COLUMNS).where(api_key.c.id.in_(ordered[start : start + PAGE]), api_key.c.env != "adm")
            for row in (await connection.execute(query)).all():
                keys[row.id] = self._listed(row[0], record_of(ApiKey, row[1:]))
        return keys


async def _off(connection: AsyncConnection) -> frozenset[Owner]:
    """Everybody who is disabled."""
    query = select(organisation.c.org_id).where(organisation.c.disabled_at.is_not(None))
    found: set[Owner] = {(org, "org", org) for org in (await connection.execute(query)).scalars()}
    for kind, table in _OWNERS:
        rows: Any = await connection.execute(select(table.c.org_id, table.c.id).where(table.c.disabled_at.is_not(None)))
        found |= {(row[0], kind, row[1]) for row in rows}
    return frozenset(found)
