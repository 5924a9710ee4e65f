"""The tables of what tenants keep by id (`ports.kept`). What people said, and what files hold, is in sealed columns only."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, LargeBinary, Table, Text

from tidegate.adapters.sql.columns import METADATA, moment, number, owned, text

kept_object = Table(
    "kept_object",
    METADATA,
    text("org_id"),
    text("id"),
    text("kind"),
    text("key_id"),
    text("upstream"),
    text("account"),
    text("state"),
    moment("created_at"),
    moment("expires_at", optional=True),
    text("claimed_by"),
    moment("claimed_until", optional=True),
    Column("revision", Integer, nullable=False),
    text("kek_id"),
    Column("sealed", LargeBinary, nullable=False),
    Column("end_user_mark", Text, nullable=False, server_default=""),
    owned("id"),
    Index(None, "org_id", "kind", "created_at", "id"),
    Index(None, "id"),
    Index(None, "org_id", "end_user_mark"),
    Index(None, "expires_at"),
    Index(None, "state", "kind"),
)
"""`sealed` is empty where there is no body, `end_user_mark` where nobody was named (`policy.erased`)."""

kept_part = Table(
    "kept_part",
    METADATA,
    text("org_id"),
    text("id"),
    number("place"),
    text("kek_id"),
    Column("sealed", LargeBinary, nullable=False),
    owned("id", "place"),
    ForeignKeyConstraint(["org_id", "id"], ["kept_object.org_id", "kept_object.id"], ondelete="CASCADE"),
)
"""Items of a conversation, chunks of a file, answers of a batch."""
