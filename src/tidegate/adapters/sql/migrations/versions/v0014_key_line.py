"""Which keys replaced each other, so that their limits count them as one; those that were rotated before have limits of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("api_key", sa.Column("line", sa.Text(), nullable=True))
