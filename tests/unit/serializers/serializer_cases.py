"""One table with every type, rows of it, and the events made of them."""

from __future__ import annotations

import json
from typing import Any

from ferryman.model.batch import Batch
from ferryman.model.changes import Operation
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import PublishOptions
from ferryman.model.schema import Column, Index, KeyPart, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.serializers.contract import TransactionSerializer
from ferryman.serializers.registry import serializer_for
from ferryman.spi.sink import Origin, RowEvent, StatementEvent

COLUMNS: tuple[tuple[str, ColumnType, bytes], ...] = (
    ("id", ColumnType(kind=Kind.INTEGER, bits=32), b"7"),
    ("tiny", ColumnType(kind=Kind.INTEGER, bits=8), b"-12"),
    ("small", ColumnType(kind=Kind.INTEGER, bits=16), b"300"),
    ("medium", ColumnType(kind=Kind.INTEGER, bits=24), b"70000"),
    ("big", ColumnType(kind=Kind.INTEGER, bits=64), b"-9223372036854775808"),
    ("huge", ColumnType(kind=Kind.INTEGER, bits=64, unsigned=True), b"18446744073709551615"),
    ("price", ColumnType(kind=Kind.DECIMAL, precision=10, scale=2), b"-0.50"),
    ("ratio", ColumnType(kind=Kind.FLOAT), b"0.1"),
    ("weight", ColumnType(kind=Kind.DOUBLE), b"1e+16"),
    ("mask", ColumnType(kind=Kind.BIT, bits=12), b"2571"),
    ("day", ColumnType(kind=Kind.DATE), b"2020-11-25"),
    ("hour", ColumnType(kind=Kind.TIME, fraction=3), b"-26:01:02.120"),
    ("moment", ColumnType(kind=Kind.DATETIME, fraction=6), b"2020-11-25 00:01:02.012300"),
    ("stamp", ColumnType(kind=Kind.TIMESTAMP, fraction=6), b"2020-11-24 16:01:02.012345"),
    ("zero", ColumnType(kind=Kind.TIMESTAMP), b"0000-00-00 00:00:00"),
    ("year", ColumnType(kind=Kind.YEAR), b"0000"),
    ("letter", ColumnType(kind=Kind.CHAR, length=3), b"ab"),
    ("word", ColumnType(kind=Kind.VARCHAR, length=40), 'a "b" \\ \n é 🚣 %s'.encode()),
    ("text", ColumnType(kind=Kind.TEXT), b""),
    ("mood", ColumnType(kind=Kind.ENUM, values=("calm", "keen")), b"calm"),
    ("tags", ColumnType(kind=Kind.SET, values=("a", "b")), b"a,b"),
    ("fixed", ColumnType(kind=Kind.BINARY, length=4), b"\x00\x01\x00\x00"),
    ("bytes", ColumnType(kind=Kind.VARBINARY, length=9), b"\xff\x00"),
    ("photo", ColumnType(kind=Kind.BLOB), b"hello world"),
    ("extra", ColumnType(kind=Kind.JSON), b'{"n": 1}'),
    ("place", ColumnType(kind=Kind.GEOMETRY), b"\x00\x00\x00\x00\x01"),
    ("uuid", ColumnType(kind=Kind.UUID), b"00000000-0000-0000-0000-000000000001"),
    ("inet", ColumnType(kind=Kind.INET6), b"::1"),
    ("nothing", ColumnType(kind=Kind.VARCHAR, length=9), b""),
)
NAME = TableName("shop", "every%type")
TABLE = Table(
    name=NAME,
    columns=tuple(Column(name=name, type=kind, nullable=name != "id") for name, kind, _ in COLUMNS),
    indexes=(Index(name="PRIMARY", parts=(KeyPart(column="id"),), unique=True, primary=True),),
)
ROW = tuple(None if name == "nothing" else value for name, _, value in COLUMNS)
OTHER = tuple(b"another" if name == "word" else value for (name, _, _), value in zip(COLUMNS, ROW, strict=True))
POSITION = Position(kind="binlog", token={"file": "b.000002", "offset": "77"}, order=(2, 77), time=1609344671.0)
CHANGE = Origin(position=POSITION, seconds=1609344671.0, database_type="MYSQL", sequence=160934467100003)
LOAD = Origin(position=None, seconds=0.0, database_type="MYSQL")


def event(operation: Operation, *, origin: Origin = CHANGE, table: Table = TABLE) -> RowEvent:
    width = len(COLUMNS)
    return RowEvent(
        name=NAME,
        table=table,
        operation=operation,
        columns=table.columns,
        before=None if operation is Operation.INSERT else Batch.of([ROW], width),
        after=None if operation is Operation.DELETE else Batch.of([OTHER if origin is CHANGE else ROW], width),
        origin=origin,
        ordinals=[4],
        sequences=[160934467100003],
    )


def statement(sql: str = "ALTER TABLE `every%type` ADD c INT", verb: str = "ALTER") -> StatementEvent:
    return StatementEvent(name=NAME, verb=verb, sql=sql, table=TABLE, origin=CHANGE)


def message(name: str, operation: Operation, *, origin: Origin = CHANGE, **options: Any) -> dict[str, Any]:
    serializer = serializer_for(PublishOptions(format=name, **options))
    (value,) = serializer.rows(event(operation, origin=origin))
    return json.loads(value, parse_float=str)


def ddl(name: str, **options: Any) -> Any:
    value = serializer_for(PublishOptions(format=name, **options)).statement(statement())
    return None if value is None else json.loads(value)


def heartbeat(name: str, **options: Any) -> Any:
    value = serializer_for(PublishOptions(format=name, **options)).heartbeat(CHANGE)
    return None if value is None else json.loads(value)


def border(name: str, *, begins: bool, **options: Any) -> Any:
    serializer = serializer_for(PublishOptions(format=name, transactions=True, **options))
    assert isinstance(serializer, TransactionSerializer)
    return json.loads(serializer.border(CHANGE, begins=begins))


PLAIN = {
    "id": 7, "tiny": -12, "small": 300, "medium": 70000, "big": -9223372036854775808, "huge": 18446744073709551615,
    "price": "-0.50", "ratio": "0.1", "weight": "1e+16", "mask": "Cgs=", "day": "2020-11-25", "hour": "-26:01:02.12",
    "moment": "2020-11-25 00:01:02.0123", "stamp": "1606233662.012345", "zero": "0000-00-00 00:00:00", "year": 0,
    "letter": "ab", "word": 'a "b" \\ \n é 🚣 %s', "text": "", "mood": "calm", "tags": "a,b", "fixed": "AAEAAA==",
    "bytes": "/wA=", "photo": "aGVsbG8gd29ybGQ=", "extra": '{"n": 1}', "place": "AAAAAAE=",
    "uuid": "00000000-0000-0000-0000-000000000001", "inet": "::1", "nothing": None,
}  # fmt: skip
"""The row in the formats of the PLAIN family; JSON numbers with a point are kept as text here."""
PLAIN_AFTER = PLAIN | {"word": "another"}
