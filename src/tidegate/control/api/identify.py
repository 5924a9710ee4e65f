"""Who asks: the admin key of a request, the principal behind it, and what that one holds. Called by `app` for every request.

Only `tgk_adm_…` keys are known here, and only in `Authorization: Bearer`. No message repeats a token or tells a wrong one from an
unknown one.
"""

import hmac
from collections.abc import Mapping
from http import HTTPStatus
from typing import Never

import msgspec

from tidegate.control.api.problem import Problem, unauthenticated
from tidegate.control.key_state import state_of
from tidegate.policy import keys
from tidegate.policy.bounds import Bounds, Hours, admits
from tidegate.policy.overload.queue import Priority
from tidegate.policy.roles import GATEWAY, Grant, grant, org_scope, within
from tidegate.ports.control import ControlStore, View
from tidegate.records import DEFAULT_ORG, EVERYONE, ApiKey, KeyState, ListQuery, Organisation, RoleBinding, ServiceAccount, Tenant, User

PREFIX = "tgk_adm_"
_TOUCH_AFTER = 60_000_000
"""Microseconds between two notes of a key's last use."""
_MOST_BINDINGS = 500
_WHY_ENDED: Mapping[KeyState, str] = {
    "revoked": "was revoked",
    "disabled": "is disabled",
    "expired": "has expired",
    "replaced": "was replaced by another one",
}


class Peppers:
    """The secrets of digests by version, and the version that new keys get. Nothing shows them."""

    __slots__ = ("_by_version", "current")

    def __init__(self, current: int, by_version: Mapping[int, bytes]) -> None:
        self.current = current
        self._by_version = dict(by_version)

    @property
    def secret(self) -> bytes:
        """Of the present version."""
        return self._by_version[self.current]

    def of(self, version: int) -> bytes | None:
        return self._by_version.get(version)

    def __repr__(self) -> str:
        return "Peppers(***)"

    def __reduce__(self) -> Never:
        raise TypeError("peppers are not copied out of the process")


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A user or service account that asks with an admin key. `tenant` is its home."""

    tenant: Tenant
    kind: str
    id: str
    key: ApiKey
    grants: tuple[Grant, ...]
    bounds: Bounds


def bearer(header: str | None) -> str:
    """The token of an `Authorization` header. Raises `Problem`."""
    if not header:
        raise unauthenticated("Send an admin key in `Authorization: Bearer tgk_adm_…`.")
    scheme, _, token = header.strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise unauthenticated("The `Authorization` header is not of the form `Bearer tgk_adm_…`.")
    if token.startswith(keys.PREFIX) and not token.startswith(PREFIX):
        raise unauthenticated("This is an inference key. The control API takes admin keys only (`tgk_adm_…`).")
    return token


async def identify(store: ControlStore, peppers: Peppers, token: str, now: int, peer: str) -> Caller:
    """The caller behind a token, at a time in microseconds and from an address. Raises `Problem`."""
    public = keys.token_id(token)
    if public is None or not token.startswith(PREFIX):
        raise unauthenticated("This is no admin key.")
    async with store.view(EVERYONE) as view:
        found = await view.find_key(public)
    if found is None or not _is_right(found[1], peppers, token):
        raise unauthenticated("The admin key is not known here.")
    tenant, key = found
    if why := ended(key, now):
        raise unauthenticated(f"The admin key {why}.")
    if not admits(tuple(key.addresses), peer):
        raise Problem(HTTPStatus.FORBIDDEN, "address", "The admin key may not be used from this address.")
    async with store.view(tenant) as view:
        if not await _is_enabled(view, key):
            raise unauthenticated("The owner of the admin key is disabled.")
        grants = await grants_of(view, tenant, key.owner_kind, key.owner_id)
    if key.last_used_at is None or key.last_used_at < now - _TOUCH_AFTER:
        await store.touch(tenant, key.id, now)
    return Caller(tenant=tenant, kind=key.owner_kind, id=key.owner_id, key=key, grants=grants, bounds=bounds_of(key))


def ended(key: ApiKey, now: int) -> str | None:
    """Why a key no longer works; None if it does."""
    return _WHY_ENDED.get(state_of(key, now))


def bounds_of(key: ApiKey) -> Bounds:
    return Bounds(
        models=tuple(key.models),
        routes=tuple(key.routes),
        addresses=tuple(key.addresses),
        times=msgspec.convert(key.times, tuple[Hours, ...]),
        expires_at=key.expires_at,
        priority=Priority[key.priority.upper()],
    )


async def grants_of(view: View, tenant: Tenant, kind: str, id: str) -> tuple[Grant, ...]:
    """What a user or service account holds. A binding gives nothing outside of the organisation that it is kept in; the gateway's own are
    kept in the default organisation."""
    top = GATEWAY if tenant.org_id == DEFAULT_ORG else org_scope(tenant.org_id)
    held = await every_binding(view, {"subject_kind": kind, "subject_id": id})
    return tuple(grant(found.role, found.scope) for found in held if within(found.scope, top))


async def every_binding(view: View, only: dict[str, str]) -> list[RoleBinding]:
    """All bindings with these values, over all pages."""
    found: list[RoleBinding] = []
    after: str | None = None
    while True:
        page = await view.page(RoleBinding, ListQuery(limit=_MOST_BINDINGS, after=after, only={**only}))
        found += page.items
        after = page.cursor
        if after is None:
            return found


def _is_right(key: ApiKey, peppers: Peppers, token: str) -> bool:
    pepper = peppers.of(key.pepper_version)
    return key.env == "adm" and pepper is not None and hmac.compare_digest(key.digest, keys.token_digest(pepper, token))


async def _is_enabled(view: View, key: ApiKey) -> bool:
    organisation = await view.get(Organisation)
    if organisation is None or organisation.disabled_at is not None:
        return False
    match key.owner_kind:
        case "user":
            owner = await view.get(User, key.owner_id)
        case "service_account":
            owner = await view.get(ServiceAccount, key.owner_id)
        case _:
            return False
    return owner is not None and owner.disabled_at is None
