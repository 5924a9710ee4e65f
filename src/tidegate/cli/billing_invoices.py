"""`tidegate invoices`: drafts, final invoices and their lines."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from cyclopts import App, Parameter

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.sql.ledger import LedgerStore
from tidegate.cli.directory import AsJson, NotThere, Org, actor, attempt, attempt_on, control_store, everything, new_id, now
from tidegate.cli.options import Home, complain, listed, say, table
from tidegate.cli.usage import dollars
from tidegate.control import billing
from tidegate.policy.billing import Line
from tidegate.ports import Ledger
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, Customer, Invoice, Tenant

app = App(name="invoices")
T = TypeVar("T")

Apply = Annotated[bool, Parameter(negative=(), help="Book the difference; without it, it is only shown.")]


@app.command(name="list")
def list_(*, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the invoices."""
    rows = attempt(home, lambda store: everything(store, Tenant(org), Invoice), org)
    return listed(rows, ("ID", "NUMBER", "CUSTOMER", "MONTH", "STATE", "TOTAL $"), _cells, json=json)


@app.command
def show(id: str, /, *, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """Show an invoice with its lines.

    Parameters
    ----------
    id:
        The invoice's id.
    """

    async def work(store: ControlStore) -> Invoice:
        async with store.view(Tenant(org)) as view:
            return _there(id, await view.get(Invoice, id))

    return _shown(attempt(home, work, org), json=json)


@app.command
def create(customer: str, month: str, /, *, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """Draft a customer's invoice of a month, or work the draft out again, and show it.

    Examples

    ```
    tidegate invoices create cust_4fGh71kLmN0pQrSt 2026-06 --org acme
    ```

    Parameters
    ----------
    customer:
        The customer's id.
    month:
        Like 2026-06.
    """
    tenant = Tenant(org)

    async def work(store: ControlStore, ledger: Ledger) -> Invoice:
        async with store.change(tenant, actor()) as change:
            found = await change.get(Customer, customer)
            if found is None:
                raise NotThere(f"there is no customer `{customer}`: `tidegate customers list` shows them")
            empty = billing.draft(found, month, id=new_id("inv"), now=now())
            known = next(iter(await billing.everything(change, Invoice, {"customer_id": customer, "period": month})), None)
            computed = await billing.compute(ledger, change, tenant, found, month)
            if known is not None:
                return await change.replace(billing.drafted(known, computed), "invoice.recompute")
            row = billing.drafted(empty, computed)
            await change.add(row)
        return row

    return _shown(_attempt(home, work, org), json=json)


@app.command
def delete(id: str, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Drop a draft. A final invoice stays.

    Parameters
    ----------
    id:
        The invoice's id.
    """

    async def work(store: ControlStore) -> Invoice:
        async with store.change(Tenant(org), actor()) as change:
            row = _there(id, await change.get(Invoice, id))
            await change.remove(row)
        return row

    return 1 if attempt(home, work, org) is None else 0


@app.command
def finalise(id: str, /, *, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """Work a draft out for the last time, give it its number, and show it.

    Parameters
    ----------
    id:
        The invoice's id.
    """
    tenant = Tenant(org)

    async def work(store: ControlStore, ledger: Ledger) -> Invoice:
        async with store.change(tenant, actor()) as change:
            row = _there(id, await change.get(Invoice, id))
            customer = await change.get(Customer, row.customer_id)
            if customer is None:
                raise NotThere(f"the customer of `{id}` is not there")
            computed = await billing.compute(ledger, change, tenant, customer, row.period)
            return await billing.finalise(change, row, computed, now=now(), new_id=new_id("adj"), by="cli")

    return _shown(_attempt(home, work, org), json=json)


@app.command
def correct(id: str, /, *, apply: Apply = False, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Show what a final invoice's month costs more or less by now, after a price was put right or usage came late.

    With `--apply` the difference goes onto the customer's next invoice. Doing it again changes nothing.

    Parameters
    ----------
    id:
        The invoice's id.
    """
    tenant = Tenant(org)

    async def work(store: ControlStore, ledger: Ledger) -> int:
        who = actor()
        async with store.change(tenant, who) as change:
            row = _there(id, await change.get(Invoice, id))
            customer = await change.get(Customer, row.customer_id)
            if customer is None:
                raise NotThere(f"the customer of `{id}` is not there")
            found = await billing.correction(ledger, change, tenant, customer, row)
            if apply:
                await billing.correct(change, row, found, now=now(), by=f"{who.kind}/{who.id}")
        return found[1]

    nano = _attempt(home, work, org)
    if nano is None:
        return 1
    say(dollars(nano))
    complain("It is on the customer's next invoice." if apply else "Nothing is booked yet: --apply does it.")
    return 0


def _attempt(home: Path | None, work: Callable[[ControlStore, Ledger], Awaitable[T]], org: str) -> T | None:
    """As `directory.attempt`, with the ledger."""

    async def run(database: Database) -> T:
        ledger = LedgerStore(database)
        try:
            return await work(control_store(database), ledger)
        finally:
            await ledger.aclose()

    return attempt_on(home, run, org)


def _there(id: str, row: Invoice | None) -> Invoice:
    if row is None:
        raise NotThere(f"there is no invoice `{id}`: `tidegate invoices list` shows them")
    return row


def _shown(row: Invoice | None, *, json: bool) -> int:
    if row is None:
        return 1
    if json:
        say(msgspec.json.encode(row).decode())
        return 0
    name = f"invoice {row.number}" if row.number is not None else "draft"
    say(f"{name} ({row.id}) of {row.customer_id} for {row.period}\n")
    lines = [msgspec.convert(line, Line) for line in row.lines]
    table([*((line.kind, line.text, dollars(line.nano)) for line in lines), ("total", "", dollars(row.total_nano))])
    if row.state == "draft" and row.period_until > now():
        complain("The month is not over: this is what there is until now.")
    if row.unpriced:
        complain(f"{row.unpriced:,} attempts have no known price, or fit no rate of the plan, and are not in it.")
    return 0


def _cells(row: Invoice) -> tuple[str, ...]:
    number = str(row.number) if row.number is not None else "-"
    return row.id, number, row.customer_id, row.period, row.state, dollars(row.total_nano)
