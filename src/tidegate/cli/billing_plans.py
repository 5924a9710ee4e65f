"""`tidegate plans`: what customers pay."""

from cyclopts import App

from tidegate.cli.asked import checked
from tidegate.cli.directory import AsJson, Org, actor, attempt, everything, new_id, now
from tidegate.cli.options import Home, complain, listed, say
from tidegate.cli.usage import dollars, nano
from tidegate.control.api.billing_plans import NewPlan
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, Plan, Tenant

app = App(name="plans")
_NO_MARKUP = 0.0


@app.command(name="list")
def list_(*, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the plans."""
    rows = attempt(home, lambda store: everything(store, Tenant(org), Plan), org)
    return listed(rows, ("ID", "NAME", "FEE $", "INCLUDED $", "USAGE", "STATE"), _cells, json=json)


@app.command
def create(
    name: str, /, *, fee: str = "0", included: str = "0", markup: float = _NO_MARKUP, org: Org = DEFAULT_ORG, home: Home = None
) -> int:
    """Make a plan and print its id. Usage costs what it cost, with a markup; rates by kind of token are set over the control API.

    Examples

    ```
    tidegate plans create Pro --fee 20 --included 5 --markup 12.5
    ```

    Parameters
    ----------
    name:
        For people.
    fee:
        Dollars of a whole month.
    included:
        Dollars of usage that the fee includes.
    markup:
        Per cent on top of what usage cost.
    """
    try:
        amounts = (nano(fee), nano(included))
    except ValueError as error:
        complain(f"error: {error}")
        return 1

    async def work(store: ControlStore) -> Plan:
        fields = {"name": name, "price_nano": amounts[0], "included_nano": amounts[1], "markup_bp": round(markup * 100)}
        asked = checked(fields, NewPlan)
        row = Plan(
            id=new_id("plan"),
            name=asked.name,
            price_nano=asked.price_nano,
            included_nano=asked.included_nano,
            markup_bp=asked.markup_bp,
            created_at=now(),
            updated_at=now(),
        )
        async with store.change(Tenant(org), actor()) as change:
            await change.add(row)
        return row

    made = attempt(home, work, org)
    if made is None:
        return 1
    say(made.id)
    return 0


def _cells(row: Plan) -> tuple[str, ...]:
    usage = "by rates" if row.rates else f"at cost, +{row.markup_bp / 100:g} %" if row.markup_bp else "at cost"
    return row.id, row.name, dollars(row.price_nano), dollars(row.included_nano), usage, "archived" if row.archived_at else "active"
