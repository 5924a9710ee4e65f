"""What tenants keep by id: responses, conversations, files and batches, sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

TEXT, NUMBER, COUNT, BYTES = sa.Text(), sa.BigInteger(), sa.Integer(), sa.LargeBinary()
WALL = (
    "ALTER TABLE %(table)s ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE %(table)s FORCE ROW LEVEL SECURITY",
    "CREATE POLICY tenant ON %(table)s USING (org_id = current_setting('app.tenant', true) OR current_setting('app.tenant', true) = '*')",
)


def upgrade() -> None:
    op.create_table(
        "kept_object",
        *(sa.Column(name, TEXT, nullable=False) for name in ("org_id", "id", "kind", "key_id", "upstream", "account", "state")),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("expires_at", NUMBER, nullable=True),
        sa.Column("claimed_by", TEXT, nullable=False),
        sa.Column("claimed_until", NUMBER, nullable=True),
        sa.Column("revision", COUNT, nullable=False),
        sa.Column("kek_id", TEXT, nullable=False),
        sa.Column("sealed", BYTES, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_kept_object"),
    )
    op.create_index("ix_kept_object_org_id_kind_created_at_id", "kept_object", ["org_id", "kind", "created_at", "id"])
    op.create_index("ix_kept_object_expires_at", "kept_object", ["expires_at"])
    op.create_index("ix_kept_object_state_kind", "kept_object", ["state", "kind"])
    op.create_table(
        "kept_part",
        sa.Column("org_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("place", NUMBER, nullable=False),
        sa.Column("kek_id", TEXT, nullable=False),
        sa.Column("sealed", BYTES, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", "place", name="pk_kept_part"),
        sa.ForeignKeyConstraint(
            ["org_id", "id"], ["kept_object.org_id", "kept_object.id"], name="fk_kept_part_kept_object", ondelete="CASCADE"
        ),
    )
    if op.get_bind().dialect.name == "postgresql":
        for name in ("kept_object", "kept_part"):
            for statement in WALL:
                op.execute(statement % {"table": name})
