"""Connections and transactions of a metadb on a server: MySQL, MariaDB, OceanBase, PostgreSQL.

It behaves as `Database` does: a reading transaction sees one moment, writing transactions come one after the other. That
order is made by a lock on one row, so nothing has to be retried in the middle (docs/decisions/0014).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from ferryman.foundation.errors import FerrymanError
from ferryman.metadb.database import BUSY_SECONDS, IDLE_CONNECTIONS, Params, Row, Transaction
from ferryman.metadb.server_drivers import driver_of, with_format_parameters
from ferryman.model.project import Endpoint


class ServerRow(dict[str, Any]):
    """One row: its columns by name, or all of them in order."""

    def __iter__(self) -> Iterator[Any]:
        """Go through the columns' values."""
        return iter(self.values())


class ServerTransaction(Transaction):
    """One transaction on a server."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def execute(self, sql: str, **params: Any) -> int:
        """Run a statement; returns how many rows it found."""
        self._cursor.execute(with_format_parameters(sql), params)
        count: int = self._cursor.rowcount
        return count

    def many(self, sql: str, params: Iterable[Params]) -> None:
        """Run a statement once for each set of parameters."""
        if sets := list(params):
            self._cursor.executemany(with_format_parameters(sql), sets)

    def rows(self, sql: str, **params: Any) -> list[Row]:
        """Run a query; returns all rows."""
        self._cursor.execute(with_format_parameters(sql), params)
        return [ServerRow(row) for row in self._cursor.fetchall()]

    def row(self, sql: str, **params: Any) -> Row | None:
        """Run a query; returns its first row, or `None`."""
        found = self.rows(sql, **params)
        return found[0] if found else None

    def value(self, sql: str, **params: Any) -> Any:
        """Run a query; returns the first column of its first row, or `None`."""
        self._cursor.execute(with_format_parameters(sql), params)
        found = self._cursor.fetchall()
        return next(iter(found[0].values())) if found else None


class ServerDatabase:
    """The metadb in a database of a server. Thread-safe: each transaction borrows a connection of its own.

    Raises (any transaction): ``metadb.unreachable``, ``metadb.busy``, ``metadb.failed``.
    """

    def __init__(self, endpoint: Endpoint, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.place = f"{endpoint.scheme}://{endpoint.host}:{endpoint.port}/{endpoint.database}"
        self.driver = driver_of(endpoint)
        self._endpoint = endpoint
        self._busy_seconds = busy_seconds
        self._idle: list[Any] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[ServerTransaction]:
        """Write in one transaction, alone: no other process writes until it ends.

        Args:
            durable: Has no effect: how durable a commit is, the server decides.
        """
        with self._transaction(self.driver.writing) as tx:
            yield tx

    @contextlib.contextmanager
    def reading(self) -> Iterator[ServerTransaction]:
        """Read in one transaction: every query sees the same moment."""
        with self._transaction(self.driver.reading) as tx:
            yield tx

    @contextlib.contextmanager
    def alone(self) -> Iterator[Any]:
        """Yield a connection that nobody else has, while no other process makes or changes tables (migrations)."""
        with self._errors(), contextlib.closing(self.driver.connect(self._endpoint, patient=True)) as connection:
            with self.driver.cursor(connection) as cursor:
                cursor.execute(self.driver.lock_upgrade)
            try:
                yield connection
            finally:
                self._unlock(connection)

    def _unlock(self, connection: Any) -> None:
        """Give the lock back by word: OceanBase notices only after seconds that a connection has ended."""
        with contextlib.suppress(self.driver.errors), self.driver.cursor(connection) as cursor:
            cursor.execute(self.driver.unlock_upgrade)

    def tables(self) -> frozenset[str]:
        """Return the names of the tables there are."""
        with (
            self._errors(),
            contextlib.closing(self.driver.connect(self._endpoint, patient=True)) as connection,
            self.driver.cursor(connection) as cursor,
        ):
            cursor.execute(self.driver.present_tables)
            return frozenset(row["name"].lower() for row in cursor.fetchall())

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            self._discard(connection)

    @contextlib.contextmanager
    def _transaction(self, beginning: tuple[str, ...]) -> Iterator[ServerTransaction]:
        with self._errors():
            connection = self._begun(beginning)
            try:
                with self.driver.cursor(connection) as cursor:
                    yield ServerTransaction(cursor)
                    cursor.execute("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise
            self._give_back(connection)

    def _begun(self, beginning: tuple[str, ...]) -> Any:
        """Return a connection in a transaction; waits for others, and replaces connections that have died idle."""
        deadline = time.monotonic() + self._busy_seconds
        while True:
            kept = self._kept()
            connection = kept or self.driver.connect(self._endpoint, patient=False)
            try:
                with self.driver.cursor(connection) as cursor:
                    for statement in beginning:
                        cursor.execute(statement)
                return connection
            except BaseException as error:
                self._discard(connection)
                if not self._again(error, died_idle=kept is not None, late=time.monotonic() > deadline):
                    raise

    def _again(self, error: BaseException, *, died_idle: bool, late: bool) -> bool:
        """Whether beginning again may help: nothing has been read or written yet."""
        if not isinstance(error, self.driver.errors):
            return False
        return (died_idle and self.driver.is_gone(error)) or (self.driver.is_conflict(error) and not late)

    def _kept(self) -> Any | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _roll_back(self, connection: Any) -> None:
        try:
            with self.driver.cursor(connection) as cursor:
                cursor.execute("ROLLBACK")
        except self.driver.errors:
            self._discard(connection)
            return
        self._give_back(connection)

    def _give_back(self, connection: Any) -> None:
        with self._lock:
            if len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        self._discard(connection)

    def _discard(self, connection: Any) -> None:
        with contextlib.suppress(self.driver.errors, OSError):
            connection.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self.driver.errors as error:
            raise self._converted(error) from error

    def _converted(self, error: Exception) -> FerrymanError:
        if self.driver.is_gone(error):
            return FerrymanError("metadb.unreachable", f"{self.place} does not answer")
        if self.driver.is_conflict(error):
            return FerrymanError("metadb.busy", f"{self.place} stayed locked for {self._busy_seconds:.0f} s")
        return FerrymanError("metadb.failed", f"{self.place}: {type(error).__name__} {_code(error)}".rstrip())


def _code(error: Exception) -> str:
    """Return the server's own code of an error; its text may quote values."""
    return str(getattr(error, "sqlstate", None) or (error.args[0] if error.args else ""))[:40]
