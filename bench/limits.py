"""What a target takes when all is made beforehand: ready files and ready statements, sent by plain clients."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
import pymysql
from pymysql.constants import CLIENT

from bench.tables import BenchTable

STATEMENT_BYTES = 200_000
"""About a thousand rows of sysbench's table."""


def timed_in_threads(works: Sequence[Callable[[], None]]) -> float:
    """Run all at once; return seconds from the start to the end of the last.

    Raises:
        RuntimeError: One of them failed.
    """
    failures: list[Exception] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 (told to the caller below)
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError("a client failed") from failures[0]
    return time.monotonic() - began


def mysql_session(server, database: str, *, several: bool = False) -> pymysql.Connection:
    """Open a plain session with LOCAL INFILE, no compression, no checks beyond the server's own.

    With `several`, a text may hold several statements.
    """
    connection = pymysql.connect(
        host="127.0.0.1", port=server.port, user=server.user, password=server.password, database=database,
        charset="utf8mb4", local_infile=True, autocommit=True, ssl_disabled=True, max_allowed_packet=1 << 26,
        init_command="SET sql_mode='NO_AUTO_VALUE_ON_ZERO', time_zone='+00:00', foreign_key_checks=0",
        client_flag=CLIENT.MULTI_STATEMENTS if several else 0,
    )  # fmt: skip
    if server.kind == "OceanBase":
        connection.cursor().execute("SET ob_query_timeout=1000000000, ob_trx_timeout=1000000000")
    return connection


def ready_file(source, table: BenchTable, directory: Path) -> Path:
    """Let the server write a table as LOAD DATA reads it."""
    path = directory / f"{table.name}.tsv"
    if not path.exists():
        with mysql_session(source, "sb") as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table.name} ORDER BY id INTO OUTFILE '{path}' CHARACTER SET binary")
    return path


def load_data(target, table: BenchTable, file: Path, streams: int) -> float:
    """Return seconds of LOAD DATA LOCAL of a ready file cut into one piece a stream."""
    pieces = _pieces(file, streams)
    sessions = [mysql_session(target, "sb") for _ in pieces]

    def send(session: pymysql.Connection, piece: Path) -> None:
        session.cursor().execute(f"LOAD DATA LOCAL INFILE '{piece}' INTO TABLE {table.name} CHARACTER SET binary")

    pairs = zip(sessions, pieces, strict=True)
    return timed_in_threads([lambda s=session, p=piece: send(s, p) for session, piece in pairs])


def _pieces(file: Path, streams: int) -> list[Path]:
    if streams == 1:
        return [file]
    prefix = file.with_name(f"{file.name}.{streams}-")
    if not list(file.parent.glob(prefix.name + "*")):
        subprocess.run(["split", "-n", f"l/{streams}", str(file), str(prefix)], check=True)
    return sorted(file.parent.glob(prefix.name + "*"))


def ready_statements(source, table: BenchTable) -> list[bytes]:
    """Return the INSERT statements that mariadb-dump makes, of about a thousand rows each."""
    command = ["mariadb-dump", "--protocol=tcp", "-h127.0.0.1", f"-P{source.port}", f"-u{source.user}", "--no-create-info",
               "--skip-lock-tables", "--skip-comments", "--hex-blob", "--skip-tz-utc", "--compact",
               f"--net-buffer-length={STATEMENT_BYTES}", "sb", table.name]  # fmt: skip
    out = subprocess.run(
        command, check=True, capture_output=True, env={"MYSQL_PWD": source.password, "PATH": "/usr/bin"}
    )
    # Line feeds within values are escaped: these two characters end a statement.
    return [part for part in out.stdout.split(b";\n") if part.startswith(b"INSERT")]


def send_statements(target, statements: Sequence[bytes], streams: int) -> float:
    """Return seconds of sending ready statements over so many sessions, each its own transaction."""
    sessions = [mysql_session(target, "sb") for _ in range(streams)]
    remaining = iter(statements)
    lock = threading.Lock()

    def send(session: pymysql.Connection) -> None:
        while True:
            with lock:
                statement = next(remaining, None)
            if statement is None:
                return
            session.query(statement)

    return timed_in_threads([lambda s=session: send(s) for session in sessions])


def postgres_session(server, database: str) -> psycopg.Connection:
    """Open a plain session."""
    return psycopg.connect(
        host="127.0.0.1", port=server.port, user=server.user, password=server.password, dbname=database, autocommit=True
    )


def copy_out(server, database: str, schema: str, table: BenchTable, file: Path) -> None:
    """Write a table as COPY reads it."""
    command = f'COPY (SELECT * FROM "{schema}"."{table.name}" ORDER BY id) TO STDOUT'
    with (
        postgres_session(server, database) as connection,
        file.open("wb") as out,
        connection.cursor().copy(command) as copy,
    ):
        for data in copy:
            out.write(data)


def copy_in(server, database: str, schema: str, table: BenchTable, file: Path, streams: int) -> float:
    """Return seconds of COPY of a ready file cut into one piece a stream."""
    pieces = _pieces(file, streams)
    sessions = [postgres_session(server, database) for _ in pieces]

    def send(session: psycopg.Connection, piece: Path) -> None:
        with piece.open("rb") as ready, session.cursor().copy(f'COPY "{schema}"."{table.name}" FROM STDIN') as copy:
            while data := ready.read(1 << 20):
                copy.write(data)

    pairs = zip(sessions, pieces, strict=True)
    return timed_in_threads([lambda s=session, p=piece: send(s, p) for session, piece in pairs])
