"""How important the calls of a key are; of those that were made before, and by a gateway that knows nothing of it, as before."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("api_key", sa.Column("priority", sa.Text(), nullable=False, server_default="interactive"))
