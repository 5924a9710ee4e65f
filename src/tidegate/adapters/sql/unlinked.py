"""Customers and subscriptions that the payment provider was never told of, because it was configured later or they were made by a command:
a message for each goes into the outbox."""

from sqlalchemy import select

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.outbox import Outbox
from tidegate.adapters.sql.schema_billing import customer, plan, subscription
from tidegate.adapters.sql.statements import told_when_away
from tidegate.records import EVERYONE, Message, Tenant

AGE = 600_000_000
"""Microseconds that a row is left to the message which its own change has stored."""


class Unlinked:
    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def once(self, now: int) -> int:
        """`now` in microseconds. How many messages were stored."""
        untold = (customer.c.external_id == "", customer.c.disabled_at.is_(None), customer.c.created_at < now - AGE)
        planned = (subscription.c.org_id == plan.c.org_id, subscription.c.plan_id == plan.c.id, plan.c.external_id != "")
        waiting = (subscription.c.external_id == "", subscription.c.created_at < now - AGE)
        with told_when_away():
            async with self._database.read(EVERYONE) as connection:
                people = (await connection.execute(select(customer.c.org_id, customer.c.id).where(*untold))).all()
                held = (await connection.execute(select(subscription.c.org_id, subscription.c.id).where(*planned, *waiting))).all()
        stored = 0
        for topic, rows in (("customer", people), ("subscription", held)):
            for org, id in rows:
                told = Message(id=f"link_{id}", topic=topic, message={f"{topic}_id": id}, created_at=now, due_at=now)
                stored += await self._outbox.add(Tenant(org), told)
        return stored
