"""Webhooks that the control API defines; what signs them is not in the database."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

WALL = (
    "ALTER TABLE webhook ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE webhook FORCE ROW LEVEL SECURITY",
    "CREATE POLICY tenant ON webhook USING (org_id = current_setting('app.tenant', true) OR current_setting('app.tenant', true) = '*')",
)


def upgrade() -> None:
    op.create_table(
        "webhook",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("org_id", "id", "name", "url")),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_webhook"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_webhook_organisation"),
        sa.UniqueConstraint("org_id", "url", name="uq_webhook_org_id_url"),
    )
    op.create_index("ix_webhook_org_id_created_at_id", "webhook", ["org_id", "created_at", "id"])
    if op.get_bind().dialect.name == "postgresql":
        for statement in WALL:
            op.execute(statement)
