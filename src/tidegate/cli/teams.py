"""`tidegate teams`: the teams of an organisation and who is in them."""

import msgspec
from cyclopts import App

from tidegate.cli.directory import AsJson, NotThere, Org, actor, attempt, everything, new_id, now
from tidegate.cli.options import Home, say, table
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, Team, TeamMember, Tenant, User

app = App(name="teams")


@app.command(name="list")
def list_(*, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the teams of an organisation."""
    rows = attempt(home, lambda store: everything(store, Tenant(org), Team))
    if rows is None:
        return 1
    if json:
        for row in rows:
            say(msgspec.json.encode(row).decode())
    else:
        table([("ID", "NAME", "STATE"), *((row.id, row.name, "active" if row.disabled_at is None else "disabled") for row in rows)])
    return 0


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
    row = Team(id=new_id("team"), name=name, created_at=now(), updated_at=now())

    async def work(store: ControlStore) -> str:
        async with store.change(Tenant(org), actor()) as change:
            await change.add(row)
        return row.id

    id = attempt(home, work)
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
        The team's id.
    user:
        The user's id.
    """

    async def work(store: ControlStore) -> bool:
        async with store.change(Tenant(org), actor()) as change:
            if await change.get(Team, team) is None or await change.get(User, user) is None:
                raise NotThere("there is no such team or no such user: `tidegate teams list` and `tidegate users list` show them")
            if await change.get(TeamMember, team, user) is None:
                await change.add(TeamMember(team_id=team, user_id=user, created_at=now()))
        return True

    return 0 if attempt(home, work) else 1
