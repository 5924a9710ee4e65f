"""`tidegate adjustments`: what is credited or charged on a customer's next invoice."""

from typing import Annotated

from cyclopts import App, Parameter

from tidegate.cli.asked import checked
from tidegate.cli.directory import AsJson, NotThere, Org, actor, attempt, everything, new_id, now
from tidegate.cli.options import Home, complain, listed, said
from tidegate.cli.usage import dollars, nano
from tidegate.control.api.billing_customers import NewAdjustment
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, Adjustment, Customer, Tenant

app = App(name="adjustments")

Who = Annotated[str, Parameter(help="The customer's id.")]
Dollars = Annotated[str, Parameter(help="Dollars, with at most nine decimals.")]
Reason = Annotated[str, Parameter(help="What stands on the invoice.")]


@app.command(name="list")
def list_(*, customer: str | None = None, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the adjustments, and which invoice each went onto.

    Parameters
    ----------
    customer:
        Only those of the customer with this id.
    """
    only = {} if customer is None else {"customer_id": customer}
    rows = attempt(home, lambda store: everything(store, Tenant(org), Adjustment, dict(only)), org)
    return listed(rows, ("ID", "CUSTOMER", "AMOUNT $", "INVOICE", "REASON"), _cells, json=json)


@app.command
def credit(customer: Who, amount: Dollars, reason: Reason, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Take an amount off a customer's next invoice, and print the adjustment's id.

    Examples

    ```
    tidegate adjustments credit cust_4fGh71kLmN0pQrSt 12.50 "the outage of 3 June" --org acme
    ```
    """
    return _adjust(customer, amount, reason, -1, org, home)


@app.command
def charge(customer: Who, amount: Dollars, reason: Reason, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Put an amount onto a customer's next invoice, and print the adjustment's id."""
    return _adjust(customer, amount, reason, 1, org, home)


def _adjust(customer: str, amount: str, reason: str, sign: int, org: str, home: Home) -> int:
    async def work(store: ControlStore) -> str:
        fields = {"customer_id": customer, "amount_nano": sign * nano(amount), "reason": reason}
        asked = checked(fields, NewAdjustment)
        if not asked.amount_nano:
            raise ValueError("amount: nothing is adjusted by 0")
        who = actor()
        row = Adjustment(
            id=new_id("adj"),
            customer_id=asked.customer_id,
            amount_nano=asked.amount_nano,
            reason=asked.reason,
            created_by=f"{who.kind}/{who.id}",
            created_at=now(),
            updated_at=now(),
        )
        async with store.change(Tenant(org), who) as change:
            if await change.get(Customer, customer) is None:
                raise NotThere(f"there is no customer `{customer}`: `tidegate customers list` shows them")
            await change.add(row)
        return row.id

    made = attempt(home, work, org)
    if made is not None:
        complain("It goes onto the customer's next invoice that is made final; drafts have it when they are worked out again.")
    return said(made)


def _cells(row: Adjustment) -> tuple[str, ...]:
    return row.id, row.customer_id, dollars(row.amount_nano), row.invoice_id or "-", row.reason
