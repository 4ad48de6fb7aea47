"""Connections of the MySQL family: made by PyMySQL, every session fixed the same way.

A session of ours speaks utf8mb4, lives in UTC, keeps zero and partly zero dates and id 0 as they are, refuses what does
not fit, and is not cut off by timeouts (OceanBase ends a query after 10 s unless told otherwise).
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pymysql
import pymysql.converters
import pymysql.err
from pymysql.constants import CLIENT

from ferryman.connectors.mysql_family.errors import convert, convert_connect
from ferryman.connectors.mysql_family.packets import send_command
from ferryman.connectors.sql_family.ways import socket_to
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.project import Endpoint

SQL_MODE = "STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION"
"""Strict: a value out of range, too long or badly encoded is refused, never clamped. The rest keeps legal values as
they are: dates the calendar does not know, zero dates (no NO_ZERO_DATE), 0 in an AUTO_INCREMENT column."""

DAY = 86_400
Raw = Any
"""A `pymysql.connections.Connection`; its stubs lack what we need of it (`_result`, `_rfile`, `_force_close`)."""
_UNKNOWN_VARIABLE = 1193


@dataclass(frozen=True, slots=True)
class Server:
    """Who answers.

    Attributes:
        flavor: ``mariadb``, ``mysql``, ``oceanbase`` or ``tidb``.
        version: The product's own version: ``(10, 11, 19)``, ``(4, 3, 5, 3)``.
        text: What the server says of its version.
    """

    flavor: str
    version: tuple[int, ...]
    text: str


class Connection:
    """One session; one thread at a time. Values come as `str`, or `bytes` from binary columns; NULL as `None`."""

    def __init__(self, raw: Raw, endpoint: Endpoint, role: str = "source") -> None:
        """Wrap a connected PyMySQL connection; `role` (``source``, ``target``) decides the codes of some errors."""
        self.raw = raw
        self.endpoint = endpoint
        self.role = role
        self.where = where_of(endpoint)
        self.warning_count = 0
        self.busy = False
        self.server = self._read_server()

    def query(self, sql: str, args: Sequence[Any] = (), *, table: str = "") -> list[tuple[Any, ...]]:
        """Run a statement with ``%s`` for each argument and return all its rows."""
        self._run(self._with_args(sql, args), table)
        result = self.raw._result
        return list(result.rows or ()) if result is not None else []

    def execute(self, sql: str | bytes, args: Sequence[Any] = (), *, table: str = "") -> int:
        """Run a statement and return the number of rows it affected; `warning_count` holds its warnings."""
        statement = sql if isinstance(sql, bytes) else self._with_args(sql, args)
        return self._run(statement, table)

    def execute_packet(self, packet: memoryview, *, table: str = "") -> int:
        """Run a statement that stands behind room for a packet's head (5 bytes, COM_QUERY the last); as `execute` does.

        The packet goes to the socket as it lies, one too long for that in pieces: a giant row is never copied.
        """
        return self._guarded(lambda: self._send(packet), table)

    def claim(self) -> None:
        """Mark the connection as in the middle of a result set: whoever uses it meanwhile has a defect."""
        if self.busy:
            raise FerrymanError("internal.error", f"{self.where}: a result set of this connection is still being read")
        self.busy = True

    def quote_text(self, text: str) -> str:
        """Return a string literal."""
        return str(self.raw.escape(text))

    @property
    def thread_id(self) -> int:
        """The server's number of this session, for KILL."""
        return int(self.raw.thread_id())

    @property
    def is_open(self) -> bool:
        """Whether the connection is usable."""
        return bool(self.raw.open)

    def close(self) -> None:
        """Say good-bye and close; never raises."""
        with contextlib.suppress(pymysql.err.Error, OSError):
            self.raw.close()

    def abort(self) -> None:
        """Close the socket at once: for a connection with a result set half read. Never raises."""
        with contextlib.suppress(pymysql.err.Error, OSError, AttributeError):
            self.raw._force_close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _with_args(self, sql: str, args: Sequence[Any]) -> str:
        return sql % tuple(self.raw.escape(arg) for arg in args) if args else sql

    def _send(self, packet: memoryview) -> int:
        if not self.is_open:
            raise pymysql.err.InterfaceError(0, "")
        self.raw._result = None
        self.raw._next_seq_id = send_command(self.raw, packet)
        return int(self.raw._read_query_result())

    def _run(self, statement: str | bytes, table: str) -> int:
        return self._guarded(lambda: int(self.raw.query(statement)), table)

    def _guarded(self, work: Callable[[], int], table: str) -> int:
        """Do what runs one statement and returns the rows it affected."""
        self.claim()
        try:
            affected = work()
        except (pymysql.err.Error, OSError) as error:
            raise convert(error, where=self.where, role=self.role, table=table) from error
        finally:
            self.busy = False
        result = self.raw._result
        self.warning_count = int((result.warning_count if result is not None else 0) or 0)
        return affected

    def _read_server(self) -> Server:
        version, comment = self.query("SELECT VERSION(), @@version_comment")[0]
        return server_of(str(version), str(comment))


