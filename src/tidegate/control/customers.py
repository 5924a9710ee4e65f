"""Whether a customer can be who it says, and a subscription hold when it says: asked by the control API and the command line."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tidegate.control.billing import everything
from tidegate.ports.control import ControlStore, View
from tidegate.records import DEFAULT_ORG, EVERYONE, Customer, ListQuery, Organisation, Plan, Subscription, Team, Tenant


class Flaw(msgspec.Struct, frozen=True):
    """What is wrong with one field."""

    field: str
    message: str


async def flaw_of_customer(store: ControlStore, view: View, tenant: Tenant, row: Customer) -> Flaw | None:
    """`view` is of the tenant whose customer it would be; `store` is asked for other organisations."""
    try:
        ZoneInfo(row.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return Flaw("time_zone", "it is no time zone, like `Europe/Berlin`")
    match row.kind:
        case "organisation":
            if tenant.org_id != DEFAULT_ORG:
                return Flaw("kind", f"organisations are customers of the operator, whose organisation is `{DEFAULT_ORG}`")
            async with store.view(EVERYONE) as everyone:
                found = await everyone.page(Organisation, ListQuery(limit=1, only={"org_id": row.subject}))
            return None if found.items else Flaw("subject", "there is no such organisation")
        case "team":
            return None if await view.get(Team, row.subject) is not None else Flaw("subject", "there is no such team")
        case "end_user":
            return None


async def flaw_of_subscription(view: View, row: Subscription) -> Flaw | None:
    """A customer has one plan on a day, or it would pay for its usage twice."""
    if await view.get(Customer, row.customer_id) is None:
        return Flaw("customer_id", "there is no such customer")
    plan = await view.get(Plan, row.plan_id)
    if plan is None or (plan.archived_at is not None and await view.get(Subscription, row.id) is None):
        return Flaw("plan_id", "there is no such plan, or it is archived")
    if row.ends_on and row.ends_on < row.starts_on:
        return Flaw("ends_on", "it is before the first day")
    for other in await everything(view, Subscription, {"customer_id": row.customer_id}):
        apart = (other.ends_on and other.ends_on < row.starts_on) or (row.ends_on and row.ends_on < other.starts_on)
        if other.id != row.id and not apart:
            return Flaw("starts_on", f"the subscription `{other.id}` holds on some of these days: end it first")
    return None
