"""What gateways on one database have in common; and the tables of budgets that no version ever used go: limits are in `limit_rule`,
`limit_window` and `limit_lease`."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_installation"),
    )
    for unused in ("reservation", "budget_window", "budget"):
        op.drop_table(unused)
