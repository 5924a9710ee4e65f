"""Finds the changes since a generation without reading the whole audit log."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index("ix_audit_event_generation", "audit_event", ["generation"])
