"""Organisations: the tenants. The operator makes and disables them; each one renames itself."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import msgspec

from tidegate.control import forms
from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import Name, moment, moment_or_none
from tidegate.control.api.pagination import Listing, Paged
from tidegate.control.api.problem import invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.policy.roles import GATEWAY, allows
from tidegate.records import DEFAULT_ORG, EVERYONE, Organisation

OrgId = Annotated[str, msgspec.Meta(pattern=forms.ORG_ID, description="Small letters, digits and dashes.")]


class OrgView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    disabled_at: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: int


class NewOrg(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Without an `id`, one is drawn."""

    name: Name
    id: OrgId | None = None


class OrgEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name | msgspec.UnsetType = msgspec.UNSET


async def list_orgs(call: Call, asked: Paged) -> Listing[OrgView]:
    """All of them for the operator, else the caller's own."""
    if not allows(call.caller.grants, "orgs:read", GATEWAY):
        return await call.page("own-org", Organisation, asked, {}, _show)
    async with call.services.store.view(EVERYONE) as everyone:
        return await call.page("orgs", Organisation, asked, {}, _show, view=everyone)


async def create_org(call: Call, asked: NewOrg) -> OrgView:
    id = asked.id if asked.id is not None else call.new_id("org")
    row = Organisation(org_id=id, name=asked.name, created_at=call.now, updated_at=call.now)
    await call.change.add_organisation(row)
    return _show(row)


async def get_org(call: Call, _asked: Nothing) -> OrgView:
    return _show(await call.load(Organisation))


async def edit_org(call: Call, asked: OrgEdit) -> OrgView:
    row = await call.load(Organisation)
    call.check_revision(row.revision)
    if asked.name is not msgspec.UNSET:
        row = msgspec.structs.replace(row, name=asked.name)
    return _show(await call.change.replace(row, "org.update"))


async def disable_org(call: Call, _asked: Nothing) -> OrgView:
    """Every key of it stops, also its admins'."""
    if call.tenant.org_id == DEFAULT_ORG:
        raise invalid_field("org", "the organisation `default` cannot be disabled")
    row = await call.load(Organisation)
    return _show(await call.change.replace(msgspec.structs.replace(row, disabled_at=row.disabled_at or call.now), "org.disable"))


async def enable_org(call: Call, _asked: Nothing) -> OrgView:
    row = await call.load(Organisation)
    return _show(await call.change.replace(msgspec.structs.replace(row, disabled_at=None), "org.enable"))


def _show(row: Organisation) -> OrgView:
    return OrgView(
        id=row.org_id,
        name=row.name,
        disabled_at=moment_or_none(row.disabled_at),
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        revision=row.revision,
    )


ROUTES = (
    Route(
        method="GET",
        path="/orgs",
        name="list_orgs",
        permission="orgs:read",
        where=where.organisation,
        asked=Paged,
        answer=Listing[OrgView],
        handler=list_orgs,
        summary="The organisations that the caller may see.",
    ),
    Route(
        method="POST",
        path="/orgs",
        name="create_org",
        permission="orgs:create",
        where=where.gateway,
        asked=NewOrg,
        answer=OrgView,
        status=HTTPStatus.CREATED,
        handler=create_org,
        summary="Make an organisation.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}",
        name="get_org",
        permission="orgs:read",
        where=where.organisation,
        answer=OrgView,
        handler=get_org,
        summary="One organisation.",
    ),
    Route(
        method="PATCH",
        path="/orgs/{org}",
        name="edit_org",
        permission="orgs:edit",
        where=where.organisation,
        asked=OrgEdit,
        answer=OrgView,
        handler=edit_org,
        summary="Rename an organisation.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/disable",
        name="disable_org",
        permission="orgs:edit",
        where=where.gateway,
        answer=OrgView,
        handler=disable_org,
        summary="Stop every key of an organisation.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/enable",
        name="enable_org",
        permission="orgs:edit",
        where=where.gateway,
        answer=OrgView,
        handler=enable_org,
        summary="Let an organisation's keys work again.",
    ),
)
