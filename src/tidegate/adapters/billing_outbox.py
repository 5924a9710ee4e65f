"""What the payment provider is told of the messages in the outbox. A message says which row it is about; what is sent is how the row is at
that time, so that an older message never undoes a newer one, whatever their order.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TypeVar

import msgspec

from tidegate.ports import Clock
from tidegate.ports.billing import BillingFailure, BillingSink, begin_of
from tidegate.ports.control import ControlStore
from tidegate.ports.delivery import Handler
from tidegate.records import Actor, Customer, Message, Plan, Subscription, Tenant

SOON = 60
"""Seconds: a subscription whose end has passed ends then, since the provider takes only times to come."""
_MICROS = 1_000_000
T = TypeVar("T", Customer, Subscription, Plan)
_ACTOR = Actor(kind="system", id="billing")


class BillingMessages:
    def __init__(self, store: ControlStore, sink: BillingSink, clock: Clock) -> None:
        self._store = store
        self._sink = sink
        self._clock = clock

    def handlers(self) -> Mapping[str, Handler]:
        """By topic."""
        return {
            "customer": self._customer,
            "subscription": self._subscription,
            "subscription_end": self._subscription,
            "usage": self._usage,
        }

    async def _usage(self, tenant: Tenant, message: Message) -> None:
        told = message.message
        row = await self._row(tenant, Customer, str(told["customer_id"]))
        await self._sink.usage(message.id, row.external_id, int(str(told["at"])), int(str(told["nano"])))

    async def _customer(self, tenant: Tenant, message: Message) -> None:
        row = await self._row(tenant, Customer, str(message.message["customer_id"]))
        id = await self._sink.customer(message.id, tenant.org_id, row)
        if id != row.external_id:
            await self._note(tenant, Customer, row.id, id)

    async def _subscription(self, tenant: Tenant, message: Message) -> None:
        row = await self._row(tenant, Subscription, str(message.message["subscription_id"]))
        customer, plan = await self._row(tenant, Customer, row.customer_id), await self._row(tenant, Plan, row.plan_id)
        ends, now = _ends(row, customer), int(self._clock.now())
        id = row.external_id
        if not id:
            if not plan.external_id or (ends is not None and ends <= now):
                return  # the plan is one that only invoices of ours know, or it is over before anybody was told
            id = await self._subscribe(tenant, row, customer, plan)
        if ends is not None:
            await self._sink.unsubscribe(message.id, id, max(ends, now + SOON))

    async def _subscribe(self, tenant: Tenant, row: Subscription, customer: Customer, plan: Plan) -> str:
        if not customer.external_id:
            raise BillingFailure("the customer is not there yet", again=True)
        starts = begin_of(date.fromisoformat(row.starts_on), customer.time_zone) // _MICROS
        if starts > self._clock.now():
            raise BillingFailure("it begins later", again=True, not_before=starts * _MICROS)
        id = await self._sink.subscribe(row.id, org=tenant.org_id, customer=customer, price=plan.external_id, starts_at=starts)
        await self._note(tenant, Subscription, row.id, id)
        return id

    async def _row(self, tenant: Tenant, kind: type[T], id: str) -> T:
        async with self._store.view(tenant) as view:
            row = await view.get(kind, id)
        if row is None:
            raise BillingFailure("what the message is about is not there", again=False)
        return row

    async def _note(self, tenant: Tenant, kind: type[Customer] | type[Subscription], id: str, external_id: str) -> None:
        async with self._store.change(tenant, _ACTOR) as change:
            if kind is Customer:
                found = await change.get(Customer, id)
                if found is not None:
                    await change.replace(msgspec.structs.replace(found, external_id=external_id), "customer.linked")
            else:
                held = await change.get(Subscription, id)
                if held is not None:
                    await change.replace(msgspec.structs.replace(held, external_id=external_id), "subscription.linked")


def _ends(row: Subscription, customer: Customer) -> int | None:
    """The Unix second at which the day after its last one begins."""
    return begin_of(date.fromisoformat(row.ends_on) + timedelta(days=1), customer.time_zone) // _MICROS if row.ends_on else None
