"""First tables.

Types are those that SQLite, PostgreSQL, MySQL and OceanBase share. Times are Unix seconds in UTC.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(40)
NAME = sa.String(64)
LONG_NAME = sa.String(300)
TIME: sa.Double[float] = sa.Double()
DOCUMENT = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql")
TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")
NUMBER = sa.BigInteger()
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _endpoints()
    _projects()
    _steps()
    _tasks()
    _journals()


def _endpoints() -> None:
    op.create_table(
        "endpoint",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", sa.String(128), nullable=False, unique=True),
        sa.Column("scheme", NAME, nullable=False),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("region", sa.String(128), nullable=False),
        sa.Column("sealed", TEXT, nullable=False),  # endpoint and api_document: both may hold a password
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
    )


def _projects() -> None:
    op.create_table(
        "project",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", sa.String(128), nullable=False),
        # the name while the project lives, its id once deleted: so names are unique among the living
        sa.Column("living_name", sa.String(128), nullable=False, unique=True),
        sa.Column("type", NAME, nullable=False),
        sa.Column("status", NAME, nullable=False, index=True),
        sa.Column("source_scheme", NAME, nullable=False),
        sa.Column("target_scheme", NAME, nullable=False),
        sa.Column("spec_version", sa.Integer, nullable=False),
        sa.Column("spec", DOCUMENT, nullable=False),  # without the endpoints' passwords and options
        sa.Column("sealed", TEXT, nullable=False),  # these
        sa.Column("labels", TEXT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("error", DOCUMENT),
        sa.Column("alarm_count", sa.Integer, nullable=False),
        sa.Column("revision", NUMBER, nullable=False),  # raised by each change of status or spec
    )


def _steps() -> None:
    op.create_table(
        "step",
        sa.Column("project_id", ID, primary_key=True),
        sa.Column("name", NAME, primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("enabled", sa.Integer, nullable=False),
        sa.Column("status", NAME, nullable=False),
        sa.Column("progress", DOCUMENT, nullable=False),
        sa.Column("reported_epoch", NUMBER, nullable=False),  # who reported last; 0 = nobody yet
        sa.Column("caught_up", sa.Integer, nullable=False),  # said once, kept: MONITORING never goes back to RUNNING
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("seconds", TIME, nullable=False),
        sa.Column("running_since", TIME),
        sa.Column("error", DOCUMENT),
        sa.Column("restarts", sa.Integer, nullable=False),
    )
    op.create_table(
        "table_progress",
        sa.Column("project_id", ID, primary_key=True),
        sa.Column("step", NAME, primary_key=True),
        sa.Column("name", LONG_NAME, primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("done_rows", NUMBER, nullable=False),
        sa.Column("total_rows", NUMBER, nullable=False),
        sa.Column("done_bytes", NUMBER, nullable=False),
        sa.Column("mismatches", NUMBER),
        sa.Column("state", NAME, nullable=False),
        sa.Column("message", TEXT, nullable=False),
    )


def _tasks() -> None:
    op.create_table(
        "task",
        sa.Column("project_id", ID, primary_key=True),
        sa.Column("name", NAME, primary_key=True),
        sa.Column("epoch", NUMBER, nullable=False),  # raised by each new holder (I7)
        sa.Column("owner", sa.String(128)),  # the service that has it; NULL = free
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("process_id", NUMBER),
        sa.Column("process_born", NAME),  # tells a process from a later one with the same number
        sa.Column("stop_requested", sa.Integer, nullable=False),
        sa.Column("outcome", NAME),  # finished, stopped, failed; NULL = none said
        sa.Column("error", DOCUMENT),
        sa.Column("started_at", TIME),
        sa.Column("ended_at", TIME),
    )


def _journals() -> None:
    op.create_table(
        "note",
        sa.Column("project_id", ID, primary_key=True),
        sa.Column("name", LONG_NAME, primary_key=True),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
    )
    op.create_table(
        "mismatch",
        sa.Column("project_id", ID, primary_key=True),
        sa.Column("table_name", LONG_NAME, primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("document", DOCUMENT, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("level", NAME, nullable=False),
        sa.Column("step", NAME, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("fields", DOCUMENT, nullable=False),
        sa.Index("event_project", "project_id", "id"),
        sqlite_autoincrement=True,  # an id never comes again, even when the newest events are gone
    )
    op.create_table(
        "sample",
        sa.Column("project_id", ID, primary_key=True),
        sa.Column("step", NAME, primary_key=True),
        sa.Column("taken_at", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("rows_per_second", TIME, nullable=False),
        sa.Column("bytes_per_second", TIME, nullable=False),
        sa.Column("latency_seconds", TIME),
    )


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first tables")
