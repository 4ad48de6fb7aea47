"""What differs between the servers that can hold the metadb: how to connect, how to begin, what an error means."""

from __future__ import annotations

import contextlib
import functools
import re
import ssl
from typing import Any, Protocol

from ferryman.foundation.errors import UsageError
from ferryman.model.project import Endpoint

MYSQL_SCHEMES = frozenset({"mysql", "mariadb", "oceanbase", "tidb"})
POSTGRES_SCHEMES = frozenset({"postgresql", "postgres"})

CONNECT_SECONDS = 5
LOCK_SECONDS = 6
"""How long one try to begin a writing transaction waits for the one before it."""

ANSWER_SECONDS = 12
"""A server that answers nothing for so long is taken for gone: shorter than a lease (I7)."""

IDLE_SECONDS = 60
"""The server ends a transaction whose client is silent for so long, so that a lost machine blocks nobody for longer."""

LOCK = "SELECT version_num FROM alembic_version FOR UPDATE"
"""Every writing transaction begins by locking this one row: so they come one after the other, as on SQLite."""

UPGRADE_LOCK = "ferryman metadb upgrade"
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


class Driver(Protocol):
    """One kind of server."""

    reading: tuple[str, ...]
    writing: tuple[str, ...]
    present_tables: str
    lock_upgrade: str
    unlock_upgrade: str
    sqlalchemy_url: str

    @property
    def errors(self) -> type[Exception]:
        """The base of the driver's errors."""
        ...

    def connect(self, endpoint: Endpoint, *, patient: bool) -> Any:
        """Open a connection in autocommit; `patient`: a statement may take long (migrations)."""
        ...

    def cursor(self, connection: Any) -> Any:
        """Return a cursor whose rows are dictionaries."""
        ...

    def is_gone(self, error: Exception) -> bool:
        """Whether the server, or the way to it, is gone."""
        ...

    def is_conflict(self, error: Exception) -> bool:
        """Whether another transaction stood in the way: the same would work later."""
        ...


@functools.lru_cache(maxsize=512)
def with_format_parameters(sql: str) -> str:
    """Turn ``:name`` into ``%(name)s``."""
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


def driver_of(endpoint: Endpoint) -> Driver:
    """Return the driver of an endpoint; ``usage.bad_url`` when there is none, or it names no database."""
    if not endpoint.database:
        raise UsageError("usage.bad_url", "--metadb: the URL names no database", hint="write …://user@host/database")
    if endpoint.scheme in MYSQL_SCHEMES:
        return MySqlDriver()
    if endpoint.scheme in POSTGRES_SCHEMES:
        return PostgresDriver()
    raise UsageError("usage.bad_url", f"--metadb: the state cannot be kept in {endpoint.scheme}://")


class MySqlDriver:
    """MySQL, MariaDB, OceanBase, TiDB."""

    reading: tuple[str, ...] = (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT",
    )
    writing: tuple[str, ...] = ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION", LOCK)
    present_tables = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()"
    lock_upgrade = f"SELECT GET_LOCK('{UPGRADE_LOCK}', 600)"
    unlock_upgrade = f"SELECT RELEASE_LOCK('{UPGRADE_LOCK}')"
    sqlalchemy_url = "mysql+pymysql://"

    GONE = frozenset({0, 1040, 1042, 1043, 1047, 1053, 1077, 1079, 1080, 1081, 1152, 1153, 1158, 1159, 1160, 1161, 1203,
                      1927, 2002, 2003, 2006, 2013, 2014, 2027, 2055, 3169, 4031})  # fmt: skip
    CONFLICT = frozenset({1205, 1213, 4012, 6002, 6003, 6212})
    SETTINGS = (
        f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}",
        f"SET SESSION ob_trx_lock_timeout = {LOCK_SECONDS}000000",
        f"SET SESSION ob_trx_idle_timeout = {IDLE_SECONDS}000000",
        f"SET SESSION wait_timeout = {IDLE_SECONDS}",
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    )

    @property
    def errors(self) -> type[Exception]:
        """The base of the driver's errors."""
        import pymysql

        return pymysql.MySQLError

    def connect(self, endpoint: Endpoint, *, patient: bool) -> Any:
        """Open a connection in autocommit; found rows are counted, not only changed ones."""
        import pymysql
        from pymysql.constants import CLIENT

        seconds = None if patient else ANSWER_SECONDS
        connection = pymysql.connect(
            host=endpoint.host,
            port=endpoint.port,
            user=endpoint.username,
            password=endpoint.password,
            database=endpoint.database,
            unix_socket=endpoint.options.get("unix_socket"),
            charset="utf8mb4",
            autocommit=True,
            client_flag=CLIENT.FOUND_ROWS,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=seconds,
            write_timeout=seconds,
            ssl=_tls(endpoint),
        )
        with connection.cursor() as cursor:
            for setting in self.SETTINGS:
                with contextlib.suppress(pymysql.OperationalError, pymysql.InternalError):  # no such setting here
                    cursor.execute(setting)
        return connection

    def cursor(self, connection: Any) -> Any:
        """Return a cursor whose rows are dictionaries."""
        from pymysql.cursors import DictCursor

        return connection.cursor(DictCursor)

    def is_gone(self, error: Exception) -> bool:
        """Whether the server, or the way to it, is gone."""
        import pymysql

        return isinstance(error, pymysql.InterfaceError) or _number(error) in self.GONE

    def is_conflict(self, error: Exception) -> bool:
        """Whether another transaction stood in the way."""
        return _number(error) in self.CONFLICT


