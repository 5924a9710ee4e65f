"""The whole configuration at once: what is served as a document, what a document would change, and the change itself in one transaction.

Secrets are not in the document, they are named in it by reference. Who applies it sends beside it those that their references lead to.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.configured import configuration, defined, provider_entry, route_entry
from tidegate.control.api.credentials import vault_of
from tidegate.control.api.desired_entries import OrgExported, OrgSections
from tidegate.control.api.desired_org import org_exported, org_steps
from tidegate.control.api.desired_prices import price_steps
from tidegate.control.api.desired_steps import Planned, Step, adding, applied, planned, removing, replacing, shown
from tidegate.control.api.problem import FieldError, Problem, conflict, invalid, invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.control.desired import CredentialEntry, Exported, entry_of, exported, of_file, reference_of, split
from tidegate.control.problems import ConfigError
from tidegate.control.vault import flaw_of_secret
from tidegate.ir.json import JsonObject
from tidegate.policy.credentials import provider_origin
from tidegate.policy.roles import GATEWAY, Grant
from tidegate.policy.secret import Secret
from tidegate.policy.snapshot import Snapshot
from tidegate.ports import Unsealable
from tidegate.records import Credential, Kept, StoredProvider, StoredRoute

Row = TypeVar("Row", StoredProvider, StoredRoute)
Entries = dict[str, dict[str, Any]]
_SECRET = ("secret",)
_FOR_SECRETS = frozenset(f"credentials:{verb}" for verb in ("create", "edit", "rotate", "delete"))


class DesiredConfiguration(OrgSections, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A section that is there is meant whole: what is not in it is deleted. One that is not there stays as it is. `secrets` are what
    references lead to where this is sent from; one that is not among them stays as it is. Keys, limits, budgets and webhooks are those of
    the organisation `default`."""

    providers: Entries | None = None
    routes: Entries | None = None
    credentials: list[CredentialEntry] | None = None
    prices: dict[str, list[dict[str, Any]]] | None = None


class ExportedConfiguration(OrgExported, frozen=True, omit_defaults=True, kw_only=True):
    """What is served of a gateway's file and database, and the rest of the organisation `default`, as `tidegate apply` takes it."""

    providers: Entries
    routes: Entries
    credentials: list[CredentialEntry]
    prices: dict[str, list[dict[str, Any]]]


async def get_configuration(call: Call, _asked: Nothing) -> ExportedConfiguration:
    found, own = exported(configuration(call).current, await defined(call)), await org_exported(call)
    return ExportedConfiguration(**msgspec.structs.asdict(found), **msgspec.structs.asdict(own))


async def plan_configuration(call: Call, asked: DesiredConfiguration) -> Planned:
    return planned(await _steps(call, asked))


async def apply_configuration(call: Call, asked: DesiredConfiguration) -> Planned:
    return await applied(await _steps(call, asked))


async def _steps(call: Call, asked: DesiredConfiguration) -> list[Step]:
    """In an order in which they can be made. Raises `Problem` for what is wrong with the document."""
    present = await defined(call)
    file = of_file(configuration(call).current)
    keys: dict[str, str] = {}
    wanted: Entries = {}
    for name, given in (asked.providers or {}).items():
        wanted[name], key = split(given)
        if "api_key" in given and key is None:
            raise invalid_field(f"providers.{name}.api_key", "a secret is written `env:NAME` or `file:/path`")
        if key is not None:
            keys[name] = key
    named = None if asked.providers is None else wanted
    providers, of_providers = _rows(call, StoredProvider, named, present.providers, file.providers, provider_entry)
    routes, of_routes = _rows(call, StoredRoute, asked.routes, present.routes, file.routes, route_entry)
    snapshot = await _compiled(call, Kept(providers=providers, routes=routes))
    of_credentials = await _credentials(call, asked, keys, present, file, snapshot)
    of_prices = price_steps(call, asked.prices, present.prices, file.prices, list({**snapshot.upstreams, **snapshot.known}))
    return [*of_providers, *of_routes, *of_credentials, *of_prices, *await org_steps(call, asked)]


async def _compiled(call: Call, kept: Kept) -> Snapshot:
    try:
        return await configuration(call).compiled(kept)
    except ConfigError as error:
        raise invalid(*(FieldError(flaw.where, flaw.message) for flaw in error.problems)) from None


def _rows(
    call: Call,
    kind: type[Row],
    wanted: Entries | None,
    present: tuple[Row, ...],
    file: Entries,
    read: Callable[[str, JsonObject], JsonObject],
) -> tuple[tuple[Row, ...], list[Step]]:
    """The rows as they would be, and the steps to there."""
    if wanted is None:
        return present, []
    what: Literal["provider", "route"] = "provider" if kind is StoredProvider else "route"
    known = {row.name: row for row in present}
    rows: list[Row] = []
    steps: list[Step] = []
    for name, given in wanted.items():
        entry = _read(what, name, given, read) if name not in file else given
        row = known.pop(name, None)
        if name in file:
            if given != file[name]:
                raise conflict(f"The {what} `{name}` is defined by the gateway's own file, and differs there: change it there.")
            continue
        if row is None:
            id = call.new_id("prov" if what == "provider" else "route")
            row = kind(id=id, name=name, entry=entry, created_by=call.actor_name, created_at=call.now, updated_at=call.now)
            steps.append(Step(shown(what, name, None, entry), adding(call, row)))
        elif row.entry != entry:
            before, row = row.entry, msgspec.structs.replace(row, entry=entry)
            steps.append(Step(shown(what, name, before, entry), replacing(call, row, f"{what}.update")))
        rows.append(row)
    steps += [Step(shown(what, row.name, row.entry, None), removing(call, row)) for row in known.values()]
    return tuple(rows), steps