def where_of(endpoint: Endpoint) -> str:
    """Return the endpoint for messages: without its password, with its socket when it has one."""
    path = endpoint.options.get("unix_socket")
    return f"{endpoint.scheme}://{endpoint.username}@({path})/{endpoint.database}" if path else str(endpoint)


def server_of(version: str, comment: str) -> Server:
    """Tell who answers from ``VERSION()`` and ``@@version_comment`` (OBProxy hides the former, so both are read)."""
    both = f"{version} {comment}".lower()
    if "oceanbase" in both:
        return Server("oceanbase", _numbers(comment) or _numbers(version.partition("-v")[2]), f"{version} {comment}")
    if "tidb" in both:
        return Server("tidb", _numbers(version.partition("TiDB-v")[2]), version)
    if "mariadb" in both:
        return Server("mariadb", _numbers(version.removeprefix("5.5.5-")), version)
    return Server("mysql", _numbers(version), version)


def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def open_connection(
    endpoint: Endpoint, *, streaming: bool = False, role: str = "source", writer: bool = False
) -> Connection:
    """Connect, log in and fix the session.

    Args:
        endpoint: Where and who.
        streaming: The connection will carry a log stream, whose reader sets the socket's timeout itself.
        role: ``source`` or ``target``: decides the codes of some errors.
        writer: Foreign keys are not checked (rows come in any order), reads see what is committed.

    Raises:
        FerrymanError: ``endpoint.unreachable``, ``endpoint.access_denied``, ``endpoint.unknown_database``,
            `UsageError` ``usage.bad_url`` for options that cannot be.
    """
    raw = _connect(endpoint, CLIENT.LOCAL_FILES if writer else 0)  # PyMySQL itself still refuses to send any file
    try:
        connection = Connection(raw, endpoint, role)
        if not streaming:
            _fix_session(connection)
        else:
            connection.execute("SET SESSION net_write_timeout=86400, net_read_timeout=86400, time_zone='+00:00'")
        if writer:
            _fix_writer(connection)
    except BaseException:
        raw._force_close()
        raise
    return connection


class _Session(pymysql.connections.Connection):
    """PyMySQL's connection, which for every PREFERRED one loads the system's authorities and then verifies nothing."""

    def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
        return _unverifying() if sslp == {} else super()._create_ssl_ctx(sslp)  # type: ignore[misc]


