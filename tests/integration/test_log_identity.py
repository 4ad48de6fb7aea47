"""A position names its log: RESET MASTER, another server, a copy of the server (I2: no change is left out in silence)."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from ferryman.connectors.mysql_family.log.binlog import stream
from ferryman.connectors.mysql_family.source import FamilySource
from ferryman.embedded import MySql56, Server
from ferryman.foundation.errors import FerrymanError
from ferryman.model.position import Position
from real_pipeline import execute

SERVERS = [
    pytest.param("mysql56", marks=pytest.mark.mysql56),
    pytest.param("mysql56_without_gtid", marks=pytest.mark.mysql56),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
]


def write(server: Server, database: str, count: int) -> None:
    rows = [f"INSERT INTO t VALUES ({number})" for number in range(count)]
    execute(server, f"CREATE DATABASE {database}")
    execute(server, "CREATE TABLE t (id INT)", *rows, f"DROP DATABASE {database}", database=database)


def reached(server: Server, start: Position) -> Position:
    """Follow the log to its end."""
    end = FamilySource(server.endpoint).current_position()
    with stream(server.endpoint, start) as records:
        return next(r.position for r in records if r is not None and r.boundary and r.position >= end)


@pytest.mark.parametrize("fixture", SERVERS)
def test_a_log_that_was_reset_is_refused_though_its_names_and_places_are_the_same(fixture, request, database_name):
    server: Server = request.getfixturevalue(fixture)
    execute(server, "RESET MASTER")
    start = FamilySource(server.endpoint).current_position()
    write(server, database_name, 5)
    place = reached(server, start)
    assert reached(server, place) == place
    begun = float(place.token["begun"])
    deadline = time.monotonic() + 60
    while time.time() <= begun + 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # a log that ends before the place; the very same transactions, so that place and GTIDs are there; then more
    for count, anew in ((0, True), (5, True), (9, False)):
        if anew:
            execute(server, "RESET MASTER")
        write(server, database_name, count)
        with pytest.raises(FerrymanError) as caught:
            reached(server, place)
        assert caught.value.code == "position.other_log", caught.value


@pytest.mark.mysql56
def test_a_copy_of_the_server_is_followed_since_gtids_prove_it_equal(tmp_path: Path):
    with_data = MySql56(tmp_path / "one")
    try:
        with_data.start()
    except FerrymanError as missing:
        if missing.code != "embedded.missing":
            raise
        pytest.skip(missing.message)
    copy = MySql56(tmp_path / "two")
    try:
        start = FamilySource(with_data.endpoint).current_position()
        write(with_data, "copied", 3)
        place = reached(with_data, start)
        with_data.stop()
        (tmp_path / "two").mkdir(exist_ok=True)
        shutil.copytree(tmp_path / "one" / "data", tmp_path / "two" / "data")
        (tmp_path / "two" / "data" / "auto.cnf").unlink()
        shutil.copy(tmp_path / "one" / "password", tmp_path / "two" / "password")
        copy.start()
        write(copy, "copied", 1)
        behind = reached(copy, place)
        assert behind > place
        assert behind.token["server"] != place.token["server"]
    finally:
        with_data.remove()
        copy.remove()


def test_how_long_the_log_is_kept(mariadb):
    source = FamilySource(mariadb.endpoint)
    execute(mariadb, "SET GLOBAL expire_logs_days = 3")
    try:
        assert source.log_kept_seconds() == 3 * 86_400
    finally:
        execute(mariadb, "SET GLOBAL expire_logs_days = 0")
    assert source.log_kept_seconds() is None
