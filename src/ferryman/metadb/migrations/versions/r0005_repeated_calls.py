"""Calls that may be sent twice."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

DIGEST = sa.String(64)
TIME: sa.Double[float] = sa.Double()
TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")


def upgrade() -> None:
    op.create_table(
        "repeated_call",
        sa.Column("digest", DIGEST, primary_key=True),  # of account and key
        sa.Column("request", DIGEST, nullable=False),  # of what was asked for
        sa.Column("answer", TEXT, nullable=False),  # sealed; empty until the call has ended
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index("repeated_call_created_at", "repeated_call", ["created_at"])


def downgrade() -> None:
    raise NotImplementedError("an older version does not know these tables: restore the copy made before the upgrade")
