"""Who may call, labels, and prechecks that were asked for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(40)
NAME = sa.String(64)
LONG_NAME = sa.String(300)
DIGEST = sa.String(64)
TIME: sa.Double[float] = sa.Double()
DOCUMENT = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql")
TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _access()
    _labels()
    _prechecks()


def _access() -> None:
    op.create_table(
        "account",
        sa.Column("name", NAME, primary_key=True),
        sa.Column("role", NAME, nullable=False),
        sa.Column("secret", TEXT, nullable=False),  # salted hash and how it was made
        sa.Column("disabled", sa.Integer, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
    )
    op.create_table(
        "web_session",
        sa.Column("digest", DIGEST, primary_key=True),  # of the token: who reads the metadb cannot log in with it
        sa.Column("account", NAME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
    )
    op.create_table(
        "api_key",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", NAME, nullable=False),
        sa.Column("account", NAME, nullable=False),
        sa.Column("role", NAME, nullable=False),
        sa.Column("digest", DIGEST, nullable=False, unique=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
    )
    op.create_table(
        "audit",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("account", NAME, nullable=False),
        sa.Column("address", NAME, nullable=False),
        sa.Column("action", LONG_NAME, nullable=False),
        sa.Column("outcome", NAME, nullable=False),  # ok, or the error's code
        sa.Column("detail", DOCUMENT, nullable=False),
        sqlite_autoincrement=True,
    )


def _labels() -> None:
    op.create_table(
        "label",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", NAME, nullable=False, unique=True),
        sa.Column("created_at", TIME, nullable=False),
    )


def _prechecks() -> None:
    op.create_table(
        "precheck_run",
        sa.Column("id", ID, primary_key=True),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("status", NAME, nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("an older version does not know these tables: restore the copy made before the upgrade")
