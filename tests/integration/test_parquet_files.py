"""Parquet files: every type exactly, files that appear whole, and what a kill between two steps leaves behind."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ferryman.connectors.file.journal import read_state
from ferryman.connectors.file.sink import FileSink
from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, Row
from ferryman.model.changes import Operation
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.model.schema import Column, Index, KeyPart, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.publish.routing import Router
from ferryman.serializers.registry import serializer_for
from ferryman.spi.sink import Origin, RowEvent

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

TYPES: list[tuple[ColumnType, bytes, Any]] = [
    (ColumnType(kind=Kind.INTEGER, bits=64, unsigned=True), b"18446744073709551615", 18446744073709551615),
    (ColumnType(kind=Kind.INTEGER, bits=24), b"-8388608", -8388608),
    (ColumnType(kind=Kind.DECIMAL, precision=65, scale=2), b"-" + b"9" * 63 + b".25", Decimal("-" + "9" * 63 + ".25")),
    (ColumnType(kind=Kind.DECIMAL, precision=12, scale=2), b"-0.50", Decimal("-0.50")),
    (ColumnType(kind=Kind.FLOAT), b"0.1", 0.10000000149011612),
    (ColumnType(kind=Kind.DOUBLE), b"1e+16", 1e16),
    (ColumnType(kind=Kind.DATE), b"0001-02-28", date(1, 2, 28)),
    (
        ColumnType(kind=Kind.DATETIME, fraction=6),
        b"9999-12-31 23:59:59.999999",
        datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001 -- a DATETIME has no zone
    ),
    (
        ColumnType(kind=Kind.TIMESTAMP, fraction=3),
        b"2024-01-02 03:04:05.678",
        datetime(2024, 1, 2, 3, 4, 5, 678000, UTC),
    ),
    (ColumnType(kind=Kind.TIME, fraction=1), b"-838:59:58.5", -(838 * 3600 + 59 * 60 + 58) * 10**6 - 500_000),
    (ColumnType(kind=Kind.YEAR), b"1999", 1999),
    (ColumnType(kind=Kind.BIT, bits=12), b"4095", b"\x0f\xff"),
    (ColumnType(kind=Kind.BLOB), b"\x00\xff\n", b"\x00\xff\n"),
    (ColumnType(kind=Kind.JSON), b'{"a":1.50}', '{"a":1.50}'),
    (ColumnType(kind=Kind.VARCHAR, length=9), "é\n😀".encode(), "é\n😀"),
]


def table_of(types: Sequence[ColumnType], *, keyed: bool = True) -> Table:
    columns = tuple(Column(name=f"c{place}", type=kind, nullable=place > 0) for place, kind in enumerate(types))
    index = Index(name="PRIMARY", parts=(KeyPart(column="c0"),), unique=True, primary=True)
    return Table(name=TableName("d", "t"), columns=columns, indexes=(index,) if keyed else ())


class Lake:
    """A directory with a router and a writer."""

    def __init__(self, directory: Path, table: Table, **options: Any) -> None:
        self.directory, self.table = directory, table
        endpoint = Endpoint(scheme="file", host="", port=0, options={"path": str(directory)})
        publish = PublishOptions(format="PARQUET", **options)
        self.sink = FileSink(endpoint, publish)
        self.sink.prepare()
        self.router = Router(publish, serializer_for(publish, endpoint), {"d.t": 1})
        self.epoch = 0

    def writer(self) -> Any:
        self.epoch += 1
        return self.sink.writer("p/apply", self.epoch, 0)

    def event(self, operation: Operation, before: Sequence[Row], after: Sequence[Row], place: int = 1) -> Any:
        position = Position(kind="binlog", token={"file": "b.1", "offset": str(place)}, order=(1, place), time=1.6e9)
        images = [Batch.of(rows, len(self.table.columns)) if rows else None for rows in (before, after)]
        return self.router.rows(
            RowEvent(
                name=self.table.name, table=self.table, operation=operation, columns=self.table.columns,
                before=images[0], after=images[1], origin=Origin(position=position, seconds=1.6e9, database_type="MYSQL"),
            )
        )  # fmt: skip

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.directory / "d.t").glob("*"))

    def rows(self) -> list[dict[str, Any]]:
        tables = [pq.read_table(path) for path in sorted((self.directory / "d.t").glob("*.parquet"))]
        return [row for table in tables for row in table.to_pylist()]


def commit(writer: Any, *sent: Any) -> None:
    writer.begin()
    for messages in sent:
        writer.publish(messages)
    writer.commit({"checkpoint": 1})


def number(*values: int) -> list[Row]:
    return [(b"%d" % value, b"x%d" % value) for value in values]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path, table_of([ColumnType(kind=Kind.INTEGER, bits=32), ColumnType(kind=Kind.VARCHAR, length=9)]))


def test_every_type_arrives_exactly(tmp_path: Path) -> None:
    lake = Lake(tmp_path, table_of([kind for kind, _, _ in TYPES]))
    row, nothing = tuple(value for _, value, _ in TYPES), (b"1", *[None] * (len(TYPES) - 1))
    with closing(lake.writer()) as writer:
        commit(writer, lake.event(Operation.INSERT, [], [row, nothing]))
        writer.show(everything=True)
    found = lake.rows()
    assert [found[0][f"c{place}"] for place in range(len(TYPES))] == [wanted for _, _, wanted in TYPES]
    assert [found[1][f"c{place}"] for place in range(1, len(TYPES))] == [None] * (len(TYPES) - 1)
    assert found[0]["_ferryman_operation"] == "insert"
    assert found[1]["_ferryman_change"] == "1:1:1"
    assert found[0]["_ferryman_committed"] == datetime.fromtimestamp(1.6e9, UTC)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(Kind.DATE, b"0000-00-00"), (Kind.DATE, b"2020-00-10"), (Kind.DATETIME, b"0000-00-00 00:00:00")],
)
def test_days_that_are_none_are_refused_or_kept_as_text(tmp_path: Path, kind: Kind, value: bytes) -> None:
    table = table_of([ColumnType(kind=Kind.INTEGER, bits=32), ColumnType(kind=kind)])
    with closing((lake := Lake(tmp_path / "a", table)).writer()) as writer:
        writer.begin()
        with pytest.raises(FerrymanError, match="c1") as caught:
            writer.publish(lake.event(Operation.INSERT, [], [(b"1", value)]))
        assert caught.value.code == "sink.value_unfit"
    with closing((lake := Lake(tmp_path / "b", table, times_as_text=True)).writer()) as writer:
        commit(writer, lake.event(Operation.INSERT, [], [(b"1", value)]))
        writer.show(everything=True)
    assert lake.rows()[0]["c1"] == value.decode()


def test_a_key_that_moves_is_deleted_and_inserted_at_its_place(lake: Lake) -> None:
    old, new = number(1, 2, 3), [(b"1", b"y"), (b"3", b"z"), (b"4", b"w")]
    with closing(lake.writer()) as writer:
        commit(writer, lake.event(Operation.UPDATE, old, new))
        writer.show(everything=True)
    found = [(row["_ferryman_operation"], row["c0"], row["c1"]) for row in lake.rows()]
    assert found == [
        ("update", 1, "y"), ("delete", 2, "x2"), ("insert", 3, "z"), ("delete", 3, "x3"), ("insert", 4, "w"),
    ]  # fmt: skip
    assert [row["_ferryman_change"][-1] for row in lake.rows()] == list("01122")


def test_nothing_is_seen_before_it_is_whole_and_nothing_twice(lake: Lake) -> None:
    with closing(lake.writer()) as writer:
        commit(writer, lake.event(Operation.INSERT, [], number(1)))
        writer.begin()
        writer.publish(lake.event(Operation.INSERT, [], number(2)))
        writer.rollback()
        commit(writer, lake.event(Operation.DELETE, number(1), []))
        assert lake.files() == []
    writer = lake.writer()  # goes on with what its predecessor committed
    writer.begin()
    writer.publish(lake.event(Operation.INSERT, [], number(7)))  # and dies before it commits
    with closing(lake.writer()) if writer.close() is None else writer as writer:
        writer.show(everything=True)
        assert lake.files() == ["incremental-000001.parquet"]
        commit(writer, lake.event(Operation.INSERT, [], number(3)))
        writer.show(everything=True)
        writer.show(everything=True)
    assert lake.files() == ["incremental-000001.parquet", "incremental-000002.parquet"]
    assert [(row["_ferryman_operation"], row["c0"]) for row in lake.rows()] == [
        ("insert", 1),
        ("delete", 1),
        ("insert", 3),
    ]


@pytest.mark.parametrize("dies_before", ["_write_file", "replace", "_begin_next", "append", "unlink"])
def test_a_kill_while_a_file_is_made_changes_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, dies_before: str
) -> None:
    class Died(BaseException):
        pass

    def die(*_arguments: Any, **_options: Any) -> None:
        raise Died

    with closing(lake.writer()) as writer:
        commit(writer, lake.event(Operation.INSERT, [], number(1, 2)))
        with monkeypatch.context() as patch:
            owner = (
                Path if dies_before in {"replace", "unlink"} else writer if dies_before[0] == "_" else writer._journal
            )
            patch.setattr(owner, dies_before, die)
            with pytest.raises(Died):
                writer.show(everything=True)
    with closing(lake.writer()) as writer:
        commit(writer, lake.event(Operation.INSERT, [], number(3)))
        writer.show(everything=True)
    assert [row["c0"] for row in lake.rows()] == [1, 2, 3]
    assert not list(lake.directory.rglob("*.arrows"))


def test_another_schema_begins_another_file_and_statements_are_rows(lake: Lake) -> None:
    with closing(lake.writer()) as writer:
        commit(writer, lake.event(Operation.INSERT, [], number(1)))
        wide = Lake(
            lake.directory, table_of([column.type for column in lake.table.columns] + [ColumnType(kind=Kind.DATE)])
        )
        commit(writer, wide.event(Operation.INSERT, [], [(b"2", b"x", b"2024-02-29")]))
        writer.begin()
        writer.publish(lake.event(Operation.INSERT, [], number(3)))
        with pytest.raises(FerrymanError, match="one schema"):
            writer.publish(wide.event(Operation.INSERT, [], [(b"4", b"x", None)]))
        writer.rollback()
        writer.show(everything=True)
    assert len(lake.files()) == 2
    assert [row.get("c2") for row in lake.rows()] == [None, date(2024, 2, 29)]


def test_what_a_killed_task_left_is_seen_when_the_project_is_released(lake: Lake) -> None:
    with closing(lake.writer()) as writer:
        commit(writer, lake.event(Operation.INSERT, [], number(*range(100))))
    assert lake.files() == []
    lake.sink.forget("p")
    assert len(lake.rows()) == 100
    assert not list(lake.directory.rglob("*.journal"))


def test_large_stages_become_files_by_themselves(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ferryman.connectors.file.lake.ROLL_BYTES", 20_000)
    monkeypatch.setattr("ferryman.connectors.file.lake.LOOK_SECONDS", 0.0)
    wanted, dice = 0, random.Random(1)
    with closing(lake.writer()) as writer:
        for _ in range(30):
            count = dice.randrange(1, 300)
            commit(writer, lake.event(Operation.INSERT, [], number(*range(wanted, wanted + count))))
            wanted += count
        assert len(lake.files()) > 3
        writer.show(everything=True)
    assert [row["c0"] for row in lake.rows()] == list(range(wanted))
    journal = next(lake.directory.rglob("*.journal"))
    assert read_state(journal).marks == {"checkpoint": 1}
