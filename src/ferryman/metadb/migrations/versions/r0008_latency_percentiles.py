"""How long half, and 99 in 100, of the changes took, at each moment of which there is a sample."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # NULL: samples taken before, steps that apply nothing, moments without changes
    op.add_column("sample", sa.Column("latency_p50", sa.Double))
    op.add_column("sample", sa.Column("latency_p99", sa.Double))


def downgrade() -> None:
    raise NotImplementedError("an older version does not know these columns: restore the copy made before the upgrade")
