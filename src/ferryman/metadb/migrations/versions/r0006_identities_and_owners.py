"""Accounts that log in by a provider, and whose project a project is."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("identity", sa.String(64)))  # digest of provider and person; NULL: by password
    op.create_index("account_identity", "account", ["identity"], unique=True)
    op.add_column("project", sa.Column("owner", sa.String(64)))  # NULL: everybody's, as before there were owners


def downgrade() -> None:
    raise NotImplementedError("an older version does not know these columns: restore the copy made before the upgrade")
