"""The kinds of record that the control plane sees: in which table each is kept, what names one, how a list is ordered, what an edit may set
and what an audit event may show. `control_store` alone uses it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tidegate.adapters.sql import schema_billing
from tidegate.adapters.sql.schema import (
    api_key,
    audit_event,
    credential,
    erasure,
    limit_rule,
    organisation,
    price_version,
    role_binding,
    service_account,
    stored_provider,
    stored_route,
    team,
    team_member,
    user_account,
    webhook,
)
from tidegate.ir.json import Json
from tidegate.policy.webhooks import origin_of
from tidegate.records import (
    Adjustment,
    ApiKey,
    AuditEvent,
    Credential,
    Customer,
    Erasure,
    Invoice,
    LimitRule,
    Organisation,
    Payment,
    Plan,
    RoleBinding,
    ServiceAccount,
    StoredPrice,
    StoredProvider,
    StoredRoute,
    StoredWebhook,
    Subscription,
    Team,
    TeamMember,
    User,
)

_LIMIT_EDITED = ("name", "amount", "mode", "time_zone", "hard", "reserve", "alerts", "ceiling_nano", "output_cap", "disabled_at")
_OF_ORGANISATION = ("name", "disabled_at")
_OF_TEAM = ("name", "disabled_at")
_OF_USER = ("name", "email", "disabled_at")
_OF_SERVICE_ACCOUNT = ("name", "team_id", "disabled_at")
_RULES = ("name", "purpose", "models", "routes", "addresses", "times", "tags", "priority", "expires_at", "disabled_at")
_OWNERS = ("env", "owner_kind", "owner_id", "team_id", "user_id", "rotated_from")
_ENDS = ("revoked_at", "overlap_until")
_OF_CREDENTIAL = ("name", "provider", "origin", "version", "kek_id", "last4", "weight", "limits", "reference", "disabled_at")
_OF_ENTRY = ("name", "entry")
_OF_WEBHOOK = ("name", "url", "version", "disabled_at")
_OF_PRICE = ("price", "source")
_PLAIN: Mapping[str, Callable[[Any], Json]] = {}


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """`key` are the columns that name a row within its tenant; `order` those of a list, the last one unique; `edited` what `replace` may
    change; `audited` what events show, those of `shortened` as these functions tell them. A row that has `closed` (column, value) is never
    changed or removed again."""

    name: str
    table: Any
    key: tuple[str, ...] = ("id",)
    order: tuple[str, ...] = ("created_at", "id")
    newest_first: bool = False
    edited: frozenset[str] = frozenset()
    audited: tuple[str, ...] = ()
    shortened: Mapping[str, Callable[[Any], Json]] = _PLAIN
    closed: tuple[str, object] | None = None


_OF_PLAN = ("name", "external_id", "archived_at")
_OF_CUSTOMER = ("name", "email", "external_id", "disabled_at")
_OF_SUBSCRIPTION = ("ends_on", "external_id")
_OF_INVOICE = ("state", "number", "lines", "total_nano", "unpriced", "finalised_at")
_OF_PAYMENT = ("status", "number", "currency", "due_nano", "paid_nano", "period_from", "period_until", "event_at", "rank")

KINDS: dict[type[msgspec.Struct], Kept] = {
    Organisation: Kept(
        name="org", table=organisation, key=(), order=("org_id",), edited=frozenset(_OF_ORGANISATION), audited=_OF_ORGANISATION
    ),
    Team: Kept(name="team", table=team, edited=frozenset(_OF_TEAM), audited=_OF_TEAM),
    TeamMember: Kept(
        name="team_member",
        table=team_member,
        key=("team_id", "user_id"),
        order=("created_at", "user_id"),
        audited=("team_id", "user_id"),
    ),
    User: Kept(name="user", table=user_account, edited=frozenset(_OF_USER), audited=_OF_USER),
    ServiceAccount: Kept(name="service_account", table=service_account, edited=frozenset(_OF_SERVICE_ACCOUNT), audited=_OF_SERVICE_ACCOUNT),
    ApiKey: Kept(name="key", table=api_key, edited=frozenset((*_RULES, *_ENDS)), audited=(*_RULES, *_OWNERS, *_ENDS)),
    LimitRule: Kept(
        name="limit",
        table=limit_rule,
        edited=frozenset(("scope_id", *_LIMIT_EDITED)),
        audited=("scope_kind", "scope_id", "measure", "per", *_LIMIT_EDITED),
    ),
    RoleBinding: Kept(name="role_binding", table=role_binding, audited=("subject_kind", "subject_id", "role", "scope")),
    Plan: Kept(
        name="plan",
        table=schema_billing.plan,
        edited=frozenset(_OF_PLAN),
        audited=(*_OF_PLAN, "currency", "price_nano", "included_nano", "markup_bp", "rates"),
    ),
    Customer: Kept(
        name="customer",
        table=schema_billing.customer,
        edited=frozenset(_OF_CUSTOMER),
        audited=(*_OF_CUSTOMER, "kind", "subject", "time_zone"),
    ),
    Subscription: Kept(
        name="subscription",
        table=schema_billing.subscription,
        edited=frozenset(_OF_SUBSCRIPTION),
        audited=(*_OF_SUBSCRIPTION, "customer_id", "plan_id", "starts_on"),
    ),
    Adjustment: Kept(
        name="adjustment",
        table=schema_billing.adjustment,
        edited=frozenset({"invoice_id"}),
        audited=("customer_id", "amount_nano", "reason", "invoice_id"),
    ),
    Invoice: Kept(
        name="invoice",
        table=schema_billing.invoice,
        edited=frozenset(_OF_INVOICE),
        audited=("customer_id", "period", "state", "number", "total_nano"),
        closed=("state", "final"),
    ),
    Payment: Kept(
        name="payment",
        table=schema_billing.payment,
        edited=frozenset(_OF_PAYMENT),
        audited=("customer_id", "status", "due_nano", "paid_nano"),
    ),
    Credential: Kept(
        name="credential", table=credential, edited=frozenset((*_OF_CREDENTIAL, "sealed")), audited=(*_OF_CREDENTIAL, "shared")
    ),
    StoredProvider: Kept(name="provider", table=stored_provider, edited=frozenset(_OF_ENTRY), audited=_OF_ENTRY),
    StoredRoute: Kept(name="route", table=stored_route, edited=frozenset(_OF_ENTRY), audited=_OF_ENTRY),
    StoredWebhook: Kept(
        name="webhook",
        table=webhook,
        edited=frozenset(_OF_WEBHOOK),
        audited=(*_OF_WEBHOOK, "shared"),
        shortened={"url": origin_of},
    ),
    StoredPrice: Kept(
        name="price",
        table=price_version,
        edited=frozenset(_OF_PRICE),
        audited=("provider", "model", "valid_from", *_OF_PRICE),
    ),
    Erasure: Kept(name="erasure", table=erasure, audited=("subject_kind", "pseudonym")),
    AuditEvent: Kept(name="audit_event", table=audit_event, key=("seq",), order=("seq",), newest_first=True),
}
