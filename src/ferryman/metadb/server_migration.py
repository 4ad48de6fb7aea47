"""Runs the migrations on a server.

PostgreSQL takes all of them in one transaction. On MySQL and OceanBase each statement is one: what broke off goes on where
it stopped, for a table or index that is there already has been made by the try before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ferryman.foundation.errors import FerrymanError
from ferryman.metadb.revisions import HEAD, configuration
from ferryman.metadb.server_database import ServerDatabase

if TYPE_CHECKING:
    from sqlalchemy import Engine

VERSION_TABLE = "alembic_version"
MADE_BEFORE = frozenset({1050, 1060, 1061})
"""MySQL's words for: this table, column or index is there."""


def run_migrations_on_server(database: ServerDatabase) -> None:
    """Run all migrations that are missing; ``metadb.not_empty`` when the database holds something else."""
    from alembic import command

    with database.alone() as connection:
        _check_ours(database)
        engine = _engine(database, connection)
        with engine.begin() as bound:
            config = configuration()
            config.attributes["connection"] = bound
            command.upgrade(config, HEAD)


def _check_ours(database: ServerDatabase) -> None:
    """Only a database that is empty, or has our table of versions, is ours to make tables in."""
    tables = database.tables()
    if tables and VERSION_TABLE not in tables:
        raise FerrymanError("metadb.not_empty", f"{database.place} holds tables of something else")


def _engine(database: ServerDatabase, connection: Any) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    if database.driver.sqlalchemy_url.startswith("mysql"):
        _tell_mysql()
        connection.cursorclass = _resuming_cursor()
    else:
        connection.autocommit = False
    return create_engine(database.driver.sqlalchemy_url, creator=lambda: connection, poolclass=StaticPool)


def _tell_mysql() -> None:
    """Compare texts as SQLite and PostgreSQL do, byte by byte, whatever the database's own collation is."""
    from sqlalchemy.ext.compiler import compiles
    from sqlalchemy.schema import CreateTable

    @compiles(CreateTable, "mysql")
    def create_table(element: CreateTable, compiler: Any, **options: Any) -> str:
        text: str = compiler.visit_create_table(element, **options)
        return f"{text.rstrip()} DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"


def _resuming_cursor() -> type[Any]:
    import pymysql
    from pymysql.cursors import Cursor

    class ResumingCursor(Cursor):
        def execute(self, query: Any, args: Any = None) -> int:
            try:
                return super().execute(query, args)
            except pymysql.MySQLError as error:
                if error.args[0] not in MADE_BEFORE:
                    raise
                return 0

    return ResumingCursor
