"""What a user can get wrong, or the world can: one clear error with a code and the next step, and the right exit code.

Nothing here may show a traceback or a password.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ferryman.embedded import MariaDb, OceanBase, Server
from ferryman.embedded.server import free_port

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]


def execute(server: Server, *statements: str) -> list[tuple[Any, ...]]:
    connection = pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=server.password,
        charset="utf8mb4",
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)
        return list(cursor.fetchall())


class Outcome:
    def __init__(self, done: subprocess.CompletedProcess[str], report: Path) -> None:
        self.code, self.text = done.returncode, done.stdout + done.stderr
        self.report = json.loads(report.read_text()) if report.exists() else {}

    def is_clear(self, exit_code: int, *words: str) -> None:
        assert self.code == exit_code, self.text
        assert "Traceback" not in self.text
        for word in words:
            assert word in self.text, self.text


def run(tmp_path: Path, source: str, target: str, *arguments: str, command: str = "run") -> Outcome:
    report = tmp_path / "report.json"
    report.unlink(missing_ok=True)
    ending = ["--data-dir", str(tmp_path / "data"), "--report", str(report)] if command == "run" else []
    done = subprocess.run(
        [sys.executable, "-m", "ferryman", command, "--source", source, "--target", target, *arguments, *ending],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "COLUMNS": "200"},
    )
    return Outcome(done, report)


@pytest.fixture
def shop(mariadb: MariaDb, database_name: str) -> str:
    """A small database of three rows."""
    execute(
        mariadb,
        f"CREATE DATABASE {database_name}",
        f"CREATE TABLE {database_name}.t (id INT PRIMARY KEY, v VARCHAR(20))",
        f"INSERT INTO {database_name}.t VALUES (1, 'a'), (2, 'b'), (3, NULL)",
    )
    return database_name


def full(database: str) -> tuple[str, ...]:
    return ("--objects", f"{database}.*", "--types", "schema,full,verify")


def test_wrong_password(mariadb: MariaDb, oceanbase: OceanBase, shop: str, tmp_path: Path) -> None:
    wrong = mariadb.url.replace(mariadb.password, "not-the-password")
    outcome = run(tmp_path, wrong, oceanbase.url, *full(shop))
    outcome.is_clear(3, "endpoint.access_denied", str(mariadb.port))
    assert "not-the-password" not in outcome.text
    assert oceanbase.password not in outcome.text


def test_unreachable_host(mariadb: MariaDb, shop: str, tmp_path: Path) -> None:
    nobody = f"oceanbase://root:x@127.0.0.1:{free_port()}"
    run(tmp_path, mariadb.url, nobody, *full(shop)).is_clear(3, "endpoint.unreachable", "127.0.0.1")


@pytest.mark.parametrize("url", ["mysql//host", "mysql://h:notaport/", "nosuch://h", ""])
def test_wrong_url(oceanbase: OceanBase, tmp_path: Path, url: str) -> None:
    run(tmp_path, url, oceanbase.url).is_clear(2, "usage.bad_url")


def test_unknown_object(mariadb: MariaDb, oceanbase: OceanBase, shop: str, tmp_path: Path) -> None:
    outcome = run(tmp_path, mariadb.url, oceanbase.url, "--objects", f"{shop}.nosuch", "--types", "schema,full")
    assert outcome.code in (2, 3)
    outcome.is_clear(outcome.code, f"{shop}.nosuch")


def test_missing_privilege_at_source(mariadb: MariaDb, oceanbase: OceanBase, shop: str, tmp_path: Path) -> None:
    user = f"u{shop}"
    execute(mariadb, f"CREATE USER {user}@'%' IDENTIFIED BY 'pw'", f"GRANT SELECT ON {shop}.* TO {user}@'%'")
    source = f"mysql://{user}:pw@127.0.0.1:{mariadb.port}"
    outcome = run(tmp_path, source, oceanbase.url, "--objects", f"{shop}.*", "--stop-when", "caught-up")
    outcome.is_clear(3, "REPLICATION", "GRANT")


def test_missing_privilege_at_target(mariadb: MariaDb, oceanbase: OceanBase, shop: str, tmp_path: Path) -> None:
    user = f"u{shop}"
    execute(oceanbase, f"CREATE USER {user} IDENTIFIED BY 'pw'", f"GRANT SELECT ON *.* TO {user}")
    target = f"oceanbase://{user}:pw@127.0.0.1:{oceanbase.port}"
    run(tmp_path, mariadb.url, target, *full(shop)).is_clear(3, "CREATE", "GRANT")


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"binlog-format": "STATEMENT"}, "binlog_format"), ({"binlog-row-image": "MINIMAL"}, "binlog_row_image")],
)
def test_log_not_usable(
    oceanbase: OceanBase,
    servers_directory: Path,
    tmp_path: Path,
    database_name: str,
    settings: dict[str, str],
    word: str,
) -> None:
    server = MariaDb(servers_directory / f"bad-{database_name}", settings=settings).start()
    try:
        execute(server, f"CREATE DATABASE {database_name}", f"CREATE TABLE {database_name}.t (a INT PRIMARY KEY)")
        outcome = run(tmp_path, server.url, oceanbase.url, "--objects", f"{database_name}.*")
        outcome.is_clear(3, word)
        assert full_load_works(tmp_path, server, oceanbase, database_name), "a load alone needs no log"
    finally:
        server.remove()


def full_load_works(tmp_path: Path, server: Server, oceanbase: OceanBase, database: str) -> bool:
    return run(tmp_path, server.url, oceanbase.url, *full(database), "--name", "again").code == 0


def test_log_off(oceanbase: OceanBase, servers_directory: Path, tmp_path: Path, database_name: str) -> None:
    server = MariaDb(servers_directory / f"off-{database_name}", settings={"skip-log-bin": "1"})
    server._settings.pop("log-bin")
    server.start()
    try:
        execute(server, f"CREATE DATABASE {database_name}", f"CREATE TABLE {database_name}.t (a INT PRIMARY KEY)")
        outcome = run(tmp_path, server.url, oceanbase.url, "--objects", f"{database_name}.*")
        outcome.is_clear(3, "log_bin")
    finally:
        server.remove()


def test_missing_target_database_without_schema_step(
    mariadb: MariaDb, oceanbase: OceanBase, shop: str, tmp_path: Path
) -> None:
    outcome = run(tmp_path, mariadb.url, oceanbase.url, "--objects", f"{shop}.*", "--types", "full")
    assert outcome.code in (2, 3)
    outcome.is_clear(outcome.code, shop)


def test_target_not_empty(mariadb: MariaDb, oceanbase: OceanBase, shop: str, tmp_path: Path) -> None:
    execute(
        oceanbase,
        f"CREATE DATABASE {shop}",
        f"CREATE TABLE {shop}.t (id INT PRIMARY KEY, v VARCHAR(20))",
        f"INSERT INTO {shop}.t VALUES (7, 'mine')",
    )
    outcome = run(tmp_path, mariadb.url, oceanbase.url, *full(shop))
    assert outcome.code in (1, 3)
    outcome.is_clear(outcome.code, f"{shop}.t", "hold rows")
    assert execute(oceanbase, f"SELECT * FROM {shop}.t") == [(7, "mine")], "what was there is untouched"


def test_differences_exit_4(mariadb: MariaDb, oceanbase: OceanBase, shop: str, tmp_path: Path) -> None:
    run(tmp_path, mariadb.url, oceanbase.url, *full(shop)).is_clear(0)
    execute(oceanbase, f"UPDATE {shop}.t SET v = 'damaged' WHERE id = 2", f"DELETE FROM {shop}.t WHERE id = 3")
    outcome = run(tmp_path, mariadb.url, oceanbase.url, "--objects", f"{shop}.*", command="verify")
    outcome.is_clear(4, f"{shop}.t", "2")


def test_float_key_is_refused(mariadb: MariaDb, oceanbase: OceanBase, database_name: str, tmp_path: Path) -> None:
    execute(mariadb, f"CREATE DATABASE {database_name}", f"CREATE TABLE {database_name}.f (x FLOAT PRIMARY KEY)")
    outcome = run(tmp_path, mariadb.url, oceanbase.url, *full(database_name))
    assert outcome.code != 0
    outcome.is_clear(outcome.code, f"{database_name}.f", "FLOAT")


def test_table_without_key_moves_exactly_once(
    mariadb: MariaDb, oceanbase: OceanBase, database_name: str, tmp_path: Path
) -> None:
    table = f"{database_name}.nokey"
    execute(
        mariadb,
        f"CREATE DATABASE {database_name}",
        f"CREATE TABLE {table} (a INT, b DOUBLE, c TEXT)",
        f"INSERT INTO {table} VALUES (1, 0.1, 'x'), (1, 0.1, 'x'), (NULL, NULL, NULL)",
    )
    arguments = ("--objects", f"{database_name}.*", "--name", database_name, "--stop-when", "caught-up")
    run(tmp_path, mariadb.url, oceanbase.url, *arguments).is_clear(0)
    execute(
        mariadb,
        f"INSERT INTO {table} VALUES (1, 0.1, 'x'), (2, 2, 'y')",
        f"DELETE FROM {table} WHERE a = 1 LIMIT 2",
        f"UPDATE {table} SET c = 'z' WHERE a IS NULL",
    )
    run(tmp_path, mariadb.url, oceanbase.url, *arguments).is_clear(0)
    order = f"SELECT * FROM {table} ORDER BY a, b, c"
    assert execute(oceanbase, order) == execute(mariadb, order)


def test_odd_names(mariadb: MariaDb, oceanbase: OceanBase, database_name: str, tmp_path: Path) -> None:
    database = f"{database_name} o'd`d.naïve 订单"
    quoted = "`" + database.replace("`", "``") + "`"
    table = f'{quoted}.`tab.le "q" ``b`` ünï 🚣`'
    column = "`col'umn.`"
    try:
        execute(
            mariadb, f"CREATE DATABASE {quoted}", f"CREATE TABLE {table} (`id %s` INT PRIMARY KEY, {column} VARCHAR(9))"
        )
    except pymysql.Error:
        table = f'{quoted}.`tab.le "q" ``b`` ünï`'  # servers refuse names beyond the basic plane
        execute(mariadb, f"CREATE TABLE {table} (`id %s` INT PRIMARY KEY, {column} VARCHAR(9))")
    execute(mariadb, f"INSERT INTO {table} VALUES (1, 'x'), (2, NULL)")
    arguments = ("--objects", f"`{database.replace('`', '``')}`.*", "--name", "odd", "--stop-when", "caught-up")
    run(tmp_path, mariadb.url, oceanbase.url, *arguments).is_clear(0)
    execute(mariadb, f"UPDATE {table} SET {column} = 'ü'", f"INSERT INTO {table} VALUES (3, 'log')")
    run(tmp_path, mariadb.url, oceanbase.url, *arguments).is_clear(0)
    assert execute(oceanbase, f"SELECT * FROM {table} ORDER BY 1") == [(1, "ü"), (2, "ü"), (3, "log")]


def test_value_that_does_not_fit(mariadb: MariaDb, oceanbase: OceanBase, shop: str, tmp_path: Path) -> None:
    """The target's table was made narrower by hand: told beforehand, and refused; nothing is cut; once mended, resume works."""
    execute(mariadb, f"UPDATE {shop}.t SET v = 'longer than five' WHERE id = 2")
    execute(oceanbase, f"CREATE DATABASE {shop}", f"CREATE TABLE {shop}.t (id INT PRIMARY KEY, v VARCHAR(5))")
    arguments = ("--objects", f"{shop}.*", "--types", "full,verify", "--name", "narrow")
    counted = run(tmp_path, mariadb.url, oceanbase.url, *arguments)
    counted.is_clear(3, "precheck.value_misfit", f"{shop}.t.v: 1 values are longer")
    outcome = run(tmp_path, mariadb.url, oceanbase.url, *arguments, "--skip-precheck", "DB_VALUES")
    outcome.is_clear(1, "target.value_refused", f"{shop}.t")
    assert "longer than five" not in outcome.text, "row values stay out of messages"
    assert execute(oceanbase, f"SELECT COUNT(*) FROM {shop}.t WHERE v = 'longe'") == [(0,)]
    execute(oceanbase, f"ALTER TABLE {shop}.t MODIFY v VARCHAR(20)")
    run(tmp_path, mariadb.url, oceanbase.url, *arguments).is_clear(0)
    assert execute(oceanbase, f"SELECT v FROM {shop}.t WHERE id = 2") == [("longer than five",)]