@cache
def _unverifying() -> ssl.SSLContext:
    """Return PyMySQL's context for PREFERRED: made once instead of 30 ms for each connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _connect(endpoint: Endpoint, client_flags: int = 0) -> Raw:
    try:
        raw = _Session(
            host=endpoint.host,
            port=endpoint.port,
            user=endpoint.username,
            password=endpoint.password.encode(),  # as bytes: text would be sent as latin1
            database=endpoint.database or None,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=_connect_timeout(endpoint),
            conv={kind: encode for kind, encode in pymysql.converters.encoders.items()},  # noqa: C416  # no decoders
            program_name="ferryman",
            client_flag=CLIENT.FOUND_ROWS
            | client_flags,  # an UPDATE counts the rows it matched, not those that changed by it
            unix_socket=endpoint.options.get("unix_socket"),
            defer_connect=True,
            **_tls(endpoint),
        )
        raw.connect(socket_to(endpoint, _connect_timeout(endpoint)))
    except (pymysql.err.Error, OSError, ValueError) as error:
        raise convert_connect(error, where=where_of(endpoint)) from error
    _watch_peer(raw)
    return raw


def _connect_timeout(endpoint: Endpoint) -> int:
    text = endpoint.options.get("connect_timeout", "10")
    if not text.isdigit() or not 1 <= int(text) <= 3600:
        raise UsageError("usage.bad_url", f"connect_timeout of {endpoint} must be whole seconds from 1 to 3600")
    return int(text)


_TLS_MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")


def _tls(endpoint: Endpoint) -> dict[str, Any]:
    """Return PyMySQL's TLS arguments: MySQL's own modes; a CA without a mode means VERIFY_CA."""
    options = endpoint.options
    mode = options.get("ssl_mode", "").upper() or _usual_tls_mode(options)
    if mode not in _TLS_MODES:
        raise UsageError("usage.bad_url", f"ssl_mode of {endpoint} must be one of {', '.join(_TLS_MODES)}")
    if mode == "DISABLED":
        return {"ssl_disabled": True}
    return {} if mode == "PREFERRED" else {"ssl": _tls_context(endpoint, mode)}


def _usual_tls_mode(options: dict[str, str]) -> str:
    if "ssl_ca" in options:
        return "VERIFY_CA"
    if "ssl_cert" in options or "ssl_key" in options:
        return "REQUIRED"
    return "DISABLED" if "unix_socket" in options else "PREFERRED"


def _tls_context(endpoint: Endpoint, mode: str) -> ssl.SSLContext:
    options = endpoint.options
    for name in ("ssl_ca", "ssl_cert", "ssl_key"):
        if name in options and not Path(options[name]).is_file():
            raise UsageError("usage.bad_url", f"{name} of {endpoint}: no such file: {options[name]}")
    try:
        context = ssl.create_default_context(cafile=options.get("ssl_ca"))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # certificates the servers make themselves would not pass
        context.check_hostname = mode == "VERIFY_IDENTITY"
        if not mode.startswith("VERIFY_"):
            context.verify_mode = ssl.CERT_NONE
        if "ssl_cert" in options:
            context.load_cert_chain(options["ssl_cert"], options.get("ssl_key"), options.get("ssl_key_password"))
    except ssl.SSLError as error:
        raise UsageError("usage.bad_url", f"TLS files of {endpoint} cannot be used: {error}") from error
    return context


def _watch_peer(raw: Raw) -> None:
    """Notice a vanished host within about two minutes, without limiting how long a statement may run."""
    peer: socket.socket = raw._sock
    if peer.family not in (socket.AF_INET, socket.AF_INET6):
        return
    settings = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 6, "TCP_USER_TIMEOUT": 120_000}
    with contextlib.suppress(OSError):
        for name, value in settings.items():
            if (option := getattr(socket, name, None)) is not None:
                peer.setsockopt(socket.IPPROTO_TCP, option, value)


_EVERY_SESSION: dict[str, object] = {
    "time_zone": "+00:00",
    "sql_mode": SQL_MODE,
    "wait_timeout": 30 * DAY,
    "net_read_timeout": DAY,
    "net_write_timeout": DAY,
    "sql_safe_updates": 0,
    "group_concat_max_len": 1 << 20,
}
_BY_FLAVOR: dict[str, dict[str, object]] = {
    "mariadb": {"max_statement_time": 0, "innodb_lock_wait_timeout": 50, "sql_auto_is_null": 0, "sql_notes": 1},
    "mysql": {
        "max_execution_time": 0,
        "sql_notes": 1,
        "innodb_lock_wait_timeout": 50,
        "sql_auto_is_null": 0,
        "information_schema_stats_expiry": 0,
    },
    "tidb": {"max_execution_time": 0},
    "oceanbase": {
        "ob_query_timeout": 30 * DAY * 1_000_000,
        "ob_trx_timeout": 30 * DAY * 1_000_000,
        "ob_trx_idle_timeout": DAY * 1_000_000,
        "ob_trx_lock_timeout": 50_000_000,
        "ob_read_consistency": "STRONG",
    },
}


_WRITER: dict[str, object] = {"foreign_key_checks": 0, "unique_checks": 1}
"""`unique_checks` stays on: without it InnoDB lets duplicates into secondary unique indexes."""

WRITER_IDLE_SECONDS = 300
_WRITER_BY_FLAVOR: dict[str, dict[str, object]] = {
    "mariadb": {"idle_write_transaction_timeout": WRITER_IDLE_SECONDS, "idle_transaction_timeout": WRITER_IDLE_SECONDS},
    "oceanbase": {"ob_trx_idle_timeout": WRITER_IDLE_SECONDS * 1_000_000},
}
"""A vanished writer's open transaction holds its lease row: the server ends it, so that a new holder can begin (I7)."""


def _fix_session(connection: Connection) -> None:
    _set(connection, _EVERY_SESSION)
    _set(connection, _BY_FLAVOR[connection.server.flavor])


def _fix_writer(connection: Connection) -> None:
    _set(connection, _WRITER | _WRITER_BY_FLAVOR.get(connection.server.flavor, {}))
    if not _logs_statements(connection):
        connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")


def _logs_statements(connection: Connection) -> bool:
    """Whether the server's own log is by statement: InnoDB then refuses to write under READ COMMITTED (1665)."""
    if connection.server.flavor not in ("mariadb", "mysql"):
        return False
    log, form = connection.query("SELECT @@log_bin, @@binlog_format")[0]
    return str(log) == "1" and str(form).upper() == "STATEMENT"


_unsupported: set[tuple[str, str]] = set()
"""``(server text, variable)`` the server does not know, so that later sessions need one statement only."""
_unsupported_lock = threading.Lock()


def _set(connection: Connection, variables: dict[str, object]) -> None:
    """Set session variables in one statement; those the server does not know are left out."""
    known = {name: value for name, value in variables.items() if (connection.server.text, name) not in _unsupported}
    if not known:
        return
    try:
        connection.execute(_set_statement(connection, known))
    except FerrymanError as error:
        if len(known) > 1:
            for name, value in known.items():
                _set(connection, {name: value})
        elif error.context.get("errno") == _UNKNOWN_VARIABLE:
            with _unsupported_lock:
                _unsupported.add((connection.server.text, next(iter(known))))
        else:
            raise


def _set_statement(connection: Connection, variables: dict[str, object]) -> str:
    parts = [f"SESSION {name}={connection.raw.escape(value)}" for name, value in variables.items()]
    return "SET " + ", ".join(parts)
