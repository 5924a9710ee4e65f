"""Who am I, and what may I do: for the command line and the panel."""

from datetime import datetime

import msgspec

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import moment_or_none
from tidegate.control.api.table import AUTHENTICATED, Nothing, Route


class HeldView(msgspec.Struct, frozen=True, kw_only=True):
    scope: str
    permissions: list[str]


class MeView(msgspec.Struct, frozen=True, kw_only=True):
    org_id: str
    kind: str
    id: str
    key_id: str
    expires_at: datetime | None
    held: list[HeldView]


async def get_me(call: Call, _asked: Nothing) -> MeView:
    caller = call.caller
    return MeView(
        org_id=caller.tenant.org_id,
        kind=caller.kind,
        id=caller.id,
        key_id=caller.key.id,
        expires_at=moment_or_none(caller.key.expires_at),
        held=[HeldView(scope=held.scope, permissions=sorted(held.permissions)) for held in caller.grants],
    )


ROUTES = (
    Route(
        method="GET",
        path="/me",
        name="get_me",
        permission=AUTHENTICATED,
        where=where.organisation,
        answer=MeView,
        handler=get_me,
        summary="Who asks, and what they hold.",
    ),
)
