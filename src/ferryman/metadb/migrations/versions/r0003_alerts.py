"""Alerts: rules that were changed, what they found, silences, channels, and what is to be sent through them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.String(40)
NAME = sa.String(64)
LONG_NAME = sa.String(300)
TIME: sa.Double[float] = sa.Double()
DOCUMENT = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql")
TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _rules_and_alerts()
    _silences()
    _channels()


def _rules_and_alerts() -> None:
    op.create_table(
        "alert_rule",
        sa.Column("name", NAME, primary_key=True),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
    )
    op.create_table(
        "alert",
        sa.Column("id", ID, primary_key=True),
        # what it is about while it lasts, its id once recovered: so nothing is open twice
        sa.Column("living_key", sa.String(200), nullable=False, unique=True),
        sa.Column("rule", NAME, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("project_name", sa.String(128), nullable=False),
        sa.Column("level", NAME, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("opened_at", TIME),
        sa.Column("clear_since", TIME),
        sa.Column("recovered_at", TIME),
        sa.Column("sent_at", TIME),
        sa.Column("sent_count", sa.Integer, nullable=False),
    )
    for column in ("project_id", "state", "opened_at"):
        op.create_index(f"ix_alert_{column}", "alert", [column])


def _silences() -> None:
    op.create_table(
        "alert_silence",
        sa.Column("id", ID, primary_key=True),
        sa.Column("project_id", ID, nullable=False),  # empty: every project; likewise rule and label
        sa.Column("rule", NAME, nullable=False),
        sa.Column("label_id", ID, nullable=False),
        sa.Column("reason", LONG_NAME, nullable=False),
        sa.Column("account", NAME, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
    )


def _channels() -> None:
    op.create_table(
        "alert_channel",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", NAME, nullable=False, unique=True),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("enabled", sa.Integer, nullable=False),
        sa.Column("sealed", TEXT, nullable=False),  # all of its settings: addresses of chat robots are secrets, too
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
    )
    op.create_table(
        "alert_outbox",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("channel_id", ID, nullable=False),
        sa.Column("alert_id", ID, nullable=False),
        sa.Column("event", NAME, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("sent_at", TIME),
        sa.Column("error", TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_outbox_channel", "alert_outbox", ["channel_id"])
    op.create_index("ix_alert_outbox_alert", "alert_outbox", ["alert_id"])
    op.create_index("ix_alert_outbox_due", "alert_outbox", ["state", "next_at"])


def downgrade() -> None:
    raise NotImplementedError("an older version does not know these tables: restore the copy made before the upgrade")
