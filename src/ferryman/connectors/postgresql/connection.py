"""Connections to PostgreSQL: made by psycopg, every session fixed the same way.

A session of ours speaks UTF-8, lives in UTC, and gets values in one spelling (`SETTINGS`), so that the same value always
has the same text. Transactions are begun and ended by hand.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq.abc import PGconn, PGresult

from ferryman.connectors.postgresql import exchange
from ferryman.connectors.postgresql.errors import convert, convert_connect
from ferryman.connectors.sql_family.ways import address_of
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.project import Endpoint

SETTINGS: dict[str, str] = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "standard_conforming_strings": "on",
    "statement_timeout": "0",
    "search_path": "",
    "client_min_messages": "warning",
}
"""What the text of values depends on. With an empty search path every name of an expression is shown in full."""

WRITER_IDLE_MILLISECONDS = 300_000
"""A vanished writer's open transaction holds its lease row: the server ends it, so that a new holder can begin (I7)."""

_WRITER: dict[str, str] = {
    "idle_in_transaction_session_timeout": str(WRITER_IDLE_MILLISECONDS),
    "lock_timeout": "50000",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""Keys are joined to a table by its index: with a wrong guess the planner would read the whole table."""

_TLS_MODES = {
    "DISABLED": "disable",
    "PREFERRED": "prefer",
    "REQUIRED": "require",
    "VERIFY_CA": "verify-ca",
    "VERIFY_IDENTITY": "verify-full",
}

Cell = bytes | None


class Connection:
    """One session; one thread at a time."""

    def __init__(self, raw: psycopg.Connection[Any], endpoint: Endpoint, role: str = "source") -> None:
        """Wrap a connected psycopg connection; `role` (``source``, ``target``) decides the codes of some errors."""
        self.raw = raw
        self.endpoint = endpoint
        self.role = role
        self.where = where_of(endpoint)
        self.fires_triggers = False
        """Whether foreign keys and triggers act on what this session writes."""

    @property
    def version(self) -> tuple[int, ...]:
        """Return the server's version: ``(18, 6)``."""
        number = self.raw.info.server_version
        return number // 10_000, number % 10_000

    def query(self, sql: str, args: Sequence[Any] = (), *, table: str = "") -> list[tuple[Any, ...]]:
        """Run a statement with ``%s`` for each argument and return all its rows, values as psycopg reads them."""
        with self._errors(table), self.raw.cursor() as cursor:
            cursor.execute(sql, args or None)
            return cursor.fetchall() if cursor.description is not None else []

    def execute(self, sql: str, args: Sequence[Any] = (), *, table: str = "") -> int:
        """Run a statement and return the number of rows it affected."""
        with self._errors(table), self.raw.cursor() as cursor:
            cursor.execute(sql, args or None)
            return cursor.rowcount

    def run(self, sql: str | bytes, *, table: str = "") -> PGresult:
        """Run one or several statements as they stand, at once; returns the last one's result."""
        with self._errors(table):
            self._pg.send_query(sql if isinstance(sql, bytes) else sql.encode())
            return exchange.last_result(self._pg)

    def run_with(self, sql: str, values: Sequence[Cell], *, table: str = "") -> PGresult:
        """Run one statement with ``$1`` … and arguments in the server's text form; results come as text."""
        with self._errors(table):
            self._pg.send_query_params(sql.encode(), values)
            return exchange.last_result(self._pg)

    def copy_in(self, sql: str, pieces: Iterable[bytes], *, before: str = "", table: str = "") -> None:
        """Run ``COPY … FROM STDIN``, the statements `before` ahead of it in the same round trip."""
        with self._errors(table):
            self._pg.send_query((f"{before};{sql}" if before else sql).encode())
            exchange.begin_copy(self._pg)
            try:
                for piece in pieces:
                    exchange.send(self._pg, piece)
            except FerrymanError:
                with contextlib.suppress(psycopg.Error):
                    exchange.end_copy(self._pg, b"ended by the client")
                raise
            exchange.end_copy(self._pg)

    def copy_out(self, sql: str, *, table: str = "") -> Generator[bytes, None, None]:
        """Run ``COPY … TO STDOUT`` and yield its rows. Left early, the connection is closed."""
        done = False
        try:
            with self._errors(table):
                self._pg.send_query(sql.encode())
                exchange.begin_copy(self._pg)
                yield from exchange.receive(self._pg)
                done = True
        finally:
            if not done:
                self.abort()

    @property
    def _pg(self) -> PGconn:
        return self.raw.pgconn

    @property
    def is_open(self) -> bool:
        """Whether the connection is usable."""
        return not self.raw.closed and not self.raw.broken

    def close(self) -> None:
        """Say good-bye and close; never raises."""
        with contextlib.suppress(psycopg.Error, OSError):
            self.raw.close()

    abort = close

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _errors(self, table: str) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise convert(error, where=self.where, role=self.role, table=table) from error
        except OSError as error:
            raise FerrymanError("endpoint.connection_lost", f"{self.where}: {error.strerror}") from error


def where_of(endpoint: Endpoint) -> str:
    """Return the endpoint for messages: without its password, with its socket when it has one."""
    path = endpoint.options.get("unix_socket")
    return f"{endpoint.scheme}://{endpoint.username}@({path})/{endpoint.database}" if path else str(endpoint)


def open_connection(endpoint: Endpoint, *, role: str = "source", writer: bool = False) -> Connection:
    """Connect, log in and fix the session.

    Args:
        endpoint: Where and who.
        role: ``source`` or ``target``: decides the codes of some errors.
        writer: Foreign keys and triggers do not act (rows come in any order), where the server lets us say so.

    Raises:
        FerrymanError: ``endpoint.unreachable``, ``endpoint.access_denied``, ``endpoint.unknown_database``,
            `UsageError` ``usage.bad_url`` for options that cannot be.
    """
    try:
        raw = connect(endpoint, SETTINGS | (_WRITER if writer else {}))
    except (psycopg.Error, UnicodeError) as error:
        failed = error if isinstance(error, psycopg.Error) else psycopg.OperationalError(str(error))
        raise convert_connect(failed, where=where_of(endpoint)) from error
    connection = Connection(raw, endpoint, role)
    if writer:
        _silence_triggers(connection)
    return connection


def connect(endpoint: Endpoint, settings: dict[str, str], **more: Any) -> psycopg.Connection[Any]:
    """Connect with session settings and `more` parameters of libpq; `psycopg.Error`, and the errors of `ways`."""
    with address_of(endpoint, _connect_timeout(endpoint)) as address:
        place = {} if address is None else {"hostaddr": address[0], "port": address[1]}
        return psycopg.connect("", autocommit=True, **(_parameters(endpoint, settings) | place | more))


def _parameters(endpoint: Endpoint, settings: dict[str, str]) -> dict[str, Any]:
    """Return libpq's parameters for an endpoint and session settings."""
    options = endpoint.options
    return {
        "host": options.get("unix_socket") or endpoint.host,
        "port": endpoint.port,
        "user": endpoint.username,
        "password": endpoint.password,
        "dbname": endpoint.database or "postgres",
        "client_encoding": "UTF8",
        "application_name": "ferryman",
        "connect_timeout": _connect_timeout(endpoint),
        "options": " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items()),
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 6,
        "tcp_user_timeout": 120_000,
        **_tls(endpoint),
    }


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _connect_timeout(endpoint: Endpoint) -> int:
    text = endpoint.options.get("connect_timeout", "10")
    if not text.isdigit() or not 1 <= int(text) <= 3600:
        raise UsageError("usage.bad_url", f"connect_timeout of {endpoint} must be whole seconds from 1 to 3600")
    return int(text)


def _tls(endpoint: Endpoint) -> dict[str, str]:
    """Return libpq's TLS parameters for the modes all our URLs share; a CA without a mode means VERIFY_CA."""
    options = endpoint.options
    usual = "VERIFY_CA" if "ssl_ca" in options else "REQUIRED" if "ssl_cert" in options else "PREFERRED"
    mode = options.get("ssl_mode", "").upper() or usual
    if mode not in _TLS_MODES:
        raise UsageError("usage.bad_url", f"ssl_mode of {endpoint} must be one of {', '.join(_TLS_MODES)}")
    files = {"ssl_ca": "sslrootcert", "ssl_cert": "sslcert", "ssl_key": "sslkey"}
    for name in files:
        if name in options and not Path(options[name]).is_file():
            raise UsageError("usage.bad_url", f"{name} of {endpoint}: no such file: {options[name]}")
    found = {ours: options[name] for name, ours in files.items() if name in options}
    if "ssl_key_password" in options:
        found["sslpassword"] = options["ssl_key_password"]
    return {"sslmode": _TLS_MODES[mode], **found}


def _silence_triggers(connection: Connection) -> None:
    """Let no foreign key and no trigger act in this session; needs a superuser, or SET granted on the parameter."""
    try:
        connection.run("SET session_replication_role = replica")
    except FerrymanError as error:
        if error.code not in {"target.privilege", "source.privilege"}:
            connection.close()
            raise
        connection.fires_triggers = True
