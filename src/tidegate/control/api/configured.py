"""Providers and routes: those that the database defines are made and edited here, those of a gateway's own file and environment are shown.

Nothing is stored that would not compile together with the file of the gateway that is asked: what is wrong is told by field.
"""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from tidegate.control.api import where
from tidegate.control.api.call import Call, Configuration
from tidegate.control.api.fields import Name, moment_or_none
from tidegate.control.api.pagination import Listing
from tidegate.control.api.problem import FieldError, Problem, conflict, invalid
from tidegate.control.api.table import Nothing, Route
from tidegate.control.entries import plain, told
from tidegate.control.kept import PLACE, read_provider, read_route
from tidegate.control.load import Loaded
from tidegate.control.problems import ConfigError, Problems, shown
from tidegate.control.problems import Problem as Flaw
from tidegate.ir.json import JsonObject
from tidegate.policy.snapshot import Snapshot
from tidegate.records import DEFAULT_ORG, Credential, Kept, StoredPrice, StoredProvider, StoredRoute

Source = Literal["file", "environment", "database"]
Entry = Annotated[dict[str, Any], Meta(description="Its settings, as in tidegate.yaml.")]
Row = TypeVar("Row", StoredProvider, StoredRoute)


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """Only those of the source `database` have an `id` and can be edited here; the others are the gateway's own file or environment.
    `missing` says what a provider lacks to be called."""

    id: str | None
    name: str
    source: Source
    entry: dict[str, Any]
    base_url: str | None
    missing: str | None
    created_at: datetime | None
    updated_at: datetime | None
    revision: int


class RouteView(msgspec.Struct, frozen=True, kw_only=True):
    """Only those of the source `database` have an `id` and can be edited here."""

    id: str | None
    name: str
    source: Source
    entry: dict[str, Any]
    created_at: datetime | None
    updated_at: datetime | None
    revision: int


class NewProvider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Its credential is stored apart, at `/orgs/{org}/credentials`."""

    name: Name
    entry: Entry


class NewRoute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name
    entry: Entry


class EntryEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings that take the place of the present ones, whole."""

    entry: Entry


async def list_providers(call: Call, _asked: Nothing) -> Listing[ProviderView]:
    live = configuration(call).current
    rows = {row.name: row for row in await call.all(StoredProvider)}
    names = dict.fromkeys((*live.config.providers, *rows, *live.snapshot.upstreams))
    return Listing(items=[_provider(name, rows.get(name), live, live.snapshot) for name in names])


async def list_routes(call: Call, _asked: Nothing) -> Listing[RouteView]:
    live = configuration(call).current
    of_file = [
        RouteView(id=None, name=name, source="file", entry=told(entry), created_at=None, updated_at=None, revision=0)
        for name, entry in live.config.routes.items()
    ]
    rows = [_route(row) for row in await call.all(StoredRoute) if row.name not in live.config.routes]
    return Listing(items=of_file + rows)


async def get_provider(call: Call, _asked: Nothing) -> ProviderView:
    live = configuration(call).current
    row = await call.load(StoredProvider, call.params["provider"])
    return _provider(row.name, row, live, live.snapshot)


async def get_route(call: Call, _asked: Nothing) -> RouteView:
    return _route(await call.load(StoredRoute, call.params["route"]))


async def create_provider(call: Call, asked: NewProvider) -> ProviderView:
    live = configuration(call).current
    _refuse_taken(live, "providers", asked.name)
    row = _new(call, StoredProvider, "prov", asked.name, provider_entry(asked.name, asked.entry))
    kept = await defined(call)
    snapshot = await would_be(call, kept, msgspec.structs.replace(kept, providers=(*kept.providers, row)), ("providers", asked.name))
    await call.change.add(row)
    return _provider(row.name, row, live, snapshot)


async def create_route(call: Call, asked: NewRoute) -> RouteView:
    _refuse_taken(configuration(call).current, "routes", asked.name)
    row = _new(call, StoredRoute, "route", asked.name, route_entry(asked.name, asked.entry))
    kept = await defined(call)
    await would_be(call, kept, msgspec.structs.replace(kept, routes=(*kept.routes, row)), ("routes", asked.name))
    await call.change.add(row)
    return _route(row)


