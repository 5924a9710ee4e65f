"""`tidegate users`: the people of an organisation, their roles and their admin keys."""

from typing import Literal

import msgspec
from cyclopts import App

from tidegate.adapters.sql.engine import Database
from tidegate.adapters.system_secrets import SystemSecrets
from tidegate.cli import texts
from tidegate.cli.asked import checked
from tidegate.cli.directory import AsJson, Org, actor, attempt, attempt_on, control_store, everything, new_id, now, pepper_of
from tidegate.cli.named import found
from tidegate.cli.options import Home, complain, said, say, table
from tidegate.control.api.users import NewUser
from tidegate.policy.keys import ID_LENGTH, SECRET_LENGTH, format_token, token_digest
from tidegate.policy.roles import GATEWAY, flaw_of_scope, org_scope, within
from tidegate.ports.control import ControlStore
from tidegate.records import DEFAULT_ORG, ApiKey, RoleBinding, Tenant, User

RoleName = Literal["owner", "admin", "key-custodian", "billing", "developer", "auditor", "viewer", "service"]

app = App(name="users")
app.command("tidegate.cli.personal:export_user", name="export", help=texts.EXPORT_USER)
app.command("tidegate.cli.personal:erase_user", name="erase", help=texts.ERASE_USER)


@app.command(name="list")
def list_(*, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the users of an organisation."""
    rows = attempt(home, lambda control: everything(control, Tenant(org), User), org)
    if rows is None:
        return 1
    if json:
        for row in rows:
            say(msgspec.json.encode(row).decode())
    else:
        shown = ((row.id, row.name, row.email or "-", "active" if row.disabled_at is None else "disabled") for row in rows)
        table([("ID", "NAME", "EMAIL", "STATE"), *shown])
    return 0


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
    chosen = scope or org_scope(org)
    flaw = flaw_of_scope(chosen)
    if flaw is None and not within(chosen, org_scope(org)) and not (chosen == GATEWAY and org == DEFAULT_ORG):
        flaw = f"it is not within `{org_scope(org)}`"
    if flaw is not None:
        complain(f"error: --scope `{chosen}`: {flaw}")
        return 1

    async def work(control: ControlStore) -> str:
        by = actor()
        async with control.change(Tenant(org), by) as change:
            who = await found(change, User, user, Tenant(org))
            row = RoleBinding(
                id=new_id("rb"),
                subject_kind="user",
                subject_id=who.id,
                role=role,
                scope=chosen,
                created_by=f"{by.kind}/{by.id}",
                created_at=now(),
            )
            await change.add(row)
        return row.id

    return said(attempt(home, work, org))


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
    secrets = SystemSecrets()
    public = secrets.base62(ID_LENGTH)
    token = format_token("adm", public, secrets.base62(SECRET_LENGTH))

    async def work(database: Database) -> str:
        by, pepper = actor(), await pepper_of(database, home)
        async with control_store(database).change(Tenant(org), by) as change:
            who = await found(change, User, user, Tenant(org))
            row = ApiKey(
                id=public,
                name=name,
                env="adm",
                digest=token_digest(pepper, token),
                owner_kind="user",
                owner_id=who.id,
                user_id=who.id,
                created_by=f"{by.kind}/{by.id}",
                created_at=now(),
                updated_at=now(),
            )
            await change.add(row)
        return token

    made = attempt_on(home, work, org)
    if made is not None:
        complain(f"Made the admin key {public}. It is not shown again:")
    return said(made)
