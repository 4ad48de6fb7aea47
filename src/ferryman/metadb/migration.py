"""Makes and upgrades the tables of the metadb, in one transaction, so that a crash leaves the old or the new ones (I8).

An existing metadb is upgraded by hand-written Alembic migrations. An empty one gets its tables from ``head.sql``, which is
what the migrations would make (a test compares them): loading Alembic alone takes longer than all the rest of a start.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from ferryman.foundation.errors import FerrymanError
from ferryman.metadb.database import Database
from ferryman.metadb.revisions import HEAD, SCRIPTS, configuration
from ferryman.metadb.server_database import ServerDatabase

if TYPE_CHECKING:
    from sqlalchemy import Engine

HEAD_TABLES = SCRIPTS / "head.sql"


def upgrade(database: Database | ServerDatabase) -> None:
    """Bring the metadb to `HEAD`; ``metadb.newer`` when a newer version of the program wrote it.

    Only the holder of the data directory calls this: two upgrades never run at once.
    """
    current = revision(database)
    if current == HEAD:
        return
    if current is not None and current > HEAD:
        raise FerrymanError("metadb.newer", f"{database.place} has revision {current}, this version knows {HEAD}")
    if isinstance(database, ServerDatabase):
        from ferryman.metadb.server_migration import run_migrations_on_server

        run_migrations_on_server(database)
        return
    if current is None:
        make_tables(database)
    else:
        run_migrations(database)
    database.fold_log()  # the file has its room on the disk now: folding later needs hardly any more


def make_tables(database: Database) -> None:
    """Make the tables of `HEAD` in an empty metadb."""
    with database.writing() as tx:
        for statement in HEAD_TABLES.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                tx.execute(statement)


def revision(database: Database | ServerDatabase) -> str | None:
    """Return the revision the tables have, `None` for an empty metadb."""
    if isinstance(database, ServerDatabase):
        return _revision_on_server(database)
    with database.reading() as tx:
        if not tx.value("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"):
            return None
        found: str | None = tx.value("SELECT version_num FROM alembic_version")
        return found


def _revision_on_server(database: ServerDatabase) -> str | None:
    if "alembic_version" not in database.tables():
        return None
    with database.reading() as tx:
        found: str | None = tx.value("SELECT version_num FROM alembic_version")
    return found


def run_migrations(database: Database) -> None:
    """Run all migrations that are missing."""
    from alembic import command

    connection = database.raw_connection()
    engine = _engine(connection)
    try:
        with engine.begin() as bound:
            config = configuration()
            config.attributes["connection"] = bound
            command.upgrade(config, "head")
    finally:
        engine.dispose()
        with contextlib.suppress(sqlite3.Error):
            connection.close()


def _engine(connection: sqlite3.Connection) -> Engine:
    """Wrap a connection so that *our* BEGIN rules: then DDL is part of the transaction, and a crash leaves nothing (I8)."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import StaticPool

    connection.row_factory = None
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)

    def begin(bound: object) -> None:
        bound.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]

    event.listen(engine, "begin", begin)
    return engine


def described(database: Database) -> str:
    """Return the statements that make the tables a metadb has, in the form of ``head.sql``."""
    with database.reading() as tx:
        rows = tx.rows(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
        )
    version = f"INSERT INTO alembic_version (version_num) VALUES ('{HEAD}')"
    statements = ["\n".join(line.rstrip() for line in row["sql"].splitlines()) for row in rows]
    return "".join(f"{statement};\n\n" for statement in [*statements, version])
