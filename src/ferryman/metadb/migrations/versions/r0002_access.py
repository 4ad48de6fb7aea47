"""Who may call, labels, and what else the service keeps for itself: alerts, prechecks, answers given before."""

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
    _alerts()
    _calls()


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


def _alerts() -> None:
    op.create_table(
        "setting",
        sa.Column("name", NAME, primary_key=True),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
    )
    op.create_table(
        "alert_channel",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", NAME, nullable=False, unique=True),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("sealed", TEXT, nullable=False),  # addresses hold tokens, mail servers passwords
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_table(
        "alert",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("rule", NAME, nullable=False),
        sa.Column("level", NAME, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("sent_at", TIME),  # the last notice
        sa.Column("closed_at", TIME),
        sa.Column("trouble", TEXT, nullable=False),  # why a notice could not be sent
        sa.Index("alert_project", "project_id", "closed_at"),
        sqlite_autoincrement=True,
    )


def _calls() -> None:
    op.create_table(
        "precheck_run",
        sa.Column("id", ID, primary_key=True),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("status", NAME, nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_table(
        "idempotency",
        sa.Column("account", NAME, primary_key=True),
        sa.Column("token", sa.String(128), primary_key=True),
        sa.Column("digest", DIGEST, nullable=False),  # of the request: the same key with another one is refused
        sa.Column("status", sa.Integer),  # NULL: under way
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("an older version does not know these tables: restore the copy made before the upgrade")
