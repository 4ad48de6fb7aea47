"""Talking to the server without holding the interpreter: libpq in its non-blocking way, waiting outside of it.

psycopg's calls into libpq keep the interpreter's lock, so that a blocking one (a lock wait at the server) would stop every
other thread of the task.
"""

from __future__ import annotations

import select
from collections.abc import Iterator

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn, PGresult

OK = frozenset({pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK, pq.ExecStatus.EMPTY_QUERY})
_COPIES = frozenset({pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH})
_PIECE = 1 << 18


def last_result(connection: PGconn) -> PGresult:
    """Return the last result of what has been sent; raises psycopg's error for the first that failed."""
    last: PGresult | None = None
    failed: PGresult | None = None
    while (result := _next_result(connection)) is not None:
        last = result
        if result.status not in OK and failed is None:
            failed = result
    if failed is not None or last is None:
        raise _error_of(connection, failed)
    return last


def begin_copy(connection: PGconn) -> None:
    """Take results up to the one that opens the copy."""
    while (result := _next_result(connection)) is not None:
        if result.status in _COPIES:
            return
        if result.status not in OK:
            drain(connection)
            raise _error_of(connection, result)
    raise _error_of(connection, None)


def send(connection: PGconn, data: bytes) -> None:
    """Send copy data, however slowly it is taken."""
    for start in range(0, len(data), _PIECE):
        while not connection.put_copy_data(data[start : start + _PIECE]):
            _wait(connection, writing=True)
        _flush(connection)


def end_copy(connection: PGconn, error: bytes | None = None) -> PGresult:
    """End a copy to the server (with `error`: make it fail) and return the last result."""
    while not connection.put_copy_end(error):
        _wait(connection, writing=True)
    return last_result(connection)


def receive(connection: PGconn) -> Iterator[bytes]:
    """Yield what a copy from the server brings, a row at a time, up to its end."""
    while True:
        size, data = connection.get_copy_data(1)
        if size > 0:
            yield bytes(data)
        elif size == 0:
            _wait(connection)
        else:
            last_result(connection)
            return


def drain(connection: PGconn) -> None:
    """Take what is left of the results, whatever it is; a copy that is still open is ended by its error."""
    while (result := _next_result(connection)) is not None:
        if result.status in _COPIES:
            return


def _next_result(connection: PGconn) -> PGresult | None:
    _flush(connection)
    while connection.is_busy():
        _wait(connection)
    return connection.get_result()


def _flush(connection: PGconn) -> None:
    while connection.flush():
        _wait(connection, writing=True)


def _wait(connection: PGconn, *, writing: bool = False) -> None:
    """Wait until there is something to read (or room to write), and take in what there is."""
    poll = select.poll()
    poll.register(connection.socket, select.POLLIN | (select.POLLOUT if writing else 0))
    poll.poll()
    connection.consume_input()


def _error_of(connection: PGconn, result: PGresult | None) -> psycopg.Error:
    if result is not None and result.error_field(pq.DiagnosticField.SQLSTATE):
        return psycopg.errors.error_from_result(result)
    return psycopg.OperationalError(connection.get_error_message())
