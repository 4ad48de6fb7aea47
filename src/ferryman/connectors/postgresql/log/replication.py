"""One connection to PostgreSQL in replication mode: plain commands, then a stream of its log.

Sources: PostgreSQL manual, "Streaming Replication Protocol" and "Logical Streaming Replication Parameters".
"""

from __future__ import annotations

import select
import struct
import time
from dataclasses import dataclass

import psycopg
from psycopg import pq

from ferryman.connectors.postgresql.connection import SETTINGS, connect, where_of
from ferryman.connectors.postgresql.errors import convert, convert_connect
from ferryman.connectors.postgresql.log.messages import EPOCH_SECONDS, corrupt
from ferryman.connectors.postgresql.log.position import lsn_text
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint

_DATA = struct.Struct(">cQQq")
"""``w``: where the piece begins, where the log ends, the server's clock."""
_KEEPALIVE = struct.Struct(">cQqB")
_IN_USE, _GONE = "55006", frozenset({"42704", "55000"})
_NO_RIGHT = ("walsender", "replication", "WAL sender")
_GRANT = (
    "ALTER ROLE … REPLICATION at the source (as a superuser), and let pg_hba.conf allow it to connect to the database"
)
_SENDS_MESSAGES = 140_000
"""PostgreSQL 14: pgoutput has the option `messages`."""
_STATUS = struct.Struct(">cQQQqB")


@dataclass(frozen=True, slots=True)
class Piece:
    """One message of the stream: `message` of the output plugin, or (`None`) a sign of life.

    Attributes:
        end: All transactions that end before this LSN have been sent.
        clock: The server's clock, Unix seconds.
    """

    message: bytes | None
    end: int
    clock: float


class Replication:
    """A connection in replication mode; one thread."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Connect; errors as of `connection.open_connection`, and ``source.privilege`` without REPLICATION."""
        self.where = where_of(endpoint)
        try:
            self._connection = connect(endpoint, SETTINGS, replication="database")
        except psycopg.Error as error:
            raise _refused(error, self.where) from error
        self._raw = self._connection.pgconn

    @property
    def version(self) -> int:
        """The server's version as a number: 150004."""
        return int(self._raw.server_version)

    def query(self, sql: str, *, seconds: float | None = None) -> list[tuple[str | None, ...]]:
        """Run a command and return its rows as text.

        Args:
            sql: One command, of SQL or of the replication grammar.
            seconds: Give up after so long.

        Raises:
            FerrymanError: As the server's state says; ``source.slot_busy`` when it takes too long.
        """
        try:
            self._raw.send_query(sql.encode())
            result = self._result(seconds)
        except psycopg.Error as error:
            raise convert(error, where=self.where) from error
        self._refuse(result)
        return [
            tuple(_text(result.get_value(row, column)) for column in range(result.nfields))
            for row in range(result.ntuples)
        ]

    def _result(self, seconds: float | None) -> pq.abc.PGresult:
        deadline = None if seconds is None else time.monotonic() + seconds
        found: pq.abc.PGresult | None = None
        while True:
            while self._raw.is_busy():
                self._await(deadline)
                self._raw.consume_input()
            result = self._raw.get_result()
            if result is None:
                break
            found = result
            if result.status == pq.ExecStatus.COPY_BOTH:
                break
        if found is None:
            raise FerrymanError("endpoint.connection_lost", f"{self.where} ended the connection")
        return found

    def _await(self, deadline: float | None) -> None:
        left = 1.0 if deadline is None else deadline - time.monotonic()
        if left <= 0:
            self._connection.cancel_safe(timeout=5.0)
            raise FerrymanError("source.slot_busy", f"{self.where} did not answer in time")
        select.select([self._raw.socket], [], [], min(left, 1.0))

    def _refuse(self, result: pq.abc.PGresult) -> None:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            error = psycopg.errors.error_from_result(result)
            raise convert(error, where=self.where) from error

    def start(self, slot: str, publication: str, lsn: int, *, messages: bool = False) -> None:
        """Begin the stream of a slot; with `messages`, those of `pg_logical_emit_message` come, too.

        Raises:
            FerrymanError: ``source.slot_lost``, ``position.purged``, ``project.not_two_way`` (a server that sends none).
        """
        if messages and self.version < _SENDS_MESSAGES:
            raise FerrymanError(
                "project.not_two_way",
                f"{self.where} is older than PostgreSQL 14: its log does not tell who wrote a change",
            )
        more = ", messages 'true'" if messages else ""
        options = f"(proto_version '1', publication_names '\"{publication}\"'{more})"
        try:
            self.query(f'START_REPLICATION SLOT "{slot}" LOGICAL {lsn_text(lsn)} {options}')
        except FerrymanError as error:
            raise _not_started(error, slot) from error

    def next(self, seconds: float) -> Piece | None:
        """Return the next piece of the stream, `None` when none comes in time.

        Raises:
            FerrymanError: ``endpoint.connection_lost``, ``source.slot_lost``, ``log.corrupt``.
        """
        try:
            size, data = self._raw.get_copy_data(1)
            if size == 0 and seconds > 0:
                select.select([self._raw.socket], [], [], seconds)
                self._raw.consume_input()
                size, data = self._raw.get_copy_data(1)
            if size == -1:
                self._refuse(self._result(5.0))
                raise FerrymanError("endpoint.connection_lost", f"{self.where} ended the stream of its log")
        except psycopg.Error as error:
            raise convert(error, where=self.where) from error
        return _piece(bytes(data)) if size > 0 else None

    def confirm(self, durable: int, *, ask: bool) -> None:
        """Tell the server up to where the log is kept durably here; with `ask` it answers at once.

        Everything before `durable` may be removed at the source: nothing else may be told (I1).
        """
        micros = int((time.time() - EPOCH_SECONDS) * 1e6)
        try:
            self._raw.put_copy_data(_STATUS.pack(b"r", durable, durable, durable, micros, ask))
            self._raw.flush()
        except psycopg.Error as error:
            raise convert(error, where=self.where) from error

    def close(self) -> None:
        """End the connection at once; never raises."""
        self._connection.close()

    def __enter__(self) -> Replication:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _piece(data: bytes) -> Piece:
    if data[:1] == b"w" and len(data) >= _DATA.size:
        _kind, _begin, end, micros = _DATA.unpack_from(data)
        return Piece(data[_DATA.size :], end, EPOCH_SECONDS + micros / 1e6)
    if data[:1] == b"k" and len(data) == _KEEPALIVE.size:
        _kind, end, micros, _reply = _KEEPALIVE.unpack(data)
        return Piece(None, end, EPOCH_SECONDS + micros / 1e6)
    raise corrupt("a piece of the stream is of unknown form")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def _refused(error: psycopg.Error, where: str) -> FerrymanError:
    """A login that may not replicate is let in otherwise: what it lacks is a right, not a password."""
    found = convert_connect(error, where=where)
    if found.code == "endpoint.access_denied" and any(words in str(error) for words in _NO_RIGHT):
        return FerrymanError("source.privilege", found.message, hint=_GRANT)
    return found


def _not_started(error: FerrymanError, slot: str) -> FerrymanError:
    state = error.context.get("sqlstate")
    if state == _IN_USE:  # the one before us has not been missed yet
        return FerrymanError("endpoint.connection_lost", error.message)
    if state in _GONE:
        return FerrymanError("source.slot_lost", f"the replication slot {slot} cannot serve: {error.message}")
    return error
