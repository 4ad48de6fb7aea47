"""Connections and transactions of the metadb in a file (SQLite in WAL mode); `server_database` has those of servers.

SQL text takes ``:name`` parameters. SQLAlchemy stays out of this path: importing it costs a task 0.65 s and 34 MB
(docs/decisions/0010); Alembic uses it when the tables must be made or changed.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from ferryman.foundation.disk import disk_full_error, free_bytes, is_disk_full
from ferryman.foundation.errors import FerrymanError
from ferryman.foundation.files import open_private

BUSY_SECONDS = 20.0
"""How long a writer waits for another one before it gives up with ``metadb.busy``."""

LEAST_FREE_BYTES = 1 << 20
"""With less room than this an input/output error of SQLite is taken for a full disk (its index file could not grow)."""

LOG_PAGES = 256
PAGE_BYTES = 4096
"""SQLite's log is folded into the file from this size on: a disk that fills up is not filled by it."""

IDLE_CONNECTIONS = 8
"""So many connections are kept open for the next transaction."""

Params = Mapping[str, Any]


class Row(Protocol):
    """One row: its columns by name, or all of them in order."""

    def __getitem__(self, name: str, /) -> Any:
        """Return a column."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Go through the columns' values."""
        ...


class Transaction:
    """One transaction: statements in, rows out."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, **params: Any) -> int:
        """Run a statement; returns how many rows it changed."""
        return self._connection.execute(sql, params).rowcount

    def many(self, sql: str, params: Iterable[Params]) -> None:
        """Run a statement once for each set of parameters."""
        self._connection.executemany(sql, params)

    def rows(self, sql: str, **params: Any) -> list[Row]:
        """Run a query; returns all rows."""
        return self._connection.execute(sql, params).fetchall()

    def row(self, sql: str, **params: Any) -> Row | None:
        """Run a query; returns its first row, or `None`."""
        return self._first(sql, params)

    def value(self, sql: str, **params: Any) -> Any:
        """Run a query; returns the first column of its first row, or `None`."""
        found = self._first(sql, params)
        return None if found is None else found[0]

    def _first(self, sql: str, params: Params) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self._connection.execute(sql, params).fetchone()
        return found


class Database:
    """The metadb of one data directory. Thread-safe: each transaction borrows a connection of its own.

    Raises (any transaction): ``disk.full``, ``metadb.busy``, ``metadb.failed``.
    """

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        self.place = str(path)
        self._busy_seconds = busy_seconds
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        with self._errors():
            if not path.exists():
                open_private(path).close()
            path.chmod(0o600)

    @contextlib.contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Transaction]:
        """Write in one transaction, alone: no other process writes until it ends.

        Args:
            durable: Whether the commit must outlive a power cut. Progress reports need not: they are said again.
        """
        level = "FULL" if durable else "NORMAL"
        with self._errors(), self._connection() as connection:
            connection.execute(f"PRAGMA synchronous={level}")
            # IMMEDIATE: the lock is taken here, where SQLite waits for it, and not in the middle, where it gives up.
            connection.execute("BEGIN IMMEDIATE")
            with self._finished(connection):
                yield Transaction(connection)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Read in one transaction: every query sees the same moment."""
        with self._errors(), self._connection() as connection:
            connection.execute("BEGIN")
            with self._finished(connection):
                yield Transaction(connection)

    def raw_connection(self) -> sqlite3.Connection:
        """Open a connection that the caller owns (migrations)."""
        return self._open()

    def fold_log(self) -> None:
        """Fold SQLite's log into the file and cut it off, if that can be done now; a later commit does it else."""
        with contextlib.suppress(sqlite3.Error), contextlib.closing(self._open()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._open()
        try:
            yield connection
        except sqlite3.Error:
            connection.close()
            raise
        except BaseException:
            self._give_back(connection)
            raise
        self._give_back(connection)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit={LOG_PAGES * PAGE_BYTES}")
        except BaseException:
            connection.close()
            raise
        return connection

    @staticmethod
    @contextlib.contextmanager
    def _finished(connection: sqlite3.Connection) -> Iterator[None]:
        """Commit at the end, roll back on the way out of an error."""
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself (full disk)
                    connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._converted(error) from error
        except OSError as error:
            if not is_disk_full(error):
                raise
            raise disk_full_error(self.path.parent) from error

    def _converted(self, error: sqlite3.Error) -> FerrymanError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and self._little_room()):
            full = disk_full_error(self.path.parent)
            self.fold_log()  # what it takes of the disk may be what is missing
            return full
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return FerrymanError("metadb.busy", f"{self.path} stayed locked for {self._busy_seconds:.0f} s")
        return FerrymanError("metadb.failed", f"{self.path}: {error}")

    def _little_room(self) -> bool:
        return 0 <= free_bytes(self.path.parent) < LEAST_FREE_BYTES
