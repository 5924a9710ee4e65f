"""`tidegate webhooks`: who is told of budgets that pass a threshold."""

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from tidegate.adapters.alerts_webhook import try_out
from tidegate.adapters.egress import EgressClient
from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.system import SystemClock
from tidegate.cli.asked import checked
from tidegate.cli.directory import AsJson, NotThere, Org, actor, attempt_on, everything, new_id, now, pepper_of
from tidegate.cli.options import ConfigPath, Home, complain, load, said, say, table
from tidegate.control.api.webhooks import WebhookEdit
from tidegate.policy.egress import place_of
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Webhook
from tidegate.policy.webhooks import MOST, origin_of, webhook_secret
from tidegate.ports.control import Change, ControlStore
from tidegate.ports.delivery import NotDelivered
from tidegate.records import DEFAULT_ORG, StoredWebhook, Tenant

app = App(name="webhooks")

Url = Annotated[
    str,
    Parameter(
        help="`https://…`, or where the address is read from, as it may hold a secret: `env:NAME`, `file:PATH`, or `-` for standard input.",
        allow_leading_hyphen=True,
    ),
]
Id = Annotated[str, Parameter(help="The webhook's id.")]


@app.command(name="list")
def list_(*, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the webhooks of an organisation, of their addresses only the host."""
    rows = attempt_on(home, lambda database: everything(_store(database), Tenant(org), StoredWebhook), org)
    if rows is None:
        return 1
    short = [msgspec.structs.replace(row, url=origin_of(row.url)) for row in rows]
    if json:
        for row in short:
            say(msgspec.json.encode(row).decode())
    else:
        table([("ID", "NAME", "ADDRESS", "FOR", "STATE"), *((row.id, row.name, row.url, _whose(row, org), _state(row)) for row in short)])
    return 0


@app.command
def show(id: Id, /, *, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """Show a webhook with its whole address, and without its secret."""

    async def work(control: ControlStore) -> StoredWebhook:
        async with control.view(Tenant(org)) as view:
            return _there(await view.get(StoredWebhook, id), id)

    row = attempt_on(home, lambda database: work(_store(database)), org)
    if row is None:
        return 1
    if json:
        say(msgspec.json.encode(row).decode())
    else:
        facts = (("id", row.id), ("name", row.name), ("address", row.url), ("for", _whose(row, org)), ("state", _state(row)))
        table([*facts, ("secret", f"version {row.version}")])
    return 0


@app.command
def create(
    url: Url, /, *, name: str = "webhook", shared: bool = False, org: Org = DEFAULT_ORG, config: ConfigPath = None, home: Home = None
) -> int:
    """Tell an address of budgets that pass a threshold, and print the webhook's id.

    Examples

    ```
    tidegate webhooks create https://hooks.example.com/tidegate --name "on call" --org acme
    tidegate webhooks create env:HOOK_ADDRESS --name everybody --shared
    tidegate webhooks secret hook_4fGh71kLmN0p
    ```

    Parameters
    ----------
    name:
        For people.
    shared:
        Told of the budgets of all organisations. Without it, only of the one that `--org` names.
    """
    if shared and org != DEFAULT_ORG:
        complain(f"error: what is shared belongs to the organisation `{DEFAULT_ORG}`: leave --org out")
        return 1

    async def work(database: Database) -> str:
        control = _store(database)
        checked({"name": name}, WebhookEdit)
        row = StoredWebhook(
            id=new_id("hook"),
            name=name,
            url=_address(url, config, home),
            shared=shared,
            created_by=f"cli/{actor().id}",
            created_at=now(),
            updated_at=now(),
        )
        others = await everything(control, Tenant(org), StoredWebhook)
        if any(other.url == row.url for other in others):
            raise ValueError("there is another webhook with this address")
        if len(others) >= MOST:
            raise ValueError(f"an organisation has at most {MOST} webhooks")
        async with control.change(Tenant(org), actor()) as change:
            await change.add(row)
        return row.id

    return said(attempt_on(home, work, org))


@app.command
def edit(
    id: Id,
    /,
    *,
    url: Annotated[str | None, Parameter(help="Another address, given as `create` takes it.", allow_leading_hyphen=True)] = None,
    name: str | None = None,
    enabled: Annotated[bool | None, Parameter(name="--enable", negative="--disable")] = None,
    org: Org = DEFAULT_ORG,
    config: ConfigPath = None,
    home: Home = None,
) -> int:
    """Change a webhook. Its secret stays.

    Parameters
    ----------
    name:
        For people.
    enabled:
        Tell it, or tell it nothing for a while.
    """

    async def work(change: Change) -> None:
        row = await _load(change, id)
        if url is not None:
            row = msgspec.structs.replace(row, url=_address(url, config, home))
        if name is not None:
            checked({"name": name}, WebhookEdit)
            row = msgspec.structs.replace(row, name=name)
        if enabled is not None:
            row = msgspec.structs.replace(row, disabled_at=None if enabled else row.disabled_at or now())
        await change.replace(row, "webhook.update")

    return said(_changed(home, org, id, work))


@app.command
def secret(id: Id, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Print the secret that signs what a webhook is told.

    It is made from the gateway's pepper, so it can be printed again.
    """

    async def work(database: Database) -> str:
        async with _store(database).view(Tenant(org)) as view:
            row = _there(await view.get(StoredWebhook, id), id)
        return webhook_secret(await pepper_of(database, home), org, row.id, row.version)

    return said(attempt_on(home, work, org))


@app.command
def rotate(id: Id, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Sign with another secret from now on, and print it."""

    async def work(database: Database) -> str:
        pepper = await pepper_of(database, home)
        async with _store(database).change(Tenant(org), actor()) as change:
            row = await _load(change, id)
            row = await change.replace(msgspec.structs.replace(row, version=row.version + 1), "webhook.rotate")
        return webhook_secret(pepper, org, row.id, row.version)

    return said(attempt_on(home, work, org))


@app.command
def test(id: Id, /, *, org: Org = DEFAULT_ORG, config: ConfigPath = None, home: Home = None) -> int:
    """Send a signed message of the type `webhook.test` from here, and say whether it was taken. The exit code is 1 where it was not."""

    async def work(database: Database) -> str:
        async with _store(database).view(Tenant(org)) as view:
            row = _there(await view.get(StoredWebhook, id), id)
        made = webhook_secret(await pepper_of(database, home), org, row.id, row.version)
        to = Webhook(id=row.id, url=row.url, secret=Secret(made))
        egress = load(config, home).snapshot.egress
        try:
            await try_out(EgressClient(lambda: egress), org, to, new_id("test"), int(SystemClock().now()))
        except NotDelivered as failure:
            raise ValueError(f"{origin_of(row.url)} did not take it: {failure}") from None
        return f"{origin_of(row.url)} took the message."

    return said(attempt_on(home, work, org))


@app.command
def delete(id: Id, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Delete a webhook: what was not delivered yet is told nobody."""

    async def work(change: Change) -> None:
        await change.remove(await _load(change, id))

    return said(_changed(home, org, id, work))


def _changed(home: Home, org: str, id: str, work: Callable[[Change], Awaitable[None]]) -> str | None:
    async def run(database: Database) -> str:
        async with _store(database).change(Tenant(org), actor()) as change:
            await work(change)
        return id

    return attempt_on(home, run, org)


async def _load(change: Change, id: str) -> StoredWebhook:
    return _there(await change.get(StoredWebhook, id), id)


def _there(row: StoredWebhook | None, id: str) -> StoredWebhook:
    if row is None:
        raise NotThere(f"there is no webhook `{id}` here: `tidegate webhooks list` shows them")
    return row


def _address(given: str, config: Path | None, home: Path | None) -> str:
    """Raises `ValueError` for one that may not be reached."""
    try:
        if given.startswith("env:"):
            text = os.environ.get(given.removeprefix("env:"), "")
        elif given.startswith("file:"):
            text = Path(given.removeprefix("file:")).read_text(encoding="utf-8")
        else:
            text = sys.stdin.readline() if given == "-" else given
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the address cannot be read: {getattr(error, 'strerror', None) or error}") from None
    place_of(text.strip(), load(config, home).snapshot.egress)
    return text.strip()


def _store(database: Database) -> ControlStore:
    return SqlControlStore(Changes(database, SystemClock()))


def _whose(row: StoredWebhook, org: str) -> str:
    return "all organisations" if row.shared else org


def _state(row: StoredWebhook) -> str:
    return "active" if row.disabled_at is None else "disabled"
