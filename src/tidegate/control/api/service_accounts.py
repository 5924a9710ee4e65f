"""Service accounts: the programs of an organisation, or of one of its teams."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import Id, Name, moment, moment_or_none
from tidegate.control.api.identify import grants_of
from tidegate.control.api.owners import keep_an_owner
from tidegate.control.api.pagination import Listing, Paged
from tidegate.control.api.problem import invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.policy.roles import team_scope
from tidegate.records import ServiceAccount, Team


class ServiceAccountView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    team_id: str | None
    disabled_at: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: int


class NewServiceAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name
    team_id: Id | None = None


class ServiceAccountEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only what is given is changed."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET


class ServiceAccountQuery(Paged, frozen=True, forbid_unknown_fields=True, kw_only=True):
    team_id: Id | None = None


async def at_account(call: Call, _asked: Any) -> str:
    """The team of the path's service account."""
    found = await call.load(ServiceAccount, call.params["service_account"])
    return team_scope(call.tenant.org_id, found.team_id)


async def at_new_account(call: Call, asked: NewServiceAccount) -> str:
    if asked.team_id is not None and await call.view.get(Team, asked.team_id) is None:
        raise invalid_field("team_id", "there is no such team")
    return team_scope(call.tenant.org_id, asked.team_id)


async def list_accounts(call: Call, asked: ServiceAccountQuery) -> Listing[ServiceAccountView]:
    return await call.page("service-accounts", ServiceAccount, asked, {"team_id": asked.team_id}, _show)


async def create_account(call: Call, asked: NewServiceAccount) -> ServiceAccountView:
    row = ServiceAccount(id=call.new_id("sa"), name=asked.name, team_id=asked.team_id, created_at=call.now, updated_at=call.now)
    await call.change.add(row)
    return _show(row)


async def get_account(call: Call, _asked: Nothing) -> ServiceAccountView:
    return _show(await call.load(ServiceAccount, call.params["service_account"]))


async def edit_account(call: Call, asked: ServiceAccountEdit) -> ServiceAccountView:
    row = await call.load(ServiceAccount, call.params["service_account"])
    call.check_revision(row.revision)
    call.require_held(await grants_of(call.view, call.tenant, "service_account", row.id), "This service account")
    if asked.name is not msgspec.UNSET:
        row = msgspec.structs.replace(row, name=asked.name)
    if asked.disabled is not msgspec.UNSET:
        if asked.disabled:
            await keep_an_owner(call, without_subject=("service_account", row.id))
        row = msgspec.structs.replace(row, disabled_at=(row.disabled_at or call.now) if asked.disabled else None)
    return _show(await call.change.replace(row, "service_account.update"))


def _show(row: ServiceAccount) -> ServiceAccountView:
    return ServiceAccountView(
        id=row.id,
        name=row.name,
        team_id=row.team_id,
        disabled_at=moment_or_none(row.disabled_at),
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        revision=row.revision,
    )


ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/service-accounts",
        name="list_service_accounts",
        permission="service_accounts:read",
        where=where.team_asked_for,
        asked=ServiceAccountQuery,
        answer=Listing[ServiceAccountView],
        handler=list_accounts,
        summary="The service accounts of an organisation, or of a team.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/service-accounts",
        name="create_service_account",
        permission="service_accounts:create",
        where=at_new_account,
        asked=NewServiceAccount,
        answer=ServiceAccountView,
        status=HTTPStatus.CREATED,
        handler=create_account,
        summary="Add a service account, which may do nothing yet.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/service-accounts/{service_account}",
        name="get_service_account",
        permission="service_accounts:read",
        where=at_account,
        answer=ServiceAccountView,
        handler=get_account,
        summary="One service account.",
    ),
    Route(
        method="PATCH",
        path="/orgs/{org}/service-accounts/{service_account}",
        name="edit_service_account",
        permission="service_accounts:edit",
        where=at_account,
        asked=ServiceAccountEdit,
        answer=ServiceAccountView,
        handler=edit_account,
        summary="Rename, disable or enable a service account.",
    ),
)
