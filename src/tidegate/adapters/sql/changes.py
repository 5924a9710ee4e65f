"""A change of what is configured: its generation, its audit event and the change itself in one transaction. The repositories make all
their changes in `Changes.begin`.

The row of the generation is locked first, so that changes happen one after the other: generations are committed in their order, an
organisation's audit events have no gaps, and what was read before a change is what it changed.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from tidegate.adapters.sql.connection import AsyncConnection
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.schema import audit_event, config_generation
from tidegate.adapters.sql.statements import why_refused
from tidegate.ir.json import JsonObject
from tidegate.ports import Clock
from tidegate.records import EVERYONE, Actor, Conflict, Scope, Tenant

CHANNEL = "tidegate_generation"
"""On which PostgreSQL tells of every change, once it is kept."""
_LATEST = select(config_generation.c.generation).where(config_generation.c.id == 1)


class Change:
    """One transaction that changes something. `now` is in microseconds."""

    def __init__(self, connection: AsyncConnection, actor: Actor, generation: int, now: int) -> None:
        self.connection = connection
        self.generation = generation
        self.now = now
        self._actor = actor

    async def audit(
        self, tenant: Tenant, action: str, kind: str, subject_id: str, *, before: JsonObject | None = None, after: JsonObject | None = None
    ) -> None:
        """Of an edit, `before` and `after` are cut down to what differs. Neither may hold a secret."""
        if before is not None and after is not None:
            differs = [name for name in after if before.get(name) != after[name]]
            before, after = {name: before.get(name) for name in differs}, {name: after[name] for name in differs}
        last = select(func.coalesce(func.max(audit_event.c.seq), 0)).where(audit_event.c.org_id == tenant.org_id)
        seq = (await self.connection.execute(last)).scalar_one() + 1
        values = {
            "org_id": tenant.org_id,
            "seq": seq,
            "at": self.now,
            "actor_kind": self._actor.kind,
            "actor_id": self._actor.id,
            "action": action,
            "subject_kind": kind,
            "subject_id": subject_id,
            "before": before,
            "after": after,
            "request_id": self._actor.request_id,
            "address": self._actor.address,
            "reason": self._actor.reason,
            "generation": self.generation,
        }
        await self.connection.execute(insert(audit_event).values(values))


class Changes:
    """Where changes begin."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self._clock = clock

    def now(self) -> int:
        """Microseconds."""
        return int(self._clock.now() * 1_000_000)

    @asynccontextmanager
    async def begin(self, scope: Scope, actor: Actor) -> AsyncGenerator[Change]:
        """Raises `Conflict` where the database finds that a name is taken or that something named is not there."""
        now = self.now()
        taken = update(config_generation).where(config_generation.c.id == 1)
        taken = taken.values(generation=config_generation.c.generation + 1, changed_at=now).returning(config_generation.c.generation)
        try:
            async with self.database.write(scope) as connection:
                generation = (await connection.execute(taken)).scalar_one()
                yield Change(connection, actor, generation, now)
                if not self.database.is_sqlite:
                    await connection.execute(select(func.pg_notify(CHANNEL, str(generation))))
        except IntegrityError as error:
            raise Conflict(why_refused(error)) from None


async def generation(database: Database) -> int:
    """The number of the latest change. Read it before the rows: then they are of this generation or a newer one, never of an older."""
    async with database.read(EVERYONE) as connection:
        return (await connection.execute(_LATEST)).scalar_one()


def told(record: msgspec.Struct, names: tuple[str, ...]) -> JsonObject:
    """The named fields of a record, for its audit event."""
    return {name: getattr(record, name) for name in names}
