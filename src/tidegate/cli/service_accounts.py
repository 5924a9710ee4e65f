"""`tidegate service-accounts`: the programs of an organisation, or of one of its teams; their roles and their admin keys."""

import msgspec
from cyclopts import App

from tidegate.cli.acting import RoleName, admin_key_made, granted
from tidegate.cli.asked import checked
from tidegate.cli.directory import AsJson, Org, actor, attempt, everything, new_id, now
from tidegate.cli.named import found
from tidegate.cli.options import Home, listed, said
from tidegate.control.api.service_accounts import NewServiceAccount
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, ServiceAccount, Team, Tenant

app = App(name="service-accounts")


@app.command(name="list")
def list_(*, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the service accounts of an organisation."""
    rows = attempt(home, lambda control: everything(control, Tenant(org), ServiceAccount), org)
    return listed(
        rows,
        ("ID", "NAME", "TEAM", "STATE"),
        lambda row: (row.id, row.name, row.team_id or "-", "active" if row.disabled_at is None else "disabled"),
        json=json,
    )


@app.command
def create(name: str, /, *, team: str | None = None, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Add a service account, which may do nothing yet, and print its id.

    Examples

    ```
    tidegate service-accounts create indexer --team search --org acme
    tidegate keys create --name indexer --env svc --service-account indexer --org acme
    ```

    Parameters
    ----------
    name:
        For people; no two of an organisation have the same.
    team:
        The team that it belongs to, by id or name.
    """

    async def work(control: ControlStore) -> str:
        asked = checked({"name": name}, NewServiceAccount)
        async with control.change(Tenant(org), actor()) as change:
            team_id = None if team is None else (await found(change, Team, team, Tenant(org))).id
            row = ServiceAccount(id=new_id("sa"), name=asked.name, team_id=team_id, created_at=now(), updated_at=now())
            await change.add(row)
        return row.id

    return said(attempt(home, work, org))


@app.command
def grant(account: str, role: RoleName, /, *, scope: str | None = None, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Give a service account a role in the control API.

    Parameters
    ----------
    account:
        The service account, by id or name.
    scope:
        `org/<id>`, `org/<id>/team/<id>`, or `gateway` for the operator; the whole organisation where it is not given.
    """
    return granted(ServiceAccount, account, role, scope, org, home)


@app.command
def admin_key(account: str, /, *, name: str = "admin", org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Make an admin key for a service account and print it, once.

    It can do in the control API what the account's roles say, and nothing on the data port.

    Parameters
    ----------
    account:
        The service account, by id or name.
    name:
        What the key is for.
    """
    return admin_key_made(ServiceAccount, account, name, org, home)


@app.command
def disable(account: str, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Stop a service account until it is enabled: its keys do not work meanwhile.

    Parameters
    ----------
    account:
        The service account, by id or name.
    """
    return _switched(account, org, home, off=True)


@app.command
def enable(account: str, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Let a disabled service account work again.

    Parameters
    ----------
    account:
        The service account, by id or name.
    """
    return _switched(account, org, home, off=False)


def _switched(account: str, org: str, home: Home, *, off: bool) -> int:
    async def work(control: ControlStore) -> str:
        async with control.change(Tenant(org), actor()) as change:
            row = await found(change, ServiceAccount, account, Tenant(org))
            at = (row.disabled_at or now()) if off else None
            await change.replace(msgspec.structs.replace(row, disabled_at=at), "service_account.update")
        return row.id

    return said(attempt(home, work, org))
