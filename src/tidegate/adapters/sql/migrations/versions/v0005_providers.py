"""Credentials get a weight, limits and where they came from; providers and routes that the database defines."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT, NUMBER, COUNT = sa.Text(), sa.BigInteger(), sa.Integer()
JSON = sa.JSON(none_as_null=True)
WALL = (
    "ALTER TABLE %(table)s ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE %(table)s FORCE ROW LEVEL SECURITY",
    "CREATE POLICY tenant ON %(table)s USING (org_id = current_setting('app.tenant', true) OR current_setting('app.tenant', true) = '*')",
)


def upgrade() -> None:
    op.add_column("credential", sa.Column("weight", COUNT, nullable=False, server_default="1"))
    op.add_column("credential", sa.Column("limits", JSON, nullable=True))
    op.add_column("credential", sa.Column("reference", TEXT, nullable=False, server_default=""))
    for name in ("stored_provider", "stored_route"):
        op.create_table(
            name,
            sa.Column("org_id", TEXT, nullable=False),
            sa.Column("id", TEXT, nullable=False),
            sa.Column("name", TEXT, nullable=False),
            sa.Column("entry", JSON, nullable=False),
            sa.Column("created_by", TEXT, nullable=False),
            sa.Column("created_at", NUMBER, nullable=False),
            sa.Column("updated_at", NUMBER, nullable=False),
            sa.Column("revision", COUNT, nullable=False),
            sa.ForeignKeyConstraint(["org_id"], ["organisation.org_id"], name=f"fk_{name}_organisation"),
            sa.PrimaryKeyConstraint("org_id", "id", name=f"pk_{name}"),
            sa.UniqueConstraint("org_id", "name", name=f"uq_{name}_org_id_name"),
        )
        op.create_index(f"ix_{name}_org_id_created_at_id", name, ["org_id", "created_at", "id"])
        if op.get_bind().dialect.name == "postgresql":
            for statement in WALL:
                op.execute(statement % {"table": name})
