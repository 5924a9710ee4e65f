"""`tidegate credentials`: the keys of providers, kept sealed in the database."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from tidegate.adapters.sql.changes import Changes
from tidegate.adapters.sql.control_store import SqlControlStore
from tidegate.adapters.sql.engine import Database
from tidegate.adapters.system import SystemClock
from tidegate.cli.asked import checked
from tidegate.cli.directory import AsJson, NotThere, Org, actor, attempt, attempt_on, everything, new_id, now
from tidegate.cli.options import ConfigPath, Home, complain, said, say, table
from tidegate.cli.vault import read_secret, running, vault
from tidegate.control.api.credentials import CredentialEdit, CredentialLimits
from tidegate.control.limits import RATES
from tidegate.ir.json import JsonObject
from tidegate.policy.credentials import provider_origin
from tidegate.policy.secret import Secret
from tidegate.ports.control import Change, ControlStore
from tidegate.records import DEFAULT_ORG, Credential, Tenant

app = App(name="credentials")

SecretFrom = Annotated[
    str,
    Parameter(
        name="--secret",
        help="Where the key is read from: `-` is standard input, else `env:NAME` or `file:PATH`.",
        allow_leading_hyphen=True,
    ),
]

Limits = Annotated[
    list[str] | None,
    Parameter(name="--limit", negative=(), help=f"NAME=AMOUNT, like requests_per_minute=60: {', '.join(name for name, _, _ in RATES)}."),
]


@app.command(name="list")
def list_(*, org: Org = DEFAULT_ORG, json: AsJson = False, home: Home = None) -> int:
    """List the credentials of an organisation, without their secrets."""
    rows = attempt(home, lambda control: everything(control, Tenant(org), Credential), org)
    if rows is None:
        return 1
    if json:
        for row in rows:
            shown = {name: value for name, value in msgspec.structs.asdict(row).items() if name != "sealed"}
            say(msgspec.json.encode(shown).decode())
        return 0
    lines = (
        (row.id, row.name, row.provider, row.origin, f"…{row.last4}", "shared" if row.shared else org, str(row.weight), _state(row))
        for row in rows
    )
    table([("ID", "NAME", "PROVIDER", "ADDRESS", "SECRET", "FOR", "WEIGHT", "STATE"), *lines])
    return 0


@app.command
def create(
    provider: str,
    /,
    *,
    source: SecretFrom = "-",
    name: str | None = None,
    shared: bool = False,
    weight: int = 1,
    limit: Limits = None,
    org: Org = DEFAULT_ORG,
    config: ConfigPath = None,
    home: Home = None,
) -> int:
    """Keep a provider's key, sealed, and print the credential's id.

    It goes to the address that the provider has now, and to no other: where the provider is moved, the key is entered again.

    Examples

    ```
    tidegate credentials create anthropic --shared < key.txt
    tidegate credentials create openai --org acme --secret env:ACME_OPENAI_KEY --weight 3
    ```

    Parameters
    ----------
    provider:
        The provider's name, as in `provider/model`.
    name:
        For people; the provider's name where it is not given.
    shared:
        For all organisations. Without it, only for the one that `--org` names.
    weight:
        Of several credentials of one provider, each gets calls by its weight.
    """
    if not 1 <= weight <= 1000:
        complain("error: --weight lies between 1 and 1000")
        return 1
    if shared and org != DEFAULT_ORG:
        complain(f"error: what is shared belongs to the organisation `{DEFAULT_ORG}`: leave --org out")
        return 1
    given, limits = _secret(source), _limits(limit or ())
    if given is None or limits is None:
        return 1

    async def work(database: Database) -> str:
        opened = await vault(database, home)
        origin = provider_origin((await running(database, home, config, opened)).snapshot, provider)
        if origin is None:
            raise NotThere(f"there is no provider `{provider}`: `tidegate check` shows them")
        checked({"name": name or provider}, CredentialEdit)
        by = actor()
        row = Credential(
            id=new_id("cred"),
            name=name or provider,
            provider=provider,
            origin=origin,
            shared=shared or org == DEFAULT_ORG,
            weight=weight,
            limits=limits or None,
            created_by=f"{by.kind}/{by.id}",
            created_at=now(),
            updated_at=now(),
        )
        async with _store(database).change(Tenant(org), by) as change:
            await change.add(opened.seal(org, row, given))
        return row.id

    return said(attempt_on(home, work, org))


@app.command
def rotate(id: str, /, *, source: SecretFrom = "-", org: Org = DEFAULT_ORG, config: ConfigPath = None, home: Home = None) -> int:
    """Put another secret in the place of the present one.

    Parameters
    ----------
    id:
        The credential's id.
    """
    given = _secret(source)
    if given is None:
        return 1

    async def work(database: Database) -> str:
        opened = await vault(database, home)
        snapshot = (await running(database, home, config, opened)).snapshot
        async with _store(database).change(Tenant(org), actor()) as change:
            row = await _load(change, id)
            origin = provider_origin(snapshot, row.provider)
            if origin is None:
                raise NotThere(f"there is no provider `{row.provider}` any more")
            row = msgspec.structs.replace(row, version=row.version + 1, origin=origin, reference="")
            await change.replace(opened.seal(org, row, given), "credential.rotate")
        return id

    return said(attempt_on(home, work, org))


@app.command
def edit(
    id: str,
    /,
    *,
    name: str | None = None,
    weight: int | None = None,
    limit: Limits = None,
    no_limits: Annotated[bool, Parameter(negative=())] = False,
    org: Org = DEFAULT_ORG,
    home: Home = None,
) -> int:
    """Change a credential's name, weight or limits; what is not given stays. Its secret is changed by `rotate`.

    Parameters
    ----------
    id:
        The credential's id.
    name:
        For people.
    weight:
        Of several credentials of one provider, each gets calls by its weight.
    no_limits:
        Take its limits away, but for those that `--limit` names.
    """
    limits = _limits(limit or ())
    if limits is None:
        return 1

    def edited(row: Credential) -> Credential:
        kept = {} if no_limits else row.limits or {}
        fields = {"name": name or row.name, "weight": row.weight if weight is None else weight, "limits": {**kept, **limits} or None}
        checked(fields, CredentialEdit)
        return msgspec.structs.replace(row, **fields)

    return _edited(home, org, id, edited, "credential.update")


@app.command
def disable(id: str, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Stop using a credential until it is enabled.

    Parameters
    ----------
    id:
        The credential's id.
    """
    return _edited(home, org, id, lambda row: msgspec.structs.replace(row, disabled_at=row.disabled_at or now()), "credential.disable")