def _read(what: str, name: str, given: JsonObject, read: Callable[[str, JsonObject], JsonObject]) -> JsonObject:
    try:
        return read(name, given)
    except Problem as problem:
        where_it_is = f"{what}s.{name}"
        raise invalid(*(FieldError(where_it_is + error.field.removeprefix("entry"), error.message) for error in problem.errors)) from None


async def _credentials(
    call: Call, asked: DesiredConfiguration, keys: dict[str, str], present: Kept, file: Exported, snapshot: Snapshot
) -> list[Step]:
    wanted: dict[str, CredentialEntry] = {}
    given = [CredentialEntry(name=name, provider=name, reference=key) for name, key in keys.items()]
    for entry in (*given, *(asked.credentials or ())):
        if entry.name in wanted:
            raise invalid_field("credentials", f"there are two called `{entry.name}`")
        wanted[entry.name] = entry
    of_file = {entry.name: entry for entry in file.credentials}
    known = {row.name: row for _, row in present.credentials}
    steps: list[Step] = []
    for name, entry in wanted.items():
        row = known.pop(name, None)
        if row is None and of_file.get(name) == entry:
            continue
        step = await _credential(call, entry, row, asked.secrets.get(entry.reference), provider_origin(snapshot, entry.provider))
        steps += () if step is None else (step,)
    if asked.credentials is not None:
        rest = (row for row in known.values() if of_file.get(row.name) != entry_of(row))
        steps += [Step(shown("credential", row.name, _told(entry_of(row)), None), removing(call, row)) for row in rest]
    if steps:
        call.require_held((Grant(GATEWAY, _FOR_SECRETS),), "A change of credentials")
    return steps


async def _credential(call: Call, entry: CredentialEntry, row: Credential | None, secret: str | None, origin: str | None) -> Step | None:
    if origin is None:
        raise invalid_field("credentials", f"`{entry.name}`: there is no provider `{entry.provider}`")
    flaw = None if secret is None else flaw_of_secret(secret)
    if flaw is not None:
        raise invalid_field("credentials", f"`{entry.name}`: what `{entry.reference}` leads to cannot be a credential: {flaw}")
    before = None if row is None else entry_of(row)
    is_changed = row is None or (row.provider, row.shared) != (entry.provider, entry.shared)
    if row is not None and secret is not None and not is_changed:
        is_changed = row.origin != origin or not await _is(call, row, secret)
    if before == entry and not is_changed:
        return None
    after = _with(call, entry, row, origin if is_changed or row is None else row.origin)
    change = shown(
        "credential",
        entry.name,
        None if before is None else _told(before),
        _told(entry),
        hidden=_SECRET if is_changed and row is not None else (),
    )
    if not is_changed:
        return Step(change, replacing(call, after, "credential.update"))
    if secret is None:
        raise invalid_field(
            "secrets", f"`{entry.reference}` is needed for the credential `{entry.name}`, and leads to nothing where this is sent from"
        )
    if row is None or row.shared != entry.shared:
        fresh = msgspec.structs.replace(after, id=call.new_id("cred"), version=1, revision=1)
        sealed = vault_of(call).seal(call.tenant.org_id, fresh, Secret(secret))
        return Step(change, adding(call, sealed, instead_of=row))
    sealed = vault_of(call).seal(call.tenant.org_id, msgspec.structs.replace(after, version=row.version + 1), Secret(secret))
    return Step(change, replacing(call, sealed, "credential.rotate"))


def _with(call: Call, entry: CredentialEntry, row: Credential | None, origin: str) -> Credential:
    """The row as the document wants it, with the sealed bytes that it has."""
    base = row or Credential(
        id="", name=entry.name, provider=entry.provider, origin=origin, created_by=call.actor_name, created_at=call.now, updated_at=call.now
    )
    return msgspec.structs.replace(
        base,
        provider=entry.provider,
        origin=origin,
        shared=entry.shared,
        weight=entry.weight,
        limits=entry.limits or None,
        reference="" if entry.reference == reference_of(entry.name) else entry.reference,
        disabled_at=(base.disabled_at or call.now) if entry.disabled else None,
    )


async def _is(call: Call, row: Credential, secret: str) -> bool:
    """Whether the secret is the one that is stored."""
    sealed = await call.view.sealed(row.id)
    try:
        return vault_of(call).open(call.tenant.org_id, msgspec.structs.replace(row, sealed=sealed or b"")).reveal() == secret
    except Unsealable:
        return False


def _told(entry: CredentialEntry) -> JsonObject:
    found: JsonObject = msgspec.to_builtins(entry)
    return found


ROUTES = (
    Route(
        method="GET",
        path="/configuration",
        name="get_configuration",
        permission="config:read",
        where=where.gateway,
        answer=ExportedConfiguration,
        handler=get_configuration,
        summary="What the file and the database define, as a document; secrets by reference.",
    ),
    Route(
        method="POST",
        path="/configuration/plan",
        name="plan_configuration",
        permission="config:edit",
        where=where.gateway,
        asked=DesiredConfiguration,
        answer=Planned,
        handler=plan_configuration,
        reads=True,
        summary="What a document would change in the database.",
    ),
    Route(
        method="POST",
        path="/configuration/apply",
        name="apply_configuration",
        permission="config:edit",
        where=where.gateway,
        asked=DesiredConfiguration,
        answer=Planned,
        handler=apply_configuration,
        summary="Make the database say what a document says: all of it, or nothing.",
    ),
)
