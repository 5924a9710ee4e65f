"""Usage of pictures and sums by end user; billing: plans, customers, subscriptions, adjustments, invoices, payments, and what of each hour
was metered."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT, NUMBER, COUNT = sa.Text(), sa.BigInteger(), sa.Integer()
JSON = sa.JSON(none_as_null=True)
WALL = (
    "ALTER TABLE %(table)s ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE %(table)s FORCE ROW LEVEL SECURITY",
    "CREATE POLICY tenant ON %(table)s USING (org_id = current_setting('app.tenant', true) OR current_setting('app.tenant', true) = '*')",
)


PICTURES = ("image_input_tokens", "image_output_tokens", "images")
ROLLUPS = ("rollup_quarter", "rollup_hour", "rollup_day")
MEASURES = (
    *("requests", "attempts", "errors", "cancelled", "estimated", "unpriced"),
    *("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens", "reasoning_tokens"),
    *("audio_input_tokens", "audio_output_tokens", "image_input_tokens", "image_output_tokens"),
    *("web_searches", "images", "cost_nano", "saved_nano"),
    *(f"latency_{step}" for step in range(26)),
    *(f"first_byte_{step}" for step in range(26)),
)


def _table(name: str, *parts: sa.Column[Any] | sa.Constraint) -> None:
    op.create_table(
        name,
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        *parts,
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name=f"pk_{name}"),
    )
    _wall(name)


def _wall(name: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for statement in WALL:
            op.execute(sa.DDL(statement, context={"table": name}))


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, NUMBER, nullable=False) for name in names]


def _of_organisation(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name=f"fk_{name}_organisation")


def _of_customer(name: str) -> sa.ForeignKeyConstraint:
    key = ["billing_customer.org_id", "billing_customer.id"]
    return sa.ForeignKeyConstraint(["org_id", "customer_id"], key, name=f"fk_{name}_billing_customer")


def upgrade() -> None:
    _usage()
    _billing()


def _usage() -> None:
    for name in PICTURES:
        op.add_column("ledger", sa.Column(name, NUMBER, nullable=True))
        for table in ROLLUPS:
            op.add_column(table, sa.Column(name, NUMBER, nullable=False, server_default="0"))
    for table in ROLLUPS:
        name = f"{table}_of_end_user"
        op.create_table(
            name,
            *_texts("org_id"),
            sa.Column("bucket", NUMBER, nullable=False),
            sa.Column("dims", sa.LargeBinary(), nullable=False),
            *_texts("team_id", "user_id", "key_id", "provider", "model", "route", "end_user"),
            *_numbers(*MEASURES),
            sa.PrimaryKeyConstraint("org_id", "bucket", "dims", name=f"pk_{name}"),
        )
        op.create_index(f"ix_{name}_org_id_key_id_bucket", name, ["org_id", "key_id", "bucket"])
        _wall(name)


def _billing() -> None:
    _table(
        "billing_plan",
        *_texts("name", "currency"),
        *_numbers("price_nano", "included_nano", "markup_bp"),
        sa.Column("rates", JSON, nullable=False),
        *_texts("external_id"),
        sa.Column("archived_at", NUMBER, nullable=True),
        _of_organisation("billing_plan"),
        sa.UniqueConstraint("org_id", "name", name="uq_billing_plan_org_id_name"),
    )
    _table(
        "billing_customer",
        *_texts("name", "kind", "subject", "email", "time_zone", "external_id"),
        sa.Column("disabled_at", NUMBER, nullable=True),
        _of_organisation("billing_customer"),
        sa.UniqueConstraint("org_id", "kind", "subject", name="uq_billing_customer_org_id_kind_subject"),
    )
    op.create_index("ix_billing_customer_external_id", "billing_customer", ["external_id"])
    plan = ["billing_plan.org_id", "billing_plan.id"]
    _table(
        "billing_subscription",
        *_texts("customer_id", "plan_id", "starts_on", "ends_on", "external_id"),
        _of_customer("billing_subscription"),
        sa.ForeignKeyConstraint(["org_id", "plan_id"], plan, name="fk_billing_subscription_billing_plan"),
    )
    _table(
        "billing_adjustment",
        *_texts("customer_id"),
        *_numbers("amount_nano"),
        *_texts("reason", "invoice_id", "created_by"),
        _of_customer("billing_adjustment"),
    )
    _table(
        "billing_invoice",
        *_texts("customer_id", "period"),
        *_numbers("period_from", "period_until"),
        *_texts("currency", "state"),
        sa.Column("number", NUMBER, nullable=True),
        sa.Column("lines", JSON, nullable=False),
        *_numbers("total_nano", "unpriced"),
        sa.Column("finalised_at", NUMBER, nullable=True),
        _of_customer("billing_invoice"),
        sa.UniqueConstraint("org_id", "customer_id", "period", name="uq_billing_invoice_org_id_customer_id_period"),
        sa.UniqueConstraint("org_id", "number", name="uq_billing_invoice_org_id_number"),
    )
    _table(
        "billing_payment",
        *_texts("customer_id", "status", "number", "currency"),
        *_numbers("due_nano", "paid_nano", "period_from", "period_until", "event_at"),
        sa.Column("rank", COUNT, nullable=False),
        _of_customer("billing_payment"),
    )
    for name in ("billing_subscription", "billing_adjustment", "billing_payment"):
        op.create_index(f"ix_{name}_org_id_customer_id", name, ["org_id", "customer_id"])
    op.create_table(
        "billing_meter",
        *_texts("org_id", "customer_id"),
        *_numbers("hour", "sent_nano"),
        sa.Column("parts", COUNT, nullable=False),
        _of_customer("billing_meter"),
        sa.PrimaryKeyConstraint("org_id", "customer_id", "hour", name="pk_billing_meter"),
    )
    _wall("billing_meter")
