"""Keys: made, shown without what could be used, edited, rotated, disabled, revoked. A token is in one answer only, when it is made.

No key reaches further than the one that makes or changes it, and nobody gets a token of somebody who holds more: both are checked on what
would be stored.
"""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import msgspec

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import in_reach, microseconds, moment, moment_or_none
from tidegate.control.api.identify import bounds_of, grants_of
from tidegate.control.api.key_fields import KeyEdit, KeyQuery, KeyView, MadeKey, NewKey, OwnerKind, Rotation, check
from tidegate.control.api.pagination import Listing
from tidegate.control.api.problem import FieldError, conflict, forbidden, invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.control.key_rotation import carry_limits
from tidegate.control.key_state import flaw_of_rotation, state_of, successor, with_token
from tidegate.policy.bounds import Hours, wider
from tidegate.policy.keys import ID_LENGTH, SECRET_LENGTH
from tidegate.policy.roles import allows, org_scope, team_scope
from tidegate.policy.signed import secret_of
from tidegate.records import ApiKey, ServiceAccount, Team, TeamMember, User

DEFAULT_LIFETIME = timedelta(days=90) // timedelta(microseconds=1)


class Owner(msgspec.Struct, frozen=True):
    """Whose a key is; `team_id` and `user_id` are where its usage goes."""

    kind: OwnerKind
    id: str
    team_id: str | None
    user_id: str | None


async def at_new_key(call: Call, asked: NewKey) -> str:
    owner = await _owner(call, asked)
    return team_scope(call.tenant.org_id, owner.team_id)


async def list_keys(call: Call, asked: KeyQuery) -> Listing[KeyView]:
    only = {
        "team_id": asked.team_id,
        "env": asked.env,
        "owner_kind": asked.owner_kind,
        "owner_id": asked.owner_id,
        "user_id": asked.user_id,
    }
    return await call.page("keys", ApiKey, asked, only, lambda row: _show(row, call.now), state=asked.state)


async def create_key(call: Call, asked: NewKey) -> MadeKey:
    check(models=asked.models, routes=asked.routes, addresses=asked.addresses, times=asked.times)
    owner = await _owner(call, asked)
    await _require_membership(call, owner)
    row = ApiKey(
        id=call.services.secrets.base62(ID_LENGTH),
        name=asked.name,
        env=asked.env,
        owner_kind=owner.kind,
        owner_id=owner.id,
        team_id=owner.team_id,
        user_id=owner.user_id,
        purpose=asked.purpose,
        models=asked.models,
        routes=asked.routes,
        addresses=asked.addresses,
        times=_stored(asked.times),
        tags=asked.tags,
        priority=asked.priority,
        expires_at=_expiry(call, asked.expires_at),
        created_by=call.actor_name,
        created_at=call.now,
        updated_at=call.now,
    )
    await require_within(call, row)
    row, token = _with_token(call, row)
    await call.change.add(row)
    return _made(call, row, token)


async def get_key(call: Call, _asked: Nothing) -> KeyView:
    return _show(await call.load(ApiKey, call.params["key"]), call.now)


async def edit_key(call: Call, asked: KeyEdit) -> KeyView:
    row = await call.load(ApiKey, call.params["key"])
    call.check_revision(row.revision)
    check(models=asked.models, routes=asked.routes, addresses=asked.addresses, times=asked.times)
    given = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not msgspec.UNSET}
    if asked.times is not msgspec.UNSET:
        given["times"] = _stored(asked.times)
    if asked.expires_at is not msgspec.UNSET:
        given["expires_at"] = _expiry(call, asked.expires_at)
    row = msgspec.structs.replace(row, **given)
    await require_within(call, row)
    return _show(await call.change.replace(row, "key.update"), call.now)


async def rotate_key(call: Call, asked: Rotation) -> MadeKey:
    """A new key with everything of the old one, its limits too. The old one still works until the overlap has passed."""
    old = await call.load(ApiKey, call.params["key"])
    flaw = flaw_of_rotation(old, call.now)
    if flaw is not None:
        raise conflict(flaw)
    fresh = successor(old, call.services.secrets.base62(ID_LENGTH), call.actor_name, call.now)
    bound = call.caller.bounds.expires_at
    if fresh.expires_at is not None and bound is not None:
        fresh = msgspec.structs.replace(fresh, expires_at=min(fresh.expires_at, bound))
    await require_within(call, fresh)
    fresh, token = _with_token(call, fresh)
    await call.change.add(fresh)
    await carry_limits(call.change, old, fresh)
    until = call.now + asked.overlap_seconds * 1_000_000
    await call.change.replace(msgspec.structs.replace(old, overlap_until=until), "key.rotate")
    return _made(call, fresh, token)


