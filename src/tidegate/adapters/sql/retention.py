"""What becomes too old goes: rows of the ledger, the fine rollups and those of end users after their days, and answers and messages that
nobody needs any more.

Everything goes in batches that are bounded in rows or in time, each a transaction of one tenant, so that calls which post usage never wait
long. Days of UTC stay for ever in `rollup_day`: years of cost by month need no row of the ledger. `app` runs `forget` as a loop.
"""

import asyncio
from collections.abc import Callable

import msgspec
from sqlalchemy import ColumnElement, Table, and_, delete, exists, func, not_, or_, select
from sqlalchemy.exc import SQLAlchemyError

from tidegate.adapters.sql.engine import Database, within
from tidegate.adapters.sql.kept_since import note
from tidegate.adapters.sql.schema import idempotency_record, organisation, outbox
from tidegate.adapters.sql.schema_kept import kept_object
from tidegate.adapters.sql.schema_usage import PASSING, ledger
from tidegate.logs import Log
from tidegate.ports import Clock
from tidegate.records import EVERYONE, Tenant

EVERY = 3600.0
"""Seconds between two looks."""
BATCH = 2000
"""Rows of the ledger in one transaction."""
KEPT_BATCH = 100
"""Of what has an id, whose parts go with it."""
DAY = 86_400_000_000
"""Microseconds; of rollups, a day goes in one transaction."""
KEPT_MESSAGES = 30 * DAY
ALERT = "budget_threshold"
KEPT_ALERTS = 400 * DAY
"""Longer than a window: while its message is there, a threshold is not told again."""

_LOG = Log("tidegate.retention")


class Forgotten(msgspec.Struct, frozen=True):
    """How many rows went."""

    ledger: int = 0
    rollups: int = 0
    others: int = 0


class Retention:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self, days: Callable[[], int]) -> None:
        """For ever, every hour. `days` is asked each time; 0 keeps usage for ever."""
        while True:
            try:
                gone = await self.forget(days())
            except (SQLAlchemyError, OSError) as error:
                _LOG.warning("what is too old could not be deleted; it is tried again", error=type(error).__name__)
            else:
                if gone != Forgotten():
                    _LOG.info("what was too old is deleted", ledger=gone.ledger, rollups=gone.rollups, others=gone.others)
            await asyncio.sleep(EVERY)

    async def forget(self, days: int) -> Forgotten:
        """Deletes what is older than `days` (0: no usage), and whatever has ended."""
        now = int(self._clock.now() * 1_000_000)
        rows = sums = others = 0
        if days > 0:
            before = now - days * DAY
            old = [(table, await self._having(table, table.c.bucket < before)) for table in PASSING]
            if any(tenants for _, tenants in old):
                async with self._database.write(EVERYONE) as connection:
                    await note(connection, before, is_sqlite=self._database.is_sqlite)
            for tenant in await self._having(ledger, ledger.c.at < before):
                rows += await self._rows(tenant, before)
            for table, tenants in old:
                for tenant in tenants:
                    sums += await self._sums(tenant, table, before)
        others += await self._ended(idempotency_record, idempotency_record.c.expires_at <= now)
        is_over = or_(not_(outbox.c.topic == ALERT), outbox.c.done_at < now - KEPT_ALERTS)
        others += await self._ended(outbox, and_(outbox.c.done_at < now - KEPT_MESSAGES, is_over))
        others += await self._kept(now)
        return Forgotten(rows, sums, others)

    async def _having(self, table: Table, condition: ColumnElement[bool]) -> list[Tenant]:
        """The organisations that have such rows: of thousands, few have any."""
        has = exists().where(table.c.org_id == organisation.c.org_id, condition)
        async with self._database.read(EVERYONE) as connection:
            found = await connection.execute(select(organisation.c.org_id).where(has).order_by(organisation.c.org_id))
            return [Tenant(org_id) for org_id in found.scalars()]

    async def _rows(self, tenant: Tenant, before: int) -> int:
        old = select(ledger.c.seq).where(*within(tenant, ledger), ledger.c.at < before).order_by(ledger.c.at).limit(BATCH)
        gone = 0
        while True:
            async with self._database.write(tenant) as connection:
                count = (await connection.execute(delete(ledger).where(*within(tenant, ledger), ledger.c.seq.in_(old)))).rowcount
            gone += count
            if count < BATCH:
                return gone

    async def _sums(self, tenant: Tenant, table: Table, before: int) -> int:
        gone = 0
        first = select(func.min(table.c.bucket)).where(*within(tenant, table))
        while True:
            async with self._database.write(tenant) as connection:
                oldest = (await connection.execute(first)).scalar()
                if oldest is None or oldest >= before:
                    return gone
                end = min(oldest + DAY, before)
                gone += (await connection.execute(delete(table).where(*within(tenant, table), table.c.bucket < end))).rowcount

    async def _kept(self, now: int) -> int:
        """Of every organisation, also of those that the file names alone."""
        table = kept_object
        some = select(table.c.org_id, table.c.id).where(table.c.expires_at <= now).limit(KEPT_BATCH)
        gone = 0
        while True:
            async with self._database.write(EVERYONE) as connection:
                rows = (await connection.execute(some)).all()
                for row in rows:
                    await connection.execute(delete(table).where(*within(Tenant(row.org_id), table), table.c.id == row.id))
            gone += len(rows)
            if len(rows) < KEPT_BATCH:
                return gone

    async def _ended(self, table: Table, condition: ColumnElement[bool]) -> int:
        gone = 0
        for tenant in await self._having(table, condition):
            async with self._database.write(tenant) as connection:
                gone += (await connection.execute(delete(table).where(*within(tenant, table), condition))).rowcount
        return gone