async def edit_provider(call: Call, asked: EntryEdit) -> ProviderView:
    row = await call.load(StoredProvider, call.params["provider"])
    call.check_revision(row.revision)
    row = msgspec.structs.replace(row, entry=provider_entry(row.name, asked.entry))
    kept = await defined(call)
    after = msgspec.structs.replace(kept, providers=_with(kept.providers, row))
    snapshot = await would_be(call, kept, after, ("providers", row.name))
    row = await call.change.replace(row, "provider.update")
    return _provider(row.name, row, configuration(call).current, snapshot)


async def edit_route(call: Call, asked: EntryEdit) -> RouteView:
    row = await call.load(StoredRoute, call.params["route"])
    call.check_revision(row.revision)
    row = msgspec.structs.replace(row, entry=route_entry(row.name, asked.entry))
    kept = await defined(call)
    await would_be(call, kept, msgspec.structs.replace(kept, routes=_with(kept.routes, row)), ("routes", row.name))
    return _route(await call.change.replace(row, "route.update"))


async def delete_provider(call: Call, _asked: Nothing) -> None:
    row = await call.load(StoredProvider, call.params["provider"])
    kept = await defined(call)
    after = msgspec.structs.replace(kept, providers=tuple(other for other in kept.providers if other.id != row.id))
    await would_be(call, kept, after, ("providers", row.name))
    await call.change.remove(row)


async def delete_route(call: Call, _asked: Nothing) -> None:
    await call.change.remove(await call.load(StoredRoute, call.params["route"]))


def configuration(call: Call) -> Configuration:
    """Raises `Problem` where none is served."""
    if call.services.configuration is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "no-configuration", "This gateway serves no configuration.")
    return call.services.configuration


async def defined(call: Call) -> Kept:
    """What the database defines; credentials without their secrets."""
    credentials = tuple((DEFAULT_ORG, row) for row in await call.all(Credential))
    return Kept(
        providers=tuple(await call.all(StoredProvider)),
        routes=tuple(await call.all(StoredRoute)),
        credentials=credentials,
        prices=tuple(await call.all(StoredPrice)),
    )


def provider_entry(name: str, entry: JsonObject) -> JsonObject:
    """As it is kept. Raises `Problem`."""
    problems = Problems(PLACE)
    found = read_provider(entry, ("providers", name), problems)
    if found is None:
        raise _by_field(problems.errors, ("providers", name))
    return plain(found)


def route_entry(name: str, entry: JsonObject) -> JsonObject:
    """As it is kept. Raises `Problem`."""
    problems = Problems(PLACE)
    found = read_route(entry, ("routes", name), problems)
    if found is None:
        raise _by_field(problems.errors, ("routes", name))
    return plain(found)


async def would_be(call: Call, before: Kept, after: Kept, place: tuple[str, str] | None = None) -> Snapshot:
    """What would be served. Raises `Problem` for what is wrong with the row at `place`, or is wrong with others that were right before."""
    served = configuration(call)
    try:
        return await served.compiled(msgspec.structs.replace(after, credentials=()))
    except ConfigError as error:
        found = error.problems
    if place is not None:
        own = [flaw for flaw in found if _is_at(flaw, place)]
        if own:
            raise _by_field(own, place)
    try:
        await served.compiled(msgspec.structs.replace(before, credentials=()))
        known: frozenset[Flaw] = frozenset()
    except ConfigError as error:
        known = frozenset(error.problems)
    broken = [flaw for flaw in found if flaw not in known] or list(found)
    raise conflict("This would break other parts of the configuration: " + "; ".join(f"{flaw.where}: {flaw.message}" for flaw in broken))


def _is_at(flaw: Flaw, place: tuple[str, str]) -> bool:
    text = shown(place)
    return flaw.where == text or flaw.where.startswith((text + ".", text + "["))