async def disable_key(call: Call, _asked: Nothing) -> KeyView:
    row = await call.load(ApiKey, call.params["key"])
    await _require_owner_held(call, row)
    row = msgspec.structs.replace(row, disabled_at=row.disabled_at or call.now)
    return _show(await call.change.replace(row, "key.disable"), call.now)


async def enable_key(call: Call, _asked: Nothing) -> KeyView:
    row = msgspec.structs.replace(await call.load(ApiKey, call.params["key"]), disabled_at=None)
    await require_within(call, row)
    return _show(await call.change.replace(row, "key.enable"), call.now)


async def revoke_key(call: Call, _asked: Nothing) -> KeyView:
    """For ever. A key that was revoked before stays as it is."""
    row = await call.load(ApiKey, call.params["key"])
    await _require_owner_held(call, row)
    if row.revoked_at is None:
        row = await call.change.replace(msgspec.structs.replace(row, revoked_at=call.now), "key.revoke")
    return _show(row, call.now)


async def _owner(call: Call, asked: NewKey) -> Owner:
    """Whose the key will be. Raises `Problem` where there is nobody like that here."""
    if asked.team_id is not None and await call.view.get(Team, asked.team_id) is None:
        raise invalid_field("team_id", "there is no such team")
    if asked.owner_kind is None:
        if asked.owner_id is not None:
            raise invalid_field("owner_kind", "it is needed with `owner_id`")
        return await _named(call, *_default_owner(call), asked.team_id)
    if asked.owner_kind == "org":
        if asked.owner_id not in (None, call.tenant.org_id):
            raise invalid_field("owner_id", "it is not this organisation")
        return Owner("org", call.tenant.org_id, asked.team_id, None)
    if asked.owner_id is None:
        raise invalid_field("owner_id", "it is needed with this `owner_kind`")
    return await _named(call, asked.owner_kind, asked.owner_id, asked.team_id)


def _default_owner(call: Call) -> tuple[OwnerKind, str]:
    """The caller, or the organisation where the caller is of another one."""
    if call.caller.tenant != call.tenant:
        return "org", call.tenant.org_id
    return ("user" if call.caller.kind == "user" else "service_account"), call.caller.id


async def _named(call: Call, kind: OwnerKind, id: str, team_id: str | None) -> Owner:
    nobody = invalid_field("owner_id", "there is nobody of this kind with this id")
    match kind:
        case "org":
            return Owner(kind, id, team_id, None)
        case "team":
            if await call.view.get(Team, id) is None:
                raise nobody
            if team_id not in (None, id):
                raise invalid_field("team_id", "it is not the team that owns the key")
            return Owner(kind, id, id, None)
        case "user":
            if await call.view.get(User, id) is None:
                raise nobody
            return Owner(kind, id, team_id, id)
        case "service_account":
            account = await call.view.get(ServiceAccount, id)
            if account is None:
                raise nobody
            if account.team_id is not None and team_id not in (None, account.team_id):
                raise invalid_field("team_id", "it is not the service account's team")
            return Owner(kind, id, account.team_id or team_id, None)


async def _require_membership(call: Call, owner: Owner) -> None:
    """Whoever may make keys for a team only, may make none in the name of somebody outside of it."""
    is_caller = (owner.kind, owner.id) == (call.caller.kind, call.caller.id) and call.caller.tenant == call.tenant
    if owner.kind in ("org", "team") or is_caller or allows(call.caller.grants, "keys:create", org_scope(call.tenant.org_id)):
        return
    if owner.kind == "user":
        inside = await call.view.get(TeamMember, owner.team_id or "", owner.id) is not None
    else:
        account = await call.view.get(ServiceAccount, owner.id)
        inside = account is not None and account.team_id == owner.team_id
    if not inside:
        raise forbidden("The owner of the key is not in this team.")


async def require_within(call: Call, row: ApiKey) -> None:
    """The key as it would be stored reaches no further than the caller's own, and acts for nobody who holds more. Raises `Problem`."""
    fields = wider(call.caller.bounds, bounds_of(row))
    if fields:
        errors = tuple(FieldError(name, "it reaches further than the key that you use") for name in fields)
        raise forbidden(f"No key reaches further than the one that makes it: {', '.join(fields)}.", errors=errors)
    await _require_owner_held(call, row)
    if row.env == "adm":
        _check_admin_key(row)


