"""Prices of the database can be edited: each row has a revision."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("price_version", sa.Column("updated_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("price_version", sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
