"""Limits of any subject and measure as rows, and the windows of the calendar that processes share."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT, NUMBER = sa.Text(), sa.BigInteger()
TENANT_TABLES = ("limit_window", "limit_lease")
ROW_LEVEL_SECURITY = (
    "ALTER TABLE %(table)s ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE %(table)s FORCE ROW LEVEL SECURITY",
    "CREATE POLICY tenant ON %(table)s USING (org_id = current_setting('app.tenant', true) OR current_setting('app.tenant', true) = '*')",
)


def upgrade() -> None:
    with op.batch_alter_table("limit_rule") as table:
        table.add_column(sa.Column("per", TEXT, nullable=False, server_default="day"))
        table.add_column(sa.Column("time_zone", TEXT, nullable=False, server_default="UTC"))
        table.add_column(sa.Column("hard", sa.Boolean(), nullable=False, server_default=sa.true()))
        table.add_column(sa.Column("reserve", TEXT, nullable=False, server_default="strict"))
        table.add_column(sa.Column("alerts", sa.JSON(none_as_null=True), nullable=True))
        table.add_column(sa.Column("ceiling_nano", NUMBER, nullable=True))
        table.add_column(sa.Column("output_cap", NUMBER, nullable=True))
        table.add_column(sa.Column("created_by", TEXT, nullable=False, server_default=""))
    op.create_table(
        "limit_window",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("starts_at", NUMBER, nullable=False),
        sa.Column("ends_at", NUMBER, nullable=True),
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("measure", TEXT, nullable=False),
        sa.Column("used", NUMBER, nullable=False),
        sa.Column("held", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "key", "starts_at", name="pk_limit_window"),
    )
    op.create_index("ix_limit_window_org_id_scope", "limit_window", ["org_id", "scope"])
    op.create_index("ix_limit_window_ends_at", "limit_window", ["ends_at"])
    op.create_table(
        "limit_lease",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("starts_at", NUMBER, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("granted", NUMBER, nullable=False),
        sa.Column("posted", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "key", "starts_at", "owner", name="pk_limit_lease"),
    )
    op.create_index("ix_limit_lease_owner", "limit_lease", ["owner"])
    op.create_table(
        "limit_owner",
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("alive_until", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_limit_owner"),
    )
    if op.get_bind().dialect.name == "postgresql":
        for name in TENANT_TABLES:
            for statement in ROW_LEVEL_SECURITY:
                op.execute(statement % {"table": name})
