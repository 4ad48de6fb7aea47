"""A writer whose transactions are prepared by one session and committed, or not, by another one later (XA)."""

from __future__ import annotations

import random
import threading
import time
from types import TracebackType
from typing import Any

import pymysql
import workload

from ferryman.embedded import MariaDb

MOST_OPEN = 4
IDS = 400
_NOTHING_PREPARED = 1402
"""The server rolls back what changed nothing when its session ends."""
_UNKNOWN = 1397
"""The server has not noticed yet that the session that prepared is gone."""


def create(server: MariaDb, database: str) -> None:
    """Make the table it writes to."""
    with workload.connect(server, database) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE wallet (id int PRIMARY KEY, owner int, cents int, UNIQUE KEY owner (owner))")
        cursor.execute("CREATE TABLE receipts (id int, cents int)")


class XaWriter:
    """Writes until it is stopped; then nothing is left prepared."""

    def __init__(self, server: MariaDb, database: str, *, seed: int) -> None:
        self._server, self._database = server, database
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="xa-writer", daemon=True)
        self._open: list[str] = []
        self.prepared = self.committed = self.rolled_back = 0
        self.failure: BaseException | None = None

    def __enter__(self) -> XaWriter:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        assert self.failure is None, self.failure

    def _run(self) -> None:
        try:
            while not self._stop.wait(0.01):
                self._prepare()
                while len(self._open) >= MOST_OPEN or (self._open and self._random.random() < 0.4):
                    self._finish()
            while self._open:
                self._finish()
        except BaseException as error:
            self.failure = error
            raise

    def _prepare(self) -> None:
        name = f"{self._database}-{self.prepared}"
        with workload.connect(self._server, self._database) as connection, connection.cursor() as cursor:
            cursor.execute("SET innodb_lock_wait_timeout=1")
            cursor.execute(f"XA START '{name}'")
            try:
                for _ in range(self._random.choice((1, 2, 2, 5, 40))):
                    cursor.execute(self._deed())
            except pymysql.err.OperationalError:  # rows of another one that is prepared: that has to end first
                cursor.execute(f"XA END '{name}'")
                cursor.execute(f"XA ROLLBACK '{name}'")
                self._finish()
                return
            cursor.execute(f"XA END '{name}'")
            if self._random.random() < 0.1:
                cursor.execute(f"XA COMMIT '{name}' ONE PHASE")
                return
            cursor.execute(f"XA PREPARE '{name}'")
        self.prepared += 1
        self._open.append(name)

    def _deed(self) -> str:
        one, other = self._random.randint(1, IDS), self._random.randint(1, IDS)
        return self._random.choice(
            (
                f"REPLACE INTO wallet VALUES ({one}, {other}, {self._random.randint(0, 10**6)})",
                f"UPDATE IGNORE wallet SET id = {other}, cents = cents + 1 WHERE id = {one}",
                f"UPDATE IGNORE wallet SET owner = {other} WHERE id = {one}",
                f"DELETE FROM wallet WHERE id = {one}",
                f"INSERT INTO receipts VALUES ({one}, {other}), ({one}, {other})",
            )
        )

    def _finish(self) -> None:
        if not self._open:
            return
        name = self._open.pop(self._random.randrange(len(self._open)))
        commits = self._random.random() < 0.8
        with workload.connect(self._server, self._database) as connection, connection.cursor() as cursor:
            if not self._end(cursor, f"XA {'COMMIT' if commits else 'ROLLBACK'} '{name}'"):
                return
        self.committed += commits
        self.rolled_back += not commits

    def _end(self, cursor: Any, sql: str) -> bool:
        """Commit or roll back; whether there was something to end."""
        deadline = time.monotonic() + 30
        while True:
            try:
                cursor.execute(sql)
            except pymysql.err.OperationalError as error:
                if error.args[0] == _NOTHING_PREPARED:
                    return False
                if error.args[0] != _UNKNOWN or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return True
