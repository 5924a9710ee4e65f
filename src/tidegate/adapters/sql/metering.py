"""What the payment provider's meter is told: for each customer that it knows, what every closed hour cost, out of the rollups.

An hour is looked at again for two days, and what came late is sent as a further part. A sum that became smaller (a correction) is not sent:
meters only count up. What was sent is noted in the transaction that stores the message.
"""

from sqlalchemy import select

from tidegate.adapters.sql.engine import Database, within
from tidegate.adapters.sql.rows import record_of
from tidegate.adapters.sql.schema import outbox
from tidegate.adapters.sql.schema_billing import customer, meter
from tidegate.adapters.sql.statements import insert
from tidegate.ports import Ledger
from tidegate.ports.billing import whose
from tidegate.records import EVERYONE, Customer, Tenant
from tidegate.usage_report import UsageQuery

HOUR = 3600
LOOK_BACK = 48 * HOUR
GRACE = 900
"""Seconds after an hour until it is closed: attempts of it may still be in a spool."""
_MICROS = 1_000_000


class Metering:
    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def once(self, now: int) -> int:
        """`now` in microseconds. How many messages were stored."""
        until = (now // _MICROS - GRACE) // HOUR * HOUR
        stored = 0
        for tenant, found in await self._customers():
            scope, only = whose(tenant, found)
            query = UsageQuery(since=float(until - LOOK_BACK), until=float(until), bucket="hour", only=only)
            report = await self._ledger.usage(scope, query)
            hours = {int(row.start or 0): row.figures.cost_nano for row in report.rows if row.figures.cost_nano > 0}
            stored += await self._store(tenant, found.id, hours, now)
        return stored

    async def _customers(self) -> list[tuple[Tenant, Customer]]:
        columns = [customer.c[name] for name in Customer.__struct_fields__]
        known = select(customer.c.org_id, *columns).where(customer.c.external_id != "", customer.c.disabled_at.is_(None))
        async with self._database.read(EVERYONE) as connection:
            rows = (await connection.execute(known)).all()
        return [(Tenant(row[0]), record_of(Customer, row[1:])) for row in rows]

    async def _store(self, tenant: Tenant, customer_id: str, hours: dict[int, int], now: int) -> int:
        if not hours:
            return 0
        stored = 0
        mine = (*within(tenant, meter), meter.c.customer_id == customer_id, meter.c.hour >= min(hours) * _MICROS)
        async with self._database.write(tenant) as connection:
            sent = {row.hour // _MICROS: (row.sent_nano, row.parts) for row in await connection.execute(select(meter).where(*mine))}
            for hour, nano in sorted(hours.items()):
                before, parts = sent.get(hour, (0, 0))
                if nano <= before:
                    continue
                where = {"org_id": tenant.org_id, "customer_id": customer_id, "hour": hour * _MICROS}
                now_sent = {"sent_nano": nano, "parts": parts + 1}
                noted = insert(meter, is_sqlite=self._database.is_sqlite).values(**where, **now_sent)
                key = [meter.c.org_id, meter.c.customer_id, meter.c.hour]
                await connection.execute(noted.on_conflict_do_update(index_elements=key, set_=now_sent, where=meter.c.parts == parts))
                told = insert(outbox, is_sqlite=self._database.is_sqlite).values(
                    org_id=tenant.org_id,
                    id=f"meter_{customer_id}_{hour}_{parts + 1}",
                    topic="usage",
                    message={"customer_id": customer_id, "at": hour, "nano": nano - before},
                    created_at=now,
                    due_at=now,
                    tries=0,
                    failure="",
                )
                stored += (await connection.execute(told.on_conflict_do_nothing())).rowcount
        return stored
