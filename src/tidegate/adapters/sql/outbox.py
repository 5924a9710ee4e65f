"""Messages for the world outside, as they wait: taken for a while, then done, tried again later, or given up."""

from collections.abc import Collection

import msgspec
from sqlalchemy import select, update

from tidegate.adapters.sql.engine import Database, within
from tidegate.adapters.sql.rows import record_of
from tidegate.adapters.sql.schema import outbox
from tidegate.adapters.sql.statements import insert, told_when_away
from tidegate.records import EVERYONE, Message, Tenant

HELD = 60_000_000
"""Microseconds for which whoever takes a message has it alone."""
_COLUMNS = [outbox.c[name] for name in Message.__struct_fields__]


class Outbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tenant: Tenant, message: Message) -> bool:
        """Whether it was not there yet: one that has the same id was sent, or will be."""
        row = insert(outbox, is_sqlite=self._database.is_sqlite).values(**msgspec.structs.asdict(message), org_id=tenant.org_id)
        with told_when_away():
            async with self._database.write(tenant) as connection:
                return bool((await connection.execute(row.on_conflict_do_nothing())).rowcount)

    async def take(self, now: int, limit: int, topics: Collection[str]) -> list[tuple[Tenant, Message]]:
        """Messages that are due, oldest first. Of several that ask at once, each message goes to one. As all of this, raises
        `StorageUnavailable`."""
        with told_when_away():
            return await self._take(now, limit, topics)

    async def _take(self, now: int, limit: int, topics: Collection[str]) -> list[tuple[Tenant, Message]]:
        waiting = (outbox.c.done_at.is_(None), outbox.c.due_at <= now, outbox.c.topic.in_(sorted(topics)))
        found = select(outbox.c.org_id, *_COLUMNS).where(*waiting).order_by(outbox.c.created_at, outbox.c.id).limit(limit)
        taken: list[tuple[Tenant, Message]] = []
        async with self._database.write(EVERYONE) as connection:
            for row in (await connection.execute(found)).all():
                tenant, message = Tenant(row[0]), record_of(Message, row[1:])
                one = (*within(tenant, outbox), outbox.c.id == message.id, outbox.c.due_at == message.due_at)
                held = await connection.execute(update(outbox).where(*one).values(due_at=now + HELD, tries=outbox.c.tries + 1))
                if held.rowcount:
                    taken.append((tenant, msgspec.structs.replace(message, tries=message.tries + 1)))
        return taken

    async def done(self, tenant: Tenant, id: str, at: int, failure: str = "") -> None:
        """It is over: sent, or given up for the reason `failure`."""
        await self._set(tenant, id, done_at=at, failure=failure)

    async def later(self, tenant: Tenant, id: str, due_at: int, failure: str, *, tries: int) -> None:
        await self._set(tenant, id, due_at=due_at, failure=failure, tries=tries)

    async def _set(self, tenant: Tenant, id: str, **values: object) -> None:
        with told_when_away():
            async with self._database.write(tenant) as connection:
                await connection.execute(update(outbox).where(*within(tenant, outbox), outbox.c.id == id).values(values))