def test_names_that_collide_at_the_target(
    mariadb: MariaDb, oceanbase: OceanBase, database_name: str, tmp_path: Path
) -> None:
    execute(
        mariadb,
        f"CREATE DATABASE {database_name}",
        f"CREATE TABLE {database_name}.Thing (a INT PRIMARY KEY)",
        f"CREATE TABLE {database_name}.thing (a INT PRIMARY KEY)",
    )
    outcome = run(tmp_path, mariadb.url, oceanbase.url, *full(database_name))
    assert outcome.code in (1, 2, 3)
    outcome.is_clear(outcome.code, "Thing", "thing")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_disk_full_under_the_data_directory(mariadb: MariaDb, oceanbase: OceanBase, shop: str, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(small)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a tmpfs here: {mounted.stderr!r}")
    try:
        (small / "filler").write_bytes(b"x" * 1_900_000)
        report = tmp_path / "r.json"
        command = [sys.executable, "-m", "ferryman", "run", "--source", mariadb.url, "--target", oceanbase.url]
        ending = [*full(shop), "--data-dir", str(small), "--report", str(report), "--name", "disk"]
        done = subprocess.run([*command, *ending], check=False, capture_output=True, text=True, timeout=300)
        Outcome(done, report).is_clear(3, "disk.full", "small")
        (small / "filler").unlink()
        again = subprocess.run([*command, *ending], check=False, capture_output=True, text=True, timeout=300)
        Outcome(again, report).is_clear(0)
    finally:
        subprocess.run(["umount", str(small)], check=True)
