"""XA transactions of a real server come where they are committed, from whatever place the log is read (I2, I3)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from test_log_values import records

from ferryman.connectors.mysql_family.catalog.reading import read_schema
from ferryman.connectors.mysql_family.connection import open_connection
from ferryman.connectors.mysql_family.log import binlog
from ferryman.connectors.mysql_family.log.changes import BinlogDecoder
from ferryman.connectors.mysql_family.log.prepared import OPEN, CommitOrder
from ferryman.embedded import MariaDb
from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import Begin, ChangeBatch, Commit, LogItem
from ferryman.model.position import Position
from ferryman.model.selection import Selection
from ferryman.spi.source import LogRecord

pytestmark = pytest.mark.mariadb
UNKNOWN_XID = 1397


class Stored:
    """What was logged, read from a place on."""

    def __init__(self, kept: list[LogRecord], start: Position) -> None:
        idle = [LogRecord(payload=b"", position=start, boundary=True)]
        self.left = idle + [record for record in kept if record.position > start]

    def poll(self, timeout: float) -> LogRecord | None:
        return self.left.pop(0) if self.left else None

    def close(self) -> None:
        self.left = []


class Stage:
    """A table on the shared server, and what the log says of it."""

    def __init__(self, server: MariaDb, database: str) -> None:
        self.server, self.database = server, database
        self.connection = open_connection(server.endpoint)
        self.run(f"CREATE DATABASE {database}", f"CREATE TABLE {database}.t (id INT PRIMARY KEY)")
        self.start = binlog.current_position(self.connection)

    def run(self, *statements: str) -> None:
        for sql in statements:
            self.connection.execute(sql)

    def finish(self, how: str, name: str) -> None:
        """End what another session has prepared, once the server has noticed that it is gone."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return self.run(f"XA {how} '{name}'")
            except FerrymanError as error:
                if error.context.get("errno") != UNKNOWN_XID or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def insert(self, *ids: int) -> str:
        return f"INSERT INTO {self.database}.t VALUES {', '.join(f'({number})' for number in ids)}"

    def prepare(self, name: str, *statements: str) -> None:
        """Prepare in a session of its own, which ends: whoever commits need not be who prepared."""
        with open_connection(self.server.endpoint) as other:
            for sql in (f"XA START '{name}'", *statements, f"XA END '{name}'", f"XA PREPARE '{name}'"):
                other.execute(sql)

    def kept(self, start: Position | None = None) -> list[LogRecord]:
        return list(records(self.server.endpoint, start or self.start, self.connection))

    def read(self, kept: list[LogRecord], start: Position | None = None) -> Iterator[tuple[LogRecord, list[LogItem]]]:
        """Decode in the order of commits."""
        start = start or self.start
        log = CommitOrder(Stored(kept, start), start, lambda place: Stored(kept, place))
        schema = read_schema(self.connection, Selection(objects=(f"{self.database}.*",)))
        decoder = BinlogDecoder(schema.table, lambda name: name.database == self.database)
        while (record := log.poll(0.0)) is not None:
            yield record, decoder.decode(record) if record.payload else []


@pytest.fixture
def stage(mariadb: MariaDb, database_name: str) -> Iterator[Stage]:
    made = Stage(mariadb, database_name)
    yield made
    for name in [bytes(row[3]).decode() for row in made.connection.query("XA RECOVER")]:
        made.finish("ROLLBACK", name)
    made.run(f"DROP DATABASE {database_name}")
    made.connection.close()


def told(read: Iterator[tuple[LogRecord, list[LogItem]]]) -> list[list[int]]:
    """Return the ids of each committed transaction."""
    found: list[list[int]] = []
    amid: list[int] = []
    for _, items in read:
        for item in items:
            if isinstance(item, Begin):
                assert not amid
            elif isinstance(item, ChangeBatch):
                amid += [int(row[0]) for row in item.after.rows()]  # type: ignore[union-attr]
            elif isinstance(item, Commit):
                found.append(amid)
                amid = []
    assert not amid
    return found


def mixed(stage: Stage) -> list[list[int]]:
    """Write; returns what is committed, in its order."""
    stage.prepare("one", stage.insert(1, 2), stage.insert(3))
    stage.run(stage.insert(10))
    stage.prepare("two", stage.insert(4))
    stage.run(stage.insert(11))
    stage.finish("COMMIT", "two")
    stage.run(stage.insert(12))
    stage.prepare("three", stage.insert(5))
    stage.finish("ROLLBACK", "three")
    stage.run(stage.insert(13))
    stage.finish("COMMIT", "one")
    stage.run(stage.insert(14))
    for sql in ("XA START 'one'", stage.insert(6), "XA END 'one'", "XA COMMIT 'one' ONE PHASE"):
        stage.run(sql)
    return [[10], [11], [4], [12], [13], [1, 2, 3], [14], [6]]


def test_rows_come_where_they_are_committed(stage: Stage) -> None:
    expected = mixed(stage)
    assert told(stage.read(stage.kept())) == expected


def test_reading_goes_on_from_every_place_between_transactions(stage: Stage) -> None:
    expected = mixed(stage)
    kept = stage.kept()
    done = [(record, items) for record, items in stage.read(kept)]
    borders = [place for place, (record, _) in enumerate(done) if record.boundary]
    assert any(done[place][0].position.since for place in borders)
    for place in borders:
        before, border = told(iter(done[: place + 1])), done[place][0].position
        assert before + told(stage.read(kept, border)) == expected
        assert border.earliest <= border
        needed = [record for record in kept if record.position > border.earliest]  # what the store keeps
        assert told(stage.read(needed, border)) == expected[len(before) :]


def test_places_rise_and_tell_what_is_open(stage: Stage) -> None:
    mixed(stage)
    orders = [record.position.order for record, _ in stage.read(stage.kept())][1:]
    assert orders == sorted(set(orders))
    stage.prepare("one", stage.insert(20))
    *_, (last, _) = stage.read(stage.kept())
    assert last.position.since
    assert last.position.token[OPEN].startswith("1:6f6e65:@")
    assert "6f6e65" not in str(last.position)


def test_what_was_prepared_before_the_beginning_is_refused_when_it_is_committed(stage: Stage) -> None:
    stage.prepare("one", stage.insert(1))
    stage.prepare("two", stage.insert(2))
    start = binlog.current_position(stage.connection)
    stage.finish("ROLLBACK", "two")
    stage.run(stage.insert(3))
    assert told(stage.read(stage.kept(start), start)) == [[3]]
    stage.finish("COMMIT", "one")
    with pytest.raises(FerrymanError, match="XA COMMIT") as caught:
        told(stage.read(stage.kept(start), start))
    assert caught.value.code == "log.unsupported_event"
    assert "load the tables again" in caught.value.hint