async def _require_owner_held(call: Call, row: ApiKey) -> None:
    """Of an admin key, the caller holds all that its owner holds."""
    if row.env == "adm":
        call.require_held(await grants_of(call.view, call.tenant, row.owner_kind, row.owner_id), "The owner of this key")


def _check_admin_key(row: ApiKey) -> None:
    if row.owner_kind not in ("user", "service_account"):
        raise invalid_field("owner_kind", "an admin key acts for a user or a service account")
    if row.times:
        raise invalid_field("times", "an admin key has none")


def _expiry(call: Call, asked: Any) -> int | None:
    """Microseconds. Raises `Problem` for a time that has passed."""
    if asked is msgspec.UNSET:
        bound = call.caller.bounds.expires_at
        usual = call.now + DEFAULT_LIFETIME
        return usual if bound is None else min(usual, bound)
    if asked is None:
        return None
    at = microseconds(in_reach("expires_at", asked))
    if at <= call.now:
        raise invalid_field("expires_at", "it has passed")
    return at


def _with_token(call: Call, row: ApiKey) -> tuple[ApiKey, str]:
    peppers = call.services.peppers
    return with_token(row, call.services.secrets.base62(SECRET_LENGTH), peppers.secret, peppers.current)


def _stored(times: list[Hours]) -> list[dict[str, Any]]:
    return msgspec.to_builtins(times)


def _fields(row: ApiKey, now: int) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "env": row.env,
        "state": state_of(row, now),
        "owner_kind": row.owner_kind,
        "owner_id": row.owner_id,
        "team_id": row.team_id,
        "user_id": row.user_id,
        "purpose": row.purpose,
        "models": row.models,
        "routes": row.routes,
        "addresses": row.addresses,
        "times": msgspec.convert(row.times, list[Hours]),
        "tags": row.tags,
        "priority": row.priority,
        "expires_at": moment_or_none(row.expires_at),
        "disabled_at": moment_or_none(row.disabled_at),
        "revoked_at": moment_or_none(row.revoked_at),
        "last_used_at": moment_or_none(row.last_used_at),
        "rotated_from": row.rotated_from,
        "overlap_until": moment_or_none(row.overlap_until),
        "created_by": row.created_by,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "revision": row.revision,
    }


def _show(row: ApiKey, now: int) -> KeyView:
    return KeyView(**_fields(row, now))


def _made(call: Call, row: ApiKey, token: str) -> MadeKey:
    signs = row.env != "adm"
    secret = secret_of(call.services.peppers.secret, row.digest) if signs else None
    return MadeKey(**_fields(row, call.now), token=token, aws_secret_access_key=secret)


def without_token(made: MadeKey) -> MadeKey:
    return msgspec.structs.replace(made, token=None, aws_secret_access_key=None)


ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/keys",
        name="list_keys",
        permission="keys:read",
        where=where.team_asked_for,
        asked=KeyQuery,
        answer=Listing[KeyView],
        handler=list_keys,
        summary="The keys of an organisation, or of a team.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/keys",
        name="create_key",
        permission="keys:create",
        where=at_new_key,
        asked=NewKey,
        answer=MadeKey,
        status=HTTPStatus.CREATED,
        handler=create_key,
        forget=without_token,
        summary="Make a key and show its token, once.",
    ),
    Route(
        method="GET",
        path="/orgs/{org}/keys/{key}",
        name="get_key",
        permission="keys:read",
        where=where.key,
        answer=KeyView,
        handler=get_key,
        summary="One key.",
    ),
    Route(
        method="PATCH",
        path="/orgs/{org}/keys/{key}",
        name="edit_key",
        permission="keys:edit",
        where=where.key,
        asked=KeyEdit,
        answer=KeyView,
        handler=edit_key,
        summary="Change what a key may do.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/keys/{key}/rotate",
        name="rotate_key",
        permission="keys:rotate",
        where=where.key,
        asked=Rotation,
        answer=MadeKey,
        status=HTTPStatus.CREATED,
        handler=rotate_key,
        forget=without_token,
        summary="Replace a key by a new one; both work until the overlap has passed.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/keys/{key}/disable",
        name="disable_key",
        permission="keys:edit",
        where=where.key,
        answer=KeyView,
        handler=disable_key,
        summary="Stop a key until it is enabled.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/keys/{key}/enable",
        name="enable_key",
        permission="keys:edit",
        where=where.key,
        answer=KeyView,
        handler=enable_key,
        summary="Let a disabled key work again.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/keys/{key}/revoke",
        name="revoke_key",
        permission="keys:revoke",
        where=where.key,
        answer=KeyView,
        handler=revoke_key,
        summary="End a key for ever.",
    ),
)
