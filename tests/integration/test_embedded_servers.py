"""The private servers start, stop, survive SIGKILL on the same disk, and leave nothing behind."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pymysql
import pytest

from ferryman.embedded import MariaDb, OceanBase, Postgres, Server


def query(server: Server, sql: str) -> list[tuple[object, ...]]:
    connection = pymysql.connect(
        host="127.0.0.1", port=server.port, user=server.user, password=server.password, autocommit=True
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("kind", [MariaDb, OceanBase])
def test_committed_rows_survive_kill(kind: type[Server], servers_directory: Path) -> None:
    server = kind(servers_directory / f"kill-{kind.__name__}")
    try:
        server.start()
        query(server, "CREATE DATABASE d")
        query(server, "CREATE TABLE d.t (a INT PRIMARY KEY)")
        query(server, "INSERT INTO d.t VALUES (1), (2)")
        server.kill()
        assert not is_open(server.port)
        server.start()
        assert query(server, "SELECT COUNT(*) FROM d.t") == [(2,)]
        server.stop()
        assert not is_open(server.port)
    finally:
        server.remove()
    assert not server.directory.exists()


def test_no_login_without_password(mariadb: MariaDb, oceanbase: OceanBase) -> None:
    for server in (mariadb, oceanbase):
        with pytest.raises(pymysql.Error):
            pymysql.connect(host="127.0.0.1", port=server.port, user="root", password="")


def test_mariadb_logs_full_rows(mariadb: MariaDb) -> None:
    wanted = {"log_bin": "ON", "binlog_format": "ROW", "binlog_row_image": "FULL", "binlog_row_metadata": "FULL"}
    names = ", ".join(f"'{name}'" for name in wanted)
    assert dict(query(mariadb, f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")) == wanted


def test_postgres_starts_twice(servers_directory: Path) -> None:
    server = Postgres(servers_directory / "pg-twice")
    try:
        server.start()
        server.kill()
        server.start()
        assert is_open(server.port)
        pid = server.pid
        server.stop()
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    finally:
        server.remove()
