"""Which part of a limit by the minute each process may admit, where several share a machine."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "limit_part",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=False),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("counts_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", "owner", name="pk_limit_part"),
    )
