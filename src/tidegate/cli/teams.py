"""`tidegate teams`: the teams of an organisation and who is in them."""

from cyclopts import App

from tidegate.cli.asked import checked
from tidegate.cli.directory import AsJson, Org, actor, attempt, everything, new_id, now
from tidegate.cli.named import found
from tidegate.cli.options import Home, listed, say
from tidegate.control.api.teams import NewTeam
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, Team, TeamMember, Tenant, User

app = App(name="teams")


@app.command(name="list")
def list_(*, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the teams of an organisation."""
    rows = attempt(home, lambda store: everything(store, Tenant(org), Team), org)
    return listed(
        rows, ("ID", "NAME", "STATE"), lambda row: (row.id, row.name, "active" if row.disabled_at is None else "disabled"), json=json
    )


@app.command
def create(name: str, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Make a team and print its id.

    Examples

    ```
    tidegate teams create search --org acme
    ```

    Parameters
    ----------
    name:
        For people; no two teams of an organisation have the same.
    """

    async def work(store: ControlStore) -> str:
        row = Team(id=new_id("team"), name=checked({"name": name}, NewTeam).name, created_at=now(), updated_at=now())
        async with store.change(Tenant(org), actor()) as change:
            await change.add(row)
        return row.id

    id = attempt(home, work, org)
    if id is None:
        return 1
    say(id)
    return 0


@app.command
def add(team: str, user: str, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Put a user into a team.

    Parameters
    ----------
    team:
        The team, by id or name.
    user:
        The user, by id, email or name.
    """

    async def work(store: ControlStore) -> bool:
        async with store.change(Tenant(org), actor()) as change:
            into, who = await found(change, Team, team, Tenant(org)), await found(change, User, user, Tenant(org))
            if await change.get(TeamMember, into.id, who.id) is None:
                await change.add(TeamMember(team_id=into.id, user_id=who.id, created_at=now()))
        return True

    return 0 if attempt(home, work, org) else 1
