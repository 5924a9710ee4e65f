"""`tidegate customers`: who is billed, and with which plan."""

from datetime import date
from typing import Literal

from cyclopts import App

from tidegate.cli.asked import checked
from tidegate.cli.directory import AsJson, NotThere, Org, actor, attempt, everything, new_id, now
from tidegate.cli.options import Home, listed, say
from tidegate.control.api.billing_customers import NewCustomer
from tidegate.control.customers import Flaw, flaw_of_customer, flaw_of_subscription
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, Customer, Plan, Subscription, Tenant

app = App(name="customers")


@app.command(name="list")
def list_(*, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the customers."""
    rows = attempt(home, lambda store: everything(store, Tenant(org), Customer), org)
    return listed(
        rows,
        ("ID", "NAME", "KIND", "SUBJECT", "TIME ZONE"),
        lambda row: (row.id, row.name, row.kind, row.subject, row.time_zone),
        json=json,
    )


@app.command
def create(
    name: str,
    /,
    *,
    kind: Literal["organisation", "team", "end_user"],
    subject: str,
    email: str = "",
    time_zone: str = "UTC",
    org: Org = DEFAULT_ORG,
    home: Home = None,
) -> int:
    """Make a customer and print its id.

    Examples

    ```
    tidegate customers create "Acme Inc." --kind organisation --subject acme
    ```

    Parameters
    ----------
    name:
        For people.
    kind:
        What is billed. Organisations are customers of the organisation `default`.
    subject:
        The id of the organisation or the team, or an end user as clients name it.
    email:
        Where invoices go.
    time_zone:
        Where its months begin: a name like Europe/Berlin.
    """

    async def work(store: ControlStore) -> str:
        fields = {"name": name, "kind": kind, "subject": subject, "email": email or None, "time_zone": time_zone}
        asked = checked(fields, NewCustomer)
        row = Customer(
            id=new_id("cust"),
            name=asked.name,
            kind=asked.kind,
            subject=asked.subject,
            email=asked.email or "",
            time_zone=asked.time_zone,
            created_at=now(),
            updated_at=now(),
        )
        async with store.change(Tenant(org), actor()) as change:
            _refuse(await flaw_of_customer(store, change, Tenant(org), row))
            await change.add(row)
        return row.id

    return _said(attempt(home, work, org))


@app.command
def subscribe(customer: str, plan: str, /, *, starts: date, ends: date | None = None, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Give a customer a plan and print the subscription's id.

    Parameters
    ----------
    customer:
        The customer's id.
    plan:
        The plan's id.
    starts:
        The first day.
    ends:
        The last day; without one for ever.
    """
    row = Subscription(
        id=new_id("sub"),
        customer_id=customer,
        plan_id=plan,
        starts_on=starts.isoformat(),
        ends_on=ends.isoformat() if ends is not None else "",
        created_at=now(),
        updated_at=now(),
    )

    async def work(store: ControlStore) -> str:
        async with store.change(Tenant(org), actor()) as change:
            if await change.get(Customer, customer) is None:
                raise NotThere(f"there is no customer `{customer}`: `tidegate customers list` shows them")
            if await change.get(Plan, plan) is None:
                raise NotThere(f"there is no plan `{plan}`: `tidegate plans list` shows them")
            _refuse(await flaw_of_subscription(change, row))
            await change.add(row)
        return row.id

    return _said(attempt(home, work, org))


def _refuse(flaw: Flaw | None) -> None:
    if flaw is not None:
        raise ValueError(f"{flaw.field}: {flaw.message}")


def _said(id: str | None) -> int:
    if id is None:
        return 1
    say(id)
    return 0
