"""A payment provider that is told of customers, subscriptions and usage; and what whoever bills needs to know of a customer."""

from datetime import date, datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

from tidegate.ports.delivery import NotDelivered
from tidegate.records import Customer, Tenant
from tidegate.usage_report import Dimension

_MICROS = 1_000_000


class BillingFailure(NotDelivered):
    """The payment provider did not take something."""


class BillingSink(Protocol):
    """No repetition of a request may have an effect of its own: what makes something is known by the id of our row, everything else by the
    `key` of the message. All raise `BillingFailure`."""

    async def customer(self, key: str, org: str, customer: Customer) -> str:
        """Makes the customer unless it has an `external_id`, and says who it is; its id there."""
        ...

    async def subscribe(self, id: str, *, org: str, customer: Customer, price: str, starts_at: int) -> str:
        """Gives the provider's customer the provider's price, from a Unix second in the past; the id there of our subscription `id`."""
        ...

    async def unsubscribe(self, key: str, subscription: str, ends_at: int) -> None:
        """It ends at a Unix second in the future."""
        ...

    async def usage(self, key: str, customer: str, at: int, nano: int) -> None:
        """Usage worth so many nano-dollars, at a Unix second."""
        ...


def begin_of(day: date, zone: str) -> int:
    """Microseconds at which a day begins in a time zone."""
    return int(datetime.combine(day, time(), ZoneInfo(zone)).timestamp()) * _MICROS


def whose(tenant: Tenant, customer: Customer) -> tuple[Tenant, dict[Dimension, tuple[str, ...]]]:
    """Whose usage a customer pays: the tenant and the filter of a query."""
    if customer.kind == "organisation":
        return Tenant(customer.subject), {}
    dimension: Dimension = "team" if customer.kind == "team" else "end_user"
    return tenant, {dimension: (customer.subject,)}
