"""Somebody's data is erased: which erasures there were, and whom what is kept belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

TEXT, NUMBER, COUNT = sa.Text(), sa.BigInteger(), sa.Integer()
WALL = (
    "ALTER TABLE %(table)s ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE %(table)s FORCE ROW LEVEL SECURITY",
    "CREATE POLICY tenant ON %(table)s USING (org_id = current_setting('app.tenant', true) OR current_setting('app.tenant', true) = '*')",
)


def upgrade() -> None:
    op.create_table(
        "erasure",
        *(sa.Column(name, TEXT, nullable=False) for name in ("org_id", "id", "subject_kind", "subject", "mark", "pseudonym")),
        sa.Column("counts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("finished_at", NUMBER, nullable=True),
        sa.Column("created_by", TEXT, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("revision", COUNT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "id", name="pk_erasure"),
        sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name="fk_erasure_organisation"),
    )
    op.create_index("ix_erasure_org_id_created_at_id", "erasure", ["org_id", "created_at", "id"])
    op.add_column("kept_object", sa.Column("end_user_mark", TEXT, nullable=False, server_default=""))
    op.create_index("ix_kept_object_org_id_end_user_mark", "kept_object", ["org_id", "end_user_mark"])
    if op.get_bind().dialect.name == "postgresql":
        for statement in WALL:
            op.execute(statement % {"table": "erasure"})
