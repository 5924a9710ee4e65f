"""Provider credentials: made, listed without the secret, rotated, disabled, deleted. No answer holds anything of a secret but its last four
characters.

A credential goes to one provider at one address. The address is the one that the provider has when the secret is given: whoever moves the
provider elsewhere does not take the secret along.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.fields import Name, Short, moment, moment_or_none
from tidegate.control.api.pagination import Listing, Paged
from tidegate.control.api.problem import Problem, invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.control.vault import Vault, flaw_of_secret
from tidegate.policy.roles import GATEWAY, org_scope
from tidegate.policy.secret import Secret
from tidegate.records import DEFAULT_ORG, Credential

Weight = Annotated[int, Meta(ge=1, le=1000, description="Of several credentials of one provider, each gets calls by its weight.")]
Plain = Annotated[str, Meta(min_length=1, max_length=20_000, description="The provider's key. It is never shown again.")]
Amount = Annotated[int, Meta(ge=0, le=10**12)]


class CredentialLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What may be sent with this credential; beyond, calls go on to the next one."""

    requests_per_minute: Amount | None = None
    requests_per_hour: Amount | None = None
    requests_per_day: Amount | None = None
    tokens_per_minute: Amount | None = None
    tokens_per_hour: Amount | None = None
    tokens_per_day: Amount | None = None
    concurrent: Amount | None = None


class CredentialView(msgspec.Struct, frozen=True, kw_only=True):
    """`last4` is empty for short secrets."""

    id: str
    name: str
    provider: str
    origin: str
    version: int
    last4: str
    kek_id: str
    shared: bool
    weight: int
    limits: CredentialLimits | None
    disabled_at: datetime | None
    last_used_at: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int


class NewCredential(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`shared` is for all organisations, and only the operator may say so. `origin`, if it is given, must be the provider's present one."""

    name: Name
    provider: Short
    secret: Plain
    origin: Short | None = None
    shared: bool = False
    weight: Weight = 1
    limits: CredentialLimits | None = None


class CredentialEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only what is given is changed. A secret is changed by rotating."""

    name: Name | UnsetType = UNSET
    weight: Weight | UnsetType = UNSET
    limits: CredentialLimits | UnsetType | None = UNSET


class CredentialRotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The secret that calls carry from now on; it is for the address that the provider has now."""

    secret: Plain


class CredentialQuery(Paged, frozen=True, forbid_unknown_fields=True, kw_only=True):
    provider: Short | None = None


async def at_new_credential(call: Call, asked: NewCredential) -> str:
    return GATEWAY if asked.shared else org_scope(call.tenant.org_id)


async def at_credential(call: Call, _asked: Any) -> str:
    """A shared credential is the operator's."""
    row = await call.load(Credential, call.params["credential"])
    return GATEWAY if row.shared else org_scope(call.tenant.org_id)


async def list_credentials(call: Call, asked: CredentialQuery) -> Listing[CredentialView]:
    return await call.page("credentials", Credential, asked, {"provider": asked.provider}, _show)


async def create_credential(call: Call, asked: NewCredential) -> CredentialView:
    if asked.shared and call.tenant.org_id != DEFAULT_ORG:
        raise invalid_field("shared", f"what is shared belongs to the organisation `{DEFAULT_ORG}`")
    row = Credential(
        id=call.new_id("cred"),
        name=asked.name,
        provider=asked.provider,
        origin=_origin(call, asked.provider, asked.origin),
        shared=asked.shared,
        weight=asked.weight,
        limits=_stored(asked.limits),
        created_by=call.actor_name,
        created_at=call.now,
        updated_at=call.now,
    )
    row = _sealed(call, row, asked.secret)
    await call.change.add(row)
    return _show(row)


async def get_credential(call: Call, _asked: Nothing) -> CredentialView:
    return _show(await call.load(Credential, call.params["credential"]))


async def edit_credential(call: Call, asked: CredentialEdit) -> CredentialView:
    row = await call.load(Credential, call.params["credential"])
    call.check_revision(row.revision)
    if asked.name is not UNSET:
        row = msgspec.structs.replace(row, name=asked.name)
    if asked.weight is not UNSET:
        row = msgspec.structs.replace(row, weight=asked.weight)
    if asked.limits is not UNSET:
        row = msgspec.structs.replace(row, limits=_stored(asked.limits))
    return _show(await call.change.replace(row, "credential.update"))


async def rotate_credential(call: Call, asked: CredentialRotation) -> CredentialView:
    row = await call.load(Credential, call.params["credential"])
    row = msgspec.structs.replace(row, version=row.version + 1, origin=_origin(call, row.provider, None), reference="")
    return _show(await call.change.replace(_sealed(call, row, asked.secret), "credential.rotate"))


async def disable_credential(call: Call, _asked: Nothing) -> CredentialView:
    row = await call.load(Credential, call.params["credential"])
    row = msgspec.structs.replace(row, disabled_at=row.disabled_at or call.now)
    return _show(await call.change.replace(row, "credential.disable"))


async def enable_credential(call: Call, _asked: Nothing) -> CredentialView:
    row = msgspec.structs.replace(await call.load(Credential, call.params["credential"]), disabled_at=None)
    return _show(await call.change.replace(row, "credential.enable"))


async def delete_credential(call: Call, _asked: Nothing) -> None:
    await call.change.remove(await call.load(Credential, call.params["credential"]))


def vault_of(call: Call) -> Vault:
    vault = call.services.vault()
    if vault is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "no-vault", "This gateway keeps no credentials: it has no key to seal them with.")
    return vault


