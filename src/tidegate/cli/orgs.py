"""`tidegate orgs`: the organisations, which are the tenants."""

import msgspec
from cyclopts import App

from tidegate.cli.asked import checked
from tidegate.cli.directory import AsJson, NotThere, actor, attempt, everything, new_id, now
from tidegate.cli.options import Home, complain, listed, say
from tidegate.control.api.orgs import NewOrg
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, EVERYONE, Organisation, Tenant

app = App(name="orgs")


@app.command(name="list")
def list_(*, json: AsJson = False, home: Home = None) -> int:
    """List the organisations."""
    rows = attempt(home, lambda store: everything(store, EVERYONE, Organisation))
    return listed(
        rows, ("ID", "NAME", "STATE"), lambda row: (row.org_id, row.name, "active" if row.disabled_at is None else "disabled"), json=json
    )


@app.command
def create(name: str, /, *, id: str | None = None, home: Home = None) -> int:
    """Make an organisation and print its id.

    Examples

    ```
    tidegate orgs create "Acme Inc." --id acme
    ```

    Parameters
    ----------
    name:
        For people.
    id:
        Small letters, digits and dashes; drawn where it is not given.
    """

    async def work(store: ControlStore) -> Organisation:
        asked = checked({"name": name, "id": id}, NewOrg)
        row = Organisation(org_id=asked.id or new_id("org"), name=asked.name, created_at=now(), updated_at=now())
        async with store.change(Tenant(DEFAULT_ORG), actor()) as change:
            await change.add_organisation(row)
        return row

    return _said(attempt(home, work))


@app.command
def disable(id: str, /, *, home: Home = None) -> int:
    """Stop every key of an organisation, also its admins'.

    Parameters
    ----------
    id:
        The organisation's id.
    """
    if id == DEFAULT_ORG:
        complain("error: the organisation `default` cannot be disabled")
        return 1
    return _said(attempt(home, lambda store: _set(store, id, now()), id))


@app.command
def enable(id: str, /, *, home: Home = None) -> int:
    """Let the keys of a disabled organisation work again.

    Parameters
    ----------
    id:
        The organisation's id.
    """
    return _said(attempt(home, lambda store: _set(store, id, None), id))


async def _set(store: ControlStore, id: str, disabled_at: int | None) -> Organisation:
    async with store.change(Tenant(id), actor()) as change:
        row = await change.get(Organisation)
        if row is None:
            raise NotThere(f"there is no organisation `{id}`: `tidegate orgs list` shows them")
        row = msgspec.structs.replace(row, disabled_at=disabled_at)
        return await change.replace(row, "org.enable" if disabled_at is None else "org.disable")


def _said(row: Organisation | None) -> int:
    if row is None:
        return 1
    say(row.org_id)
    return 0
