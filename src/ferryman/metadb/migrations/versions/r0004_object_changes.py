"""Objects that join or leave a project while it lives."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.String(40)
NAME = sa.String(64)
TIME: sa.Double[float] = sa.Double()
DOCUMENT = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql")


def upgrade() -> None:
    op.create_table(
        "object_change",
        sa.Column("id", ID, primary_key=True),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("sub_project_id", ID, nullable=False),  # empty: none yet, or none needed
        sa.Column("kind", NAME, nullable=False),
        sa.Column("status", NAME, nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
    )
    for column in ("project_id", "sub_project_id", "status"):
        op.create_index(f"object_change_{column}", "object_change", [column])


def downgrade() -> None:
    raise NotImplementedError("an older version does not know these tables: restore the copy made before the upgrade")
