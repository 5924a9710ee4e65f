"""The tables of billing. Amounts are nano-dollars; months and days are texts in the customer's time zone."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, Table, UniqueConstraint

from tidegate.adapters.sql.columns import METADATA, document, lifetime, moment, number, owned, text


def _of_organisation() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["org_id"], ["organisation.org_id"])


def _of_customer() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["org_id", "customer_id"], ["billing_customer.org_id", "billing_customer.id"])


plan = Table(
    "billing_plan",
    METADATA,
    text("org_id"),
    text("id"),
    text("name"),
    text("currency"),
    number("price_nano"),
    number("included_nano"),
    number("markup_bp"),
    document("rates"),
    text("external_id"),
    moment("archived_at", optional=True),
    *lifetime(),
    owned("id"),
    _of_organisation(),
    UniqueConstraint("org_id", "name"),
)

customer = Table(
    "billing_customer",
    METADATA,
    text("org_id"),
    text("id"),
    text("name"),
    text("kind"),
    text("subject"),
    text("email"),
    text("time_zone"),
    text("external_id"),
    moment("disabled_at", optional=True),
    *lifetime(),
    owned("id"),
    _of_organisation(),
    UniqueConstraint("org_id", "kind", "subject"),
    Index(None, "external_id"),
)

subscription = Table(
    "billing_subscription",
    METADATA,
    text("org_id"),
    text("id"),
    text("customer_id"),
    text("plan_id"),
    text("starts_on"),
    text("ends_on"),
    text("external_id"),
    *lifetime(),
    owned("id"),
    _of_customer(),
    ForeignKeyConstraint(["org_id", "plan_id"], ["billing_plan.org_id", "billing_plan.id"]),
    Index(None, "org_id", "customer_id"),
)

adjustment = Table(
    "billing_adjustment",
    METADATA,
    text("org_id"),
    text("id"),
    text("customer_id"),
    number("amount_nano"),
    text("reason"),
    text("invoice_id"),
    text("created_by"),
    *lifetime(),
    owned("id"),
    _of_customer(),
    Index(None, "org_id", "customer_id"),
)

invoice = Table(
    "billing_invoice",
    METADATA,
    text("org_id"),
    text("id"),
    text("customer_id"),
    text("period"),
    moment("period_from"),
    moment("period_until"),
    text("currency"),
    text("state"),
    number("number", optional=True),
    document("lines"),
    number("total_nano"),
    number("unpriced"),
    moment("finalised_at", optional=True),
    *lifetime(),
    owned("id"),
    _of_customer(),
    UniqueConstraint("org_id", "customer_id", "period"),
    UniqueConstraint("org_id", "number"),
)

payment = Table(
    "billing_payment",
    METADATA,
    text("org_id"),
    text("id"),
    text("customer_id"),
    text("status"),
    text("number"),
    text("currency"),
    number("due_nano"),
    number("paid_nano"),
    moment("period_from"),
    moment("period_until"),
    moment("event_at"),
    Column("rank", Integer, nullable=False),
    *lifetime(),
    owned("id"),
    _of_customer(),
    Index(None, "org_id", "customer_id"),
)

meter = Table(
    "billing_meter",
    METADATA,
    text("org_id"),
    text("customer_id"),
    moment("hour"),
    number("sent_nano"),
    Column("parts", Integer, nullable=False),
    owned("customer_id", "hour"),
    _of_customer(),
)
"""What of an hour's usage was given to the payment provider, in how many parts."""
