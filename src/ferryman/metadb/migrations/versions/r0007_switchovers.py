"""Switchovers, and the projects that move changes back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ID = sa.String(40)
NAME = sa.String(64)
TIME: sa.Double[float] = sa.Double()
DOCUMENT = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql")


def upgrade() -> None:
    op.create_table(
        "switchover",
        sa.Column("id", ID, primary_key=True),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("reverse_id", ID, nullable=False),  # empty: none yet, or none asked for
        sa.Column("stage", NAME, nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
    )
    for column in ("project_id", "reverse_id", "stage"):
        op.create_index(f"switchover_{column}", "switchover", [column])


def downgrade() -> None:
    raise NotImplementedError("an older version does not know these tables: restore the copy made before the upgrade")
