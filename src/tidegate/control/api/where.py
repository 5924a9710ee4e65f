"""The scopes on which routes need their permissions. Each is asked with the call and with what was sent, and may read the tenant's rows."""

from typing import Any

from tidegate.control.api.call import Call
from tidegate.policy.roles import GATEWAY, org_scope, team_scope
from tidegate.records import DEFAULT_ORG, ApiKey, Team


async def gateway(_call: Call, _asked: Any) -> str:
    return GATEWAY


async def organisation(call: Call, _asked: Any) -> str:
    """The path's organisation, or the caller's own where the path names none."""
    return org_scope(call.tenant.org_id)


async def team(call: Call, _asked: Any) -> str:
    """The team of the path."""
    found = await call.load(Team, call.params["team"])
    return team_scope(call.tenant.org_id, found.id)


async def key(call: Call, _asked: Any) -> str:
    """The team of the path's key."""
    found = await call.load(ApiKey, call.params["key"])
    return team_scope(call.tenant.org_id, found.team_id)


async def team_asked_for(call: Call, asked: Any) -> str:
    """The team that a list is filtered by, else the organisation."""
    team_id: str | None = asked.team_id
    if team_id is not None:
        await call.load(Team, team_id)
    return team_scope(call.tenant.org_id, team_id)


async def billing(call: Call, _asked: Any) -> str:
    """The organisation; of the organisation `default` the gateway, because its customers may be other organisations."""
    return GATEWAY if call.tenant.org_id == DEFAULT_ORG else org_scope(call.tenant.org_id)