class PostgresDriver:
    """PostgreSQL."""

    reading: tuple[str, ...] = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",)
    writing: tuple[str, ...] = ("BEGIN ISOLATION LEVEL READ COMMITTED", LOCK)
    present_tables = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()"
    lock_upgrade = f"SELECT pg_advisory_lock(hashtext('{UPGRADE_LOCK}'))"
    unlock_upgrade = f"SELECT pg_advisory_unlock(hashtext('{UPGRADE_LOCK}'))"
    sqlalchemy_url = "postgresql+psycopg://"

    CONFLICT = frozenset({"40001", "40P01", "55P03", "57014"})
    GONE = ("08", "57P", "25P03", "53300")

    @property
    def errors(self) -> type[Exception]:
        """The base of the driver's errors."""
        import psycopg

        return psycopg.Error

    def connect(self, endpoint: Endpoint, *, patient: bool) -> Any:
        """Open a connection in autocommit whose parameters are bound here, so that their types need no casts."""
        import psycopg

        options = [f"-c lock_timeout={LOCK_SECONDS}s", f"-c idle_in_transaction_session_timeout={IDLE_SECONDS}s"]
        options += [] if patient else [f"-c statement_timeout={ANSWER_SECONDS}s"]
        chain = endpoint.options.get("ssl_ca")
        return psycopg.connect(
            host=endpoint.options.get("unix_socket") or endpoint.host,
            port=endpoint.port,
            user=endpoint.username,
            password=endpoint.password or None,
            dbname=endpoint.database,
            sslmode="verify-full" if chain else "prefer",
            sslrootcert=chain,
            connect_timeout=CONNECT_SECONDS,
            tcp_user_timeout=ANSWER_SECONDS * 1000,
            client_encoding="utf8",
            options=" ".join(options),
            autocommit=True,
            cursor_factory=psycopg.ClientCursor,
        )

    def cursor(self, connection: Any) -> Any:
        """Return a cursor whose rows are dictionaries."""
        from psycopg.rows import dict_row

        return connection.cursor(row_factory=dict_row)

    def is_gone(self, error: Exception) -> bool:
        """Whether the server, or the way to it, is gone; an error without a state never reached it."""
        import psycopg

        state = getattr(error, "sqlstate", None)
        if state is None:
            return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return str(state).startswith(self.GONE)

    def is_conflict(self, error: Exception) -> bool:
        """Whether another transaction stood in the way."""
        return getattr(error, "sqlstate", None) in self.CONFLICT


def _number(error: Exception) -> int:
    found = error.args[0] if error.args else -1
    return found if isinstance(found, int) else -1


def _tls(endpoint: Endpoint) -> ssl.SSLContext | None:
    chain = endpoint.options.get("ssl_ca")
    return ssl.create_default_context(cafile=chain) if chain else None
