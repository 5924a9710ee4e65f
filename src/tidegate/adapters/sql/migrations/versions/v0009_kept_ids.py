"""Whether an id is another tenant's is asked where requests may name ids that were not made here."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index("ix_kept_object_id", "kept_object", ["id"])
