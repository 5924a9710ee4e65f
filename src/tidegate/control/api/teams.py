"""Teams and who is in them. Membership says whose usage may be a team's; what somebody may do is said by role bindings alone."""

from datetime import datetime
from http import HTTPStatus

import msgspec

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import Id, Name, moment, moment_or_none
from tidegate.control.api.pagination import Listing, Paged
from tidegate.control.api.problem import invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.records import Team, TeamMember, User


class TeamView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    disabled_at: datetime | None
    created_at: datetime
    updated_at: datetime
    revision: int


class NewTeam(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: Name


class TeamEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only what is given is changed."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    created_at: datetime


class NewMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    user_id: Id


async def list_teams(call: Call, asked: Paged) -> Listing[TeamView]:
    return await call.page("teams", Team, asked, {}, _show)


async def create_team(call: Call, asked: NewTeam) -> TeamView:
    row = Team(id=call.new_id("team"), name=asked.name, created_at=call.now, updated_at=call.now)
    await call.change.add(row)
    return _show(row)


async def get_team(call: Call, _asked: Nothing) -> TeamView:
    return _show(await call.load(Team, call.params["team"]))


async def edit_team(call: Call, asked: TeamEdit) -> TeamView:
    row = await call.load(Team, call.params["team"])
    call.check_revision(row.revision)
    if asked.name is not msgspec.UNSET:
        row = msgspec.structs.replace(row, name=asked.name)
    if asked.disabled is not msgspec.UNSET:
        row = msgspec.structs.replace(row, disabled_at=(row.disabled_at or call.now) if asked.disabled else None)
    return _show(await call.change.replace(row, "team.update"))


async def list_members(call: Call, asked: Paged) -> Listing[MemberView]:
    return await call.page("members", TeamMember, asked, {"team_id": call.params["team"]}, _show_member)


async def add_member(call: Call, asked: NewMember) -> MemberView:
    if await call.view.get(User, asked.user_id) is None:
        raise invalid_field("user_id", "there is no such user")
    team_id = call.params["team"]
    row = await call.view.get(TeamMember, team_id, asked.user_id)
    if row is None:
        row = TeamMember(team_id=team_id, user_id=asked.user_id, created_at=call.now)
        await call.change.add(row)
    return _show_member(row)


async def remove_member(call: Call, _asked: Nothing) -> None:
    await call.change.remove(await call.load(TeamMember, call.params["team"], call.params["user"]))


def _show(row: Team) -> TeamView:
    return TeamView(
        id=row.id,
        name=row.name,
        disabled_at=moment_or_none(row.disabled_at),
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        revision=row.revision,
    )


def _show_member(row: TeamMember) -> MemberView:
    return MemberView(user_id=row.user_id, created_at=moment(row.created_at))


ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/teams",
        name="list_teams",
        permission="teams:read",
        where=where.organisation,
        asked=Paged,
        answer=Listing[TeamView],
        handler=list_teams,
        summary="The teams of an organisation.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/teams",
        name="create_team",
        permission="teams:create",
        where=where.organisation,
        asked=NewTeam,
        answer=TeamView,
        status=HTTPStatus.CREATED,
        handler=create_team,
        summary="Make a team.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/teams/{team}",
        name="get_team",
        permission="teams:read",
        where=where.team,
        answer=TeamView,
        handler=get_team,
        summary="One team.",
    ),
    Route(
        method="PATCH",
        path="/orgs/{org}/teams/{team}",
        name="edit_team",
        permission="teams:edit",
        where=where.team,
        asked=TeamEdit,
        answer=TeamView,
        handler=edit_team,
        summary="Rename, disable or enable a team.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/teams/{team}/members",
        name="list_members",
        permission="teams:read",
        where=where.team,
        asked=Paged,
        answer=Listing[MemberView],
        handler=list_members,
        summary="Who is in a team.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/teams/{team}/members",
        name="add_member",
        permission="teams:edit",
        where=where.team,
        asked=NewMember,
        answer=MemberView,
        status=HTTPStatus.CREATED,
        handler=add_member,
        summary="Put a user into a team.",
    ),
    Route(
        method="DELETE",
        path="/orgs/{org}/teams/{team}/members/{user}",
        name="remove_member",
        permission="teams:edit",
        where=where.team,
        status=HTTPStatus.NO_CONTENT,
        handler=remove_member,
        summary="Take a user out of a team.",
    ),
)