@app.command
def enable(id: str, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Use a disabled credential again.

    Parameters
    ----------
    id:
        The credential's id.
    """
    return _edited(home, org, id, lambda row: msgspec.structs.replace(row, disabled_at=None), "credential.enable")


@app.command
def delete(id: str, /, *, org: Org = DEFAULT_ORG, home: Home = None) -> int:
    """Delete a credential, with its secret.

    Parameters
    ----------
    id:
        The credential's id.
    """

    async def work(change: Change) -> None:
        await change.remove(await _load(change, id))

    return _changed(home, org, id, work)


def _edited(home: Home, org: str, id: str, edit: Callable[[Credential], Credential], action: str) -> int:
    async def work(change: Change) -> None:
        await change.replace(edit(await _load(change, id)), action)

    return _changed(home, org, id, work)


def _changed(home: Home, org: str, id: str, work: Callable[[Change], Awaitable[None]]) -> int:
    async def run(control: ControlStore) -> str:
        async with control.change(Tenant(org), actor()) as change:
            await work(change)
        return id

    return said(attempt(home, run, org))


async def _load(change: Change, id: str) -> Credential:
    row = await change.get(Credential, id)
    if row is None:
        raise NotThere(f"there is no credential `{id}` here: `tidegate credentials list` shows them")
    return row


def _store(database: Database) -> ControlStore:
    return SqlControlStore(Changes(database, SystemClock()))


def _secret(source: str) -> Secret | None:
    try:
        return read_secret(source)
    except (OSError, ValueError) as error:
        complain(f"error: --secret: {error}")
        return None


def _limits(given: Sequence[str]) -> JsonObject | None:
    """As they are stored; None for what is wrong, which has been said."""
    found: JsonObject = {}
    for text in given:
        name, _, amount = text.partition("=")
        try:
            found |= msgspec.to_builtins(checked({name: msgspec.convert(amount, int, strict=False)}, CredentialLimits))
        except (msgspec.ValidationError, ValueError) as error:
            complain(f"error: --limit `{text[:80]}` is NAME=AMOUNT, like requests_per_minute=60: {error}")
            return None
    return found


def _state(row: Credential) -> str:
    return "active" if row.disabled_at is None else "disabled"