def _by_field(flaws: Sequence[Flaw], place: tuple[str, str]) -> Problem:
    text = shown(place)
    return invalid(*(FieldError("entry" + flaw.where.removeprefix(text), flaw.message) for flaw in flaws))


def _refuse_taken(live: Loaded, section: Literal["providers", "routes"], name: str) -> None:
    taken = live.config.providers if section == "providers" else live.config.routes
    if name in taken:
        file = live.config_file.name if live.config_file is not None else "the configuration file"
        raise conflict(f"`{name}` is defined by {file}, which goes before the database: change it there, or take another name.")


def _new(call: Call, kind: type[Row], prefix: str, name: str, entry: JsonObject) -> Row:
    return kind(id=call.new_id(prefix), name=name, entry=entry, created_by=call.actor_name, created_at=call.now, updated_at=call.now)


def _with(rows: tuple[Row, ...], row: Row) -> tuple[Row, ...]:
    return tuple(row if other.id == row.id else other for other in rows)


def _provider(name: str, row: StoredProvider | None, live: Loaded, snapshot: Snapshot) -> ProviderView:
    upstream = snapshot.upstreams.get(name)
    own = live.config.providers.get(name)
    if own is not None:
        row = None
    return ProviderView(
        id=None if row is None else row.id,
        name=name,
        source="file" if own is not None else "environment" if row is None else "database",
        entry=told(own) if own is not None else row.entry if row is not None else {},
        base_url=None if upstream is None else upstream.base_url or None,
        missing=None if upstream is None else upstream.missing,
        created_at=None if row is None else moment_or_none(row.created_at),
        updated_at=None if row is None else moment_or_none(row.updated_at),
        revision=0 if row is None else row.revision,
    )


def _route(row: StoredRoute) -> RouteView:
    return RouteView(
        id=row.id,
        name=row.name,
        source="database",
        entry=row.entry,
        created_at=moment_or_none(row.created_at),
        updated_at=moment_or_none(row.updated_at),
        revision=row.revision,
    )


def _routes(
    kind: str, one: str, view: type[msgspec.Struct], new: type[msgspec.Struct], handlers: tuple[Any, Any, Any, Any, Any]
) -> tuple[Route, ...]:
    every, make, get, edit, delete = handlers
    path = f"/{kind}s/{{{kind}}}"
    return (
        Route(
            method="GET",
            path=f"/{kind}s",
            name=f"list_{kind}s",
            permission="config:read",
            where=where.gateway,
            answer=Listing[view],
            handler=every,
            summary=f"All {kind}s in one page: of the gateway's own file, which are read only, and of the database.",
        ),
        Route(
            method="POST",
            path=f"/{kind}s",
            name=f"create_{kind}",
            permission="config:edit",
            where=where.gateway,
            asked=new,
            answer=view,
            status=HTTPStatus.CREATED,
            handler=make,
            summary=f"Make {one}.",
        ),
        Route(
            method="GET",
            path=path,
            name=f"get_{kind}",
            permission="config:read",
            where=where.gateway,
            answer=view,
            handler=get,
            summary=f"{one.capitalize()} of the database.",
        ),
        Route(
            method="PATCH",
            path=path,
            name=f"edit_{kind}",
            permission="config:edit",
            where=where.gateway,
            asked=EntryEdit,
            answer=view,
            handler=edit,
            summary=f"Give {one} of the database other settings.",
        ),
        Route(
            method="DELETE",
            path=path,
            name=f"delete_{kind}",
            permission="config:edit",
            where=where.gateway,
            status=HTTPStatus.NO_CONTENT,
            handler=delete,
            summary=f"Delete {one} of the database.",
        ),
    )


ROUTES = (
    *_routes(
        "provider",
        "a provider",
        ProviderView,
        NewProvider,
        (list_providers, create_provider, get_provider, edit_provider, delete_provider),
    ),
    *_routes("route", "a route", RouteView, NewRoute, (list_routes, create_route, get_route, edit_route, delete_route)),
)
