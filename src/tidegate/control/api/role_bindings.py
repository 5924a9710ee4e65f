"""Role bindings: who holds which role on which scope. Nobody gives or withdraws more than they hold."""

from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal

import msgspec

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import Id, Short, moment
from tidegate.control.api.owners import keep_an_owner
from tidegate.control.api.pagination import Listing, Paged
from tidegate.control.api.problem import invalid_field
from tidegate.control.api.table import AUTHENTICATED, Nothing, Route
from tidegate.policy.roles import GATEWAY, ROLES, flaw_of_scope, grant, org_scope, within
from tidegate.records import DEFAULT_ORG, RoleBinding, ServiceAccount, Team, User

RoleName = Literal["owner", "admin", "key-custodian", "billing", "developer", "auditor", "viewer", "service"]
SubjectKind = Literal["user", "service_account"]


class BindingView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    subject_kind: str
    subject_id: str
    role: str
    scope: str
    created_by: str
    created_at: datetime


class NewBinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`scope` is `org/<id>`, `org/<id>/team/<id>` or, for the operator, `gateway`; the organisation where it is not given."""

    subject_kind: SubjectKind
    subject_id: Id
    role: RoleName
    scope: Short | None = None


class BindingQuery(Paged, frozen=True, forbid_unknown_fields=True, kw_only=True):
    subject_kind: SubjectKind | None = None
    subject_id: Id | None = None
    role: RoleName | None = None


class RoleView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    permissions: list[str]


async def at_binding(call: Call, _asked: Any) -> str:
    return (await call.load(RoleBinding, call.params["binding"])).scope


async def at_new_binding(call: Call, asked: NewBinding) -> str:
    """The scope that the role is for. Raises `Problem` for one that is not this organisation's."""
    own = org_scope(call.tenant.org_id)
    scope = asked.scope or own
    if flaw := flaw_of_scope(scope):
        raise invalid_field("scope", flaw)
    if not within(scope, own) and not (scope == GATEWAY and call.tenant.org_id == DEFAULT_ORG):
        raise invalid_field("scope", f"it is not within `{own}`")
    _, _, team_id = scope.partition("/team/")
    if team_id and await call.view.get(Team, team_id) is None:
        raise invalid_field("scope", "there is no such team")
    return scope


async def list_bindings(call: Call, asked: BindingQuery) -> Listing[BindingView]:
    only = {"subject_kind": asked.subject_kind, "subject_id": asked.subject_id, "role": asked.role}
    return await call.page("role-bindings", RoleBinding, asked, only, _show)


async def create_binding(call: Call, asked: NewBinding) -> BindingView:
    match asked.subject_kind:
        case "user":
            subject = await call.view.get(User, asked.subject_id)
        case "service_account":
            subject = await call.view.get(ServiceAccount, asked.subject_id)
    if subject is None:
        raise invalid_field("subject_id", "there is nobody of this kind with this id")
    scope = await at_new_binding(call, asked)
    call.require_held((grant(asked.role, scope),), f"The role `{asked.role}`")
    row = RoleBinding(
        id=call.new_id("rb"),
        subject_kind=asked.subject_kind,
        subject_id=asked.subject_id,
        role=asked.role,
        scope=scope,
        created_by=call.actor_name,
        created_at=call.now,
    )
    await call.change.add(row)
    return _show(row)


async def get_binding(call: Call, _asked: Nothing) -> BindingView:
    return _show(await call.load(RoleBinding, call.params["binding"]))


async def delete_binding(call: Call, _asked: Nothing) -> None:
    row = await call.load(RoleBinding, call.params["binding"])
    call.require_held((grant(row.role, row.scope),), f"The role `{row.role}`")
    await keep_an_owner(call, without_binding=row.id)
    await call.change.remove(row)


async def list_roles(_call: Call, _asked: Nothing) -> Listing[RoleView]:
    return Listing(items=[RoleView(name=name, permissions=sorted(permissions)) for name, permissions in ROLES.items()])


def _show(row: RoleBinding) -> BindingView:
    return BindingView(
        id=row.id,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        role=row.role,
        scope=row.scope,
        created_by=row.created_by,
        created_at=moment(row.created_at),
    )


ROUTES = (
    Route(
        method="GET",
        path="/roles",
        name="list_roles",
        permission=AUTHENTICATED,
        where=where.organisation,
        answer=Listing[RoleView],
        handler=list_roles,
        summary="The roles and what each may do.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/role-bindings",
        name="list_role_bindings",
        permission="roles:read",
        where=where.organisation,
        asked=BindingQuery,
        answer=Listing[BindingView],
        handler=list_bindings,
        summary="Who holds which role on which scope.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/role-bindings",
        name="create_role_binding",
        permission="roles:grant",
        where=at_new_binding,
        asked=NewBinding,
        answer=BindingView,
        status=HTTPStatus.CREATED,
        handler=create_binding,
        summary="Give somebody a role on a scope.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/role-bindings/{binding}",
        name="get_role_binding",
        permission="roles:read",
        where=where.organisation,
        answer=BindingView,
        handler=get_binding,
        summary="One role binding.",
    ),
    Route(
        method="DELETE",
        path="/orgs/{org}/role-bindings/{binding}",
        name="delete_role_binding",
        permission="roles:withdraw",
        where=at_binding,
        status=HTTPStatus.NO_CONTENT,
        handler=delete_binding,
        summary="Withdraw a role.",
    ),
)
