"""`tidegate users`: the people of an organisation, their roles and their admin keys."""

from cyclopts import App

from tidegate.cli import texts
from tidegate.cli.acting import RoleName, admin_key_made, granted
from tidegate.cli.asked import checked
from tidegate.cli.directory import AsJson, Org, actor, attempt, everything, new_id, now
from tidegate.cli.options import Home, listed, said
from tidegate.control.api.users import NewUser
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, Tenant, User

app = App(name="users")
app.command("tidegate.cli.personal:export_user", name="export", help=texts.EXPORT_USER)
app.command("tidegate.cli.personal:erase_user", name="erase", help=texts.ERASE_USER)


@app.command(name="list")
def list_(*, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the users of an organisation."""
    rows = attempt(home, lambda control: everything(control, Tenant(org), User), org)
    return listed(
        rows,
        ("ID", "NAME", "EMAIL", "STATE"),
        lambda row: (row.id, row.name, row.email or "-", "active" if row.disabled_at is None else "disabled"),
        json=json,
    )


@app.command
def create(name: str, /, *, email: str | None = None, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Add a user, who may do nothing yet, and print the id.

    Examples

    ```
    id=$(tidegate users create "Ada" --email ada@example.com --org acme)
    tidegate users grant $id owner --org acme
    tidegate users admin-key $id --org acme
    ```

    Parameters
    ----------
    name:
        For people.
    email:
        No two users of an organisation have the same.
    """

    async def work(control: ControlStore) -> str:
        asked = checked({"name": name, "email": email}, NewUser)
        row = User(id=new_id("user"), name=asked.name, email=asked.email, created_at=now(), updated_at=now())
        async with control.change(Tenant(org), actor()) as change:
            await change.add(row)
        return row.id

    return said(attempt(home, work, org))


@app.command
def grant(user: str, role: RoleName, /, *, scope: str | None = None, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Give a user a role in the control API.

    Examples

    ```
    tidegate users grant user_4fGh71kLmN0p developer --org acme --scope org/acme/team/team_9xYz
    ```

    Parameters
    ----------
    user:
        The user, by id, email or name.
    scope:
        `org/<id>`, `org/<id>/team/<id>`, or `gateway` for the operator; the whole organisation where it is not given.
    """
    return granted(User, user, role, scope, org, home)


@app.command
def admin_key(user: str, /, *, name: str = "admin", org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Make an admin key for a user and print it, once.

    It can do in the control API what the user's roles say, and nothing on the data port.

    Parameters
    ----------
    user:
        The user, by id, email or name.
    name:
        What the key is for.
    """
    return admin_key_made(User, user, name, org, home)
