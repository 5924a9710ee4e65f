"""Webhooks: who is told of budgets that pass a threshold. Their signing secrets are made here, shown once, and not in the database."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tidegate.control.api import where
from tidegate.control.api.call import Call
from tidegate.control.api.configured import configuration
from tidegate.control.api.fields import Name, moment
from tidegate.control.api.pagination import Listing, Paged
from tidegate.control.api.problem import conflict, invalid_field
from tidegate.control.api.table import Nothing, Route
from tidegate.policy.egress import LONGEST_URL, Refused, place_of
from tidegate.policy.roles import GATEWAY, allows, org_scope
from tidegate.policy.webhooks import MOST, origin_of, webhook_secret
from tidegate.records import DEFAULT_ORG, StoredWebhook

Url = Annotated[
    str, Meta(min_length=1, max_length=LONGEST_URL, description="`https://…`; of addresses inside only what the operator allows.")
]


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """`version` counts the secrets that it had. Where `shared`, it is told of all organisations. Of `url`, whoever may not edit the webhook
    sees only the origin: what is behind it may be a secret."""

    id: str
    name: str
    url: str
    version: int
    shared: bool
    disabled: bool
    created_at: datetime
    updated_at: datetime
    revision: int


class WebhookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """`secret` signs what is sent (docs/limits.md says how), and is shown this once."""

    webhook: WebhookView
    secret: str | None


class NewWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`shared` is for all organisations, and only the operator may say so."""

    name: Name
    url: Url
    shared: bool = False


class WebhookEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Only what is given is changed."""

    name: Name | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


async def at_new_webhook(call: Call, asked: NewWebhook) -> str:
    return GATEWAY if asked.shared else org_scope(call.tenant.org_id)


async def at_webhook(call: Call, _asked: Any) -> str:
    """A shared one is the operator's."""
    return _scope(call, await call.load(StoredWebhook, call.params["webhook"]))


async def list_webhooks(call: Call, asked: Paged) -> Listing[WebhookView]:
    return await call.page("webhooks", StoredWebhook, asked, {}, lambda row: _show(call, row))


async def get_webhook(call: Call, _asked: Nothing) -> WebhookView:
    return _show(call, await call.load(StoredWebhook, call.params["webhook"]))


async def create_webhook(call: Call, asked: NewWebhook) -> WebhookSecret:
    if asked.shared and call.tenant.org_id != DEFAULT_ORG:
        raise invalid_field("shared", f"what is shared belongs to the organisation `{DEFAULT_ORG}`")
    rows: Sequence[StoredWebhook] = await call.all(StoredWebhook)
    if len(rows) >= MOST:
        raise conflict(f"An organisation has at most {MOST} webhooks.")
    _check(call, asked.url)
    row = StoredWebhook(
        id=call.new_id("hook"),
        name=asked.name,
        url=asked.url,
        shared=asked.shared,
        created_by=call.actor_name,
        created_at=call.now,
        updated_at=call.now,
    )
    await call.change.add(row)
    return _with_secret(call, row)


async def edit_webhook(call: Call, asked: WebhookEdit) -> WebhookView:
    row = await call.load(StoredWebhook, call.params["webhook"])
    call.check_revision(row.revision)
    if asked.name is not UNSET:
        row = msgspec.structs.replace(row, name=asked.name)
    if asked.url is not UNSET:
        _check(call, asked.url)
        row = msgspec.structs.replace(row, url=asked.url)
    if asked.disabled is not UNSET:
        row = msgspec.structs.replace(row, disabled_at=(row.disabled_at or call.now) if asked.disabled else None)
    return _show(call, await call.change.replace(row, "webhook.update"))


async def rotate_webhook(call: Call, _asked: Nothing) -> WebhookSecret:
    row = await call.load(StoredWebhook, call.params["webhook"])
    row = await call.change.replace(msgspec.structs.replace(row, version=row.version + 1), "webhook.rotate")
    return _with_secret(call, row)


async def delete_webhook(call: Call, _asked: Nothing) -> None:
    await call.change.remove(await call.load(StoredWebhook, call.params["webhook"]))


def without_secret(answer: WebhookSecret) -> WebhookSecret:
    return msgspec.structs.replace(answer, secret=None)


def flaw_of_url(call: Call, url: str) -> str | None:
    """Why an address may not be reached; None where it may."""
    try:
        place_of(url, configuration(call).current.snapshot.egress)
    except Refused as refused:
        return str(refused)
    return None


def _check(call: Call, url: str) -> None:
    flaw = flaw_of_url(call, url)
    if flaw is not None:
        raise invalid_field("url", flaw)


def _with_secret(call: Call, row: StoredWebhook) -> WebhookSecret:
    secret = webhook_secret(call.services.peppers.secret, call.tenant.org_id, row.id, row.version)
    return WebhookSecret(webhook=_show(call, row), secret=secret)


def _scope(call: Call, row: StoredWebhook) -> str:
    return GATEWAY if row.shared else org_scope(call.tenant.org_id)


def _show(call: Call, row: StoredWebhook) -> WebhookView:
    return WebhookView(
        id=row.id,
        name=row.name,
        url=row.url if allows(call.caller.grants, "webhooks:edit", _scope(call, row)) else origin_of(row.url),
        version=row.version,
        shared=row.shared,
        disabled=row.disabled_at is not None,
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        revision=row.revision,
    )


_ONE = "/orgs/{org}/webhooks/{webhook}"

ROUTES = (
    Route(
        method="GET",
        path="/orgs/{org}/webhooks",
        name="list_webhooks",
        permission="webhooks:read",
        where=where.organisation,
        asked=Paged,
        answer=Listing[WebhookView],
        handler=list_webhooks,
        summary="The webhooks of an organisation, without their secrets.",
    ),
    Route(
        method="POST",
        path="/orgs/{org}/webhooks",
        name="create_webhook",
        permission="webhooks:create",
        where=at_new_webhook,
        asked=NewWebhook,
        answer=WebhookSecret,
        status=HTTPStatus.CREATED,
        handler=create_webhook,
        forget=without_secret,
        summary="Tell an address of budgets that pass a threshold. The secret that signs it is shown this once.",
    ),
    Route(
        method="GET",
        path=_ONE,
        name="get_webhook",
        permission="webhooks:read",
        where=where.organisation,
        answer=WebhookView,
        handler=get_webhook,
        summary="One webhook, without its secret.",
    ),
    Route(
        method="PATCH",
        path=_ONE,
        name="edit_webhook",
        permission="webhooks:edit",
        where=at_webhook,
        asked=WebhookEdit,
        answer=WebhookView,
        handler=edit_webhook,
        summary="Rename a webhook, change its address, or disable it for a while.",
    ),
    Route(
        method="POST",
        path=_ONE + "/rotate",
        name="rotate_webhook",
        permission="webhooks:edit",
        where=at_webhook,
        answer=WebhookSecret,
        handler=rotate_webhook,
        forget=without_secret,
        summary="Sign with another secret from now on.",
    ),
    Route(
        method="DELETE",
        path=_ONE,
        name="delete_webhook",
        permission="webhooks:delete",
        where=at_webhook,
        status=HTTPStatus.NO_CONTENT,
        handler=delete_webhook,
        summary="Delete a webhook: what was not delivered yet is told nobody.",
    ),
)