def _origin(call: Call, provider: str, given: str | None) -> str:
    present = call.services.origin_of(provider)
    if present is None:
        raise invalid_field("provider", f"there is no provider `{provider}` here")
    if given not in (None, present):
        raise invalid_field("origin", f"the provider is at {present}")
    return present


def _sealed(call: Call, row: Credential, secret: str) -> Credential:
    flaw = flaw_of_secret(secret)
    if flaw is not None:
        raise invalid_field("secret", flaw)
    return vault_of(call).seal(call.tenant.org_id, row, Secret(secret))


def _stored(limits: CredentialLimits | None) -> dict[str, Any] | None:
    values: dict[str, Any] = {} if limits is None else msgspec.to_builtins(limits)
    return values or None


def _show(row: Credential) -> CredentialView:
    return CredentialView(
        id=row.id,
        name=row.name,
        provider=row.provider,
        origin=row.origin,
        version=row.version,
        last4=row.last4,
        kek_id=row.kek_id,
        shared=row.shared,
        weight=row.weight,
        limits=None if row.limits is None else msgspec.convert(row.limits, CredentialLimits),
        disabled_at=moment_or_none(row.disabled_at),
        last_used_at=moment_or_none(row.last_used_at),
        created_by=row.created_by,
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        revision=row.revision,
    )


_ONE = "/orgs/{org}/credentials/{credential}"

ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/credentials",
        name="list_credentials",
        permission="credentials:read",
        where=where.organisation,
        asked=CredentialQuery,
        answer=Listing[CredentialView],
        handler=list_credentials,
        summary="The provider credentials of an organisation, without their secrets.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/credentials",
        name="create_credential",
        permission="credentials:create",
        where=at_new_credential,
        asked=NewCredential,
        answer=CredentialView,
        status=HTTPStatus.CREATED,
        handler=create_credential,
        summary="Keep a provider's key, sealed. It is never shown again.",
    ),
    Route(
        method="GET",
        path=_ONE,
        name="get_credential",
        permission="credentials:read",
        where=where.organisation,
        answer=CredentialView,
        handler=get_credential,
        summary="One credential, without its secret.",
    ),
    Route(
        method="PATCH",
        path=_ONE,
        name="edit_credential",
        permission="credentials:edit",
        where=at_credential,
        asked=CredentialEdit,
        answer=CredentialView,
        handler=edit_credential,
        summary="Rename a credential, or change its weight or limits.",
    ),
    Route(
        method="POST",
        path=_ONE + "/rotate",
        name="rotate_credential",
        permission="credentials:rotate",
        where=at_credential,
        asked=CredentialRotation,
        answer=CredentialView,
        handler=rotate_credential,
        summary="Put another secret in the place of the present one.",
    ),
    Route(
        method="POST",
        path=_ONE + "/disable",
        name="disable_credential",
        permission="credentials:edit",
        where=at_credential,
        answer=CredentialView,
        handler=disable_credential,
        summary="Stop using a credential until it is enabled.",
    ),
    Route(
        method="POST",
        path=_ONE + "/enable",
        name="enable_credential",
        permission="credentials:edit",
        where=at_credential,
        answer=CredentialView,
        handler=enable_credential,
        summary="Use a disabled credential again.",
    ),
    Route(
        method="DELETE",
        path=_ONE,
        name="delete_credential",
        permission="credentials:delete",
        where=at_credential,
        status=HTTPStatus.NO_CONTENT,
        handler=delete_credential,
        summary="Delete a credential, with its secret.",
    ),
)
