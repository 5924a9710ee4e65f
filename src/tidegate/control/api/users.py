"""Users: the people of an organisation."""

from datetime import datetime
from http import HTTPStatus

import msgspec

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import Email, Name, moment, moment_or_none
from tidegate.control.api.identify import grants_of
from tidegate.control.api.owners import keep_an_owner
from tidegate.control.api.pagination import Listing, Paged
from tidegate.control.api.table import Nothing, Route
from tidegate.records import User


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    email: str | None
    disabled_at: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: int


class NewUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name
    email: Email | None = None


class UserEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only what is given is changed. Whoever is disabled has no key that works in the control API."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    email: Email | msgspec.UnsetType | None = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET


class UserQuery(Paged, frozen=True, forbid_unknown_fields=True, kw_only=True):
    email: Email | None = None


async def list_users(call: Call, asked: UserQuery) -> Listing[UserView]:
    return await call.page("users", User, asked, {"email": asked.email}, _show)


async def create_user(call: Call, asked: NewUser) -> UserView:
    row = User(id=call.new_id("user"), name=asked.name, email=asked.email, created_at=call.now, updated_at=call.now)
    await call.change.add(row)
    return _show(row)


async def get_user(call: Call, _asked: Nothing) -> UserView:
    return _show(await call.load(User, call.params["user"]))


async def edit_user(call: Call, asked: UserEdit) -> UserView:
    row = await call.load(User, call.params["user"])
    call.check_revision(row.revision)
    call.require_held(await grants_of(call.view, call.tenant, "user", row.id), "This user")
    if asked.name is not msgspec.UNSET:
        row = msgspec.structs.replace(row, name=asked.name)
    if asked.email is not msgspec.UNSET:
        row = msgspec.structs.replace(row, email=asked.email)
    if asked.disabled is not msgspec.UNSET:
        if asked.disabled:
            await keep_an_owner(call, without_subject=("user", row.id))
        row = msgspec.structs.replace(row, disabled_at=(row.disabled_at or call.now) if asked.disabled else None)
    return _show(await call.change.replace(row, "user.update"))


def _show(row: User) -> UserView:
    return UserView(
        id=row.id,
        name=row.name,
        email=row.email,
        disabled_at=moment_or_none(row.disabled_at),
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        revision=row.revision,
    )


ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/users",
        name="list_users",
        permission="users:read",
        where=where.organisation,
        asked=UserQuery,
        answer=Listing[UserView],
        handler=list_users,
        summary="The users of an organisation.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/users",
        name="create_user",
        permission="users:create",
        where=where.organisation,
        asked=NewUser,
        answer=UserView,
        status=HTTPStatus.CREATED,
        handler=create_user,
        summary="Add a user, who may do nothing yet.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/users/{user}",
        name="get_user",
        permission="users:read",
        where=where.organisation,
        answer=UserView,
        handler=get_user,
        summary="One user.",
    ),
    Route(
        method="PATCH",
        path="/orgs/{org}/users/{user}",
        name="edit_user",
        permission="users:edit",
        where=where.organisation,
        asked=UserEdit,
        answer=UserView,
        handler=edit_user,
        summary="Rename, disable or enable a user.",
    ),
)
