"""The bytes of polled changes, their positions, and the pace of polling."""

from __future__ import annotations

import random

import pytest

from ferryman.connectors.oceanbase.scn.decoder import ScnDecoder
from ferryman.connectors.oceanbase.scn.pace import Pace
from ferryman.connectors.oceanbase.scn.place import first_place, place_of
from ferryman.connectors.oceanbase.scn.records import END, Statement, decode, encode_changes, encode_statement
from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch
from ferryman.model.changes import Begin, ChangeBatch, Commit, Operation, SchemaStatement
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Column, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.spi.source import LogRecord

NAME = TableName("shop", "ørders`")
TABLE = Table(
    name=NAME,
    columns=(Column(name="id", type=ColumnType(kind=Kind.INTEGER)), Column(name="b", type=ColumnType(kind=Kind.BLOB))),
)


def _change(operation: Operation, rows: int = 9) -> ChangeBatch:
    old = Batch.of([(b"%d" % n, None if n % 3 else bytes(range(n))) for n in range(rows)], 2)
    new = Batch.of([(b"%d" % n, b"" if n % 2 else None) for n in range(rows)], 2)
    return ChangeBatch(
        table=NAME,
        operation=operation,
        columns=("id", "b"),
        before=None if operation is Operation.INSERT else old,
        after=None if operation is Operation.DELETE else new,
        cascades=False,
    )


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("rows", [1, 8, 9])
def test_changes_come_back(operation: Operation, rows: int) -> None:
    change = _change(operation, rows)
    assert decode(encode_changes(change)) == change


def test_statements_and_ends_come_back() -> None:
    statement = Statement("ALTER TABLE t ADD c int COMMENT '🚣'", "shop")
    assert decode(encode_statement(statement)) == statement
    assert decode(END) is None


def test_damaged_records_are_refused() -> None:
    """Cut off anywhere, lengthened, of another kind or version: an error of ours, never a wrong row."""
    whole = encode_changes(_change(Operation.UPDATE))
    for size in range(2, len(whole)):
        with pytest.raises(FerrymanError, match="record"):
            decode(whole[:size])
    for broken in (whole + b"x", b"\x01Z", b"", b"\x01"):
        with pytest.raises(FerrymanError) as caught:
            decode(broken)
        assert caught.value.code == "log.corrupt"
    with pytest.raises(FerrymanError) as caught:
        decode(b"\x02E")
    assert caught.value.code == "logstore.newer"


def test_changed_bytes_never_crash() -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice, whole = random.Random(seed), encode_changes(_change(Operation.UPDATE))
    for _ in range(2000):
        data = bytearray(whole)
        data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            decode(bytes(data))
        except FerrymanError:
            continue


def test_places_rise_and_come_back() -> None:
    start = first_place(1_795_463_252_739_001_007, 1_795_463_252_595_976)
    statement = start.next(ddl=start.ddl + 5)
    emptied = statement.next(again=True)
    row = emptied.next()
    end = first_place(start.scn + 10, statement.ddl)
    places = [start, statement, emptied, row, end]
    assert [place_of(place.position()) for place in places[:3]] == places[:3]
    orders = [place.position().order for place in places]
    assert orders == sorted(set(orders))
    assert emptied.since == start.ddl
    assert int(start.position().time) == start.scn // 1_000_000_000
    with pytest.raises(FerrymanError):
        place_of(Position(kind="binlog", token={}, order=(1, 2)))


def _record(payload: bytes, scn: int) -> LogRecord:
    return LogRecord(payload=payload, position=first_place(scn, 1).position(), boundary=payload == END)


def test_a_window_is_one_transaction() -> None:
    decoder = ScnDecoder(lambda _name: TABLE, lambda _name: True)
    assert decoder.decode(_record(END, 5)) == []
    first = decoder.decode(_record(encode_changes(_change(Operation.INSERT)), 6))
    assert [type(item) for item in first] == [Begin, ChangeBatch]
    assert len(decoder.decode(_record(encode_changes(_change(Operation.DELETE)), 7))) == 1
    assert [type(item) for item in decoder.decode(_record(END, 8))] == [Commit]
    (statement,) = decoder.decode(_record(encode_statement(Statement("DROP TABLE t", "shop")), 9))
    assert isinstance(statement, SchemaStatement)
    assert statement.database == "shop"


def test_columns_must_be_those_of_the_schema() -> None:
    other = Table(name=NAME, columns=TABLE.columns[:1])
    for table in (other, None):
        decoder = ScnDecoder(lambda _name, table=table: table, lambda _name: True)  # type: ignore[misc]
        with pytest.raises(FerrymanError) as caught:
            decoder.decode(_record(encode_changes(_change(Operation.INSERT)), 6))
        assert caught.value.code == "log.schema_mismatch"
    unwanted = ScnDecoder(lambda _name: None, lambda _name: False)
    assert unwanted.decode(_record(encode_changes(_change(Operation.INSERT)), 6)) == []


def test_pauses_follow_the_cost() -> None:
    pace = Pace(1800)
    assert pace.pause_after(0.001) == 0.2
    assert pace.pause_after(2.0) == 6.0
    assert pace.pause_after(100.0) == 30.0
    assert Pace(60).pause_after(100.0) == 6.0
    assert pace.warning(899) == ""
    assert "undo_retention" in pace.warning(901)
