"""AVRO, read back by an independent decoder (fastavro) over every type; the registry's refusals by their codes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from registry_fake import RegistryFake, running
from serializer_cases import CHANGE, COLUMNS, LOAD, NAME, OTHER, PLAIN, ROW, event, statement

from ferryman.foundation.errors import FerrymanError, Retry, UsageError
from ferryman.model.batch import Batch, Row
from ferryman.model.changes import Operation
from ferryman.model.project import Endpoint, PublishOptions, Subjects
from ferryman.model.schema import Column, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.publish.routing import Router
from ferryman.serializers.contract import Serializer
from ferryman.serializers.registry import serializer_for
from ferryman.spi.sink import Messages, RowEvent

TOPIC = "shop.every%type"
ZERO = [name for name, _, _ in COLUMNS].index("zero")
WANTED = PLAIN | {
    "price": Decimal("-0.50"), "huge": Decimal(18446744073709551615), "ratio": pytest.approx(0.1), "weight": 1e16,
    "mask": b"\x0a\x0b", "day": date(2020, 11, 25), "hour": -93662120000,
    "moment": datetime(2020, 11, 25, 0, 1, 2, 12300, tzinfo=UTC).replace(tzinfo=None),
    "stamp": datetime(2020, 11, 24, 16, 1, 2, 12345, tzinfo=UTC),
    "zero": None, "fixed": b"\x00\x01\x00\x00", "bytes": b"\xff\x00", "photo": b"hello world",
    "place": b"\x00\x00\x00\x00\x01",
}  # fmt: skip


@pytest.fixture
def registry() -> Iterator[RegistryFake]:
    with running() as fake:
        yield fake


def serializer(registry: RegistryFake, endpoint: dict[str, str] | None = None, **options: Any) -> Serializer:
    place = Endpoint(scheme="kafka", options={"registry": registry.url, **(endpoint or {})})
    return serializer_for(PublishOptions(format="AVRO", **options), place)


def routed(registry: RegistryFake, what: RowEvent, **options: Any) -> Messages:
    publish = PublishOptions(format="AVRO", **options)
    return Router(publish, serializer(registry, **options), {TOPIC: 3}).rows(what)


def read(registry: RegistryFake, message: bytes | None) -> Any:
    assert message is not None
    assert message[0] == 0
    schema = fastavro.parse_schema(registry.schemas[int.from_bytes(message[1:5], "big")])
    rest = io.BytesIO(message[5:])
    found = fastavro.schemaless_reader(rest, schema, None)
    assert not rest.read()
    for image in (found.get("before"), found.get("after")):
        if image and "uuid" in image:
            image["uuid"] = str(image["uuid"])
    return found


def sound(operation: Operation, **more: Any) -> RowEvent:
    """Return the event of every type without the moment that is none."""
    found = event(operation, **more)

    def cured(row: Row) -> Batch:
        return Batch.of([(*row[:ZERO], None, *row[ZERO + 1 :])], len(COLUMNS))

    after = cured(ROW if more else OTHER)
    return replace(found, before=found.before and cured(ROW), after=found.after and after)


@pytest.mark.parametrize("operation", Operation)
def test_every_type(registry: RegistryFake, operation: Operation) -> None:
    messages = routed(registry, sound(operation))
    found = read(registry, messages.values[0])
    assert found["before"] == (None if operation is Operation.INSERT else WANTED)
    assert found["after"] == (None if operation is Operation.DELETE else WANTED | {"word": "another"})
    assert found["op"] == {Operation.INSERT: "c", Operation.UPDATE: "u", Operation.DELETE: "d"}[operation]
    assert found["source"] == {
        "version": "", "connector": "MYSQL", "name": "OMS", "ts_ms": datetime(2020, 12, 30, 16, 11, 11, tzinfo=UTC),
        "db": "shop", "table": NAME.table, "pos": "77@2", "id": "2:77:4",
    }  # fmt: skip
    assert read(registry, messages.keys[0]) == {"id": 7}
    assert set(registry.subjects) == {"shop.every%25type-key", "shop.every%25type-value"}


def test_rows_of_the_load_are_read_and_have_no_place(registry: RegistryFake) -> None:
    found = read(registry, routed(registry, sound(Operation.INSERT, origin=LOAD)).values[0])
    assert (found["op"], found["source"]["pos"], found["source"]["id"]) == ("r", None, None)


def test_what_is_no_row_has_no_message(registry: RegistryFake) -> None:
    made = serializer(registry)
    assert made.statement(statement()) is None
    assert made.heartbeat(CHANGE) is None


def test_a_value_without_a_number_is_refused_or_travels_as_text(registry: RegistryFake) -> None:
    with pytest.raises(FerrymanError) as refused:
        routed(registry, event(Operation.INSERT))
    assert refused.value.code == "sink.value_unfit"
    assert "0000" not in refused.value.message
    found = read(registry, routed(registry, event(Operation.INSERT), times_as_text=True).values[0])["after"]
    assert (found["zero"], found["hour"], found["day"]) == ("0000-00-00 00:00:00", "-26:01:02.120", "2020-11-25")


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (ColumnType(kind=Kind.INTEGER, bits=32, unsigned=True), b"4294967295", 4294967295),
        (ColumnType(kind=Kind.INTEGER, bits=64), b"9223372036854775807", 9223372036854775807),
        (ColumnType(kind=Kind.INTEGER, bits=64), b"-9223372036854775808", -9223372036854775808),
        (ColumnType(kind=Kind.INTEGER, bits=32), b"8191", 8191),
        (ColumnType(kind=Kind.INTEGER, bits=32), b"8192", 8192),
        (ColumnType(kind=Kind.INTEGER, bits=64, unsigned=True), b"128", Decimal(128)),
        (ColumnType(kind=Kind.DECIMAL, precision=3, scale=2), b"-1.28", Decimal("-1.28")),
        (ColumnType(kind=Kind.DECIMAL, precision=3, scale=0), b"0", Decimal(0)),
        (ColumnType(kind=Kind.FLOAT), b"16777216", 16777216.0),
        (ColumnType(kind=Kind.DOUBLE), b"-0", -0.0),
        (ColumnType(kind=Kind.TIMESTAMP), b"1970-01-01 00:00:01", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (ColumnType(kind=Kind.DATE), b"1000-01-01", date(1000, 1, 1)),
        (ColumnType(kind=Kind.VARCHAR, length=70000), b"x" * 66000, "x" * 66000),
    ],
)
def test_limits_of_types(registry: RegistryFake, kind: ColumnType, value: bytes, wanted: Any) -> None:
    columns = (Column(name="k", type=kind),)
    what = replace(
        event(Operation.INSERT), table=Table(name=NAME, columns=columns), columns=columns, after=Batch.of([(value,)], 1)
    )
    assert read(registry, routed(registry, what).values[0])["after"] == {"k": wanted}


def test_names_that_avro_does_not_take(registry: RegistryFake) -> None:
    kind = ColumnType(kind=Kind.INTEGER, bits=32)
    columns = tuple(Column(name=name, type=kind) for name in ("a-b", "a_b", "1", "größe"))
    row: Row = (b"1", b"2", b"3", b"4")
    what = replace(event(Operation.INSERT), table=Table(name=NAME, columns=columns), columns=columns)
    what = replace(what, after=Batch.of([row], 4))
    found = read(registry, routed(registry, what).values[0])["after"]
    assert found == {"a_b": 1, "a_b_2": 2, "_1": 3, "gr__e": 4}


def test_a_column_that_comes_or_goes_makes_a_version_that_reads_the_old_one(registry: RegistryFake) -> None:
    old = sound(Operation.INSERT)
    added = Column(name="more", type=ColumnType(kind=Kind.INTEGER, bits=32), nullable=False)
    assert old.after is not None
    new = replace(old, columns=(*old.columns, added))
    wider = [*(column.values()[0] for column in old.after.columns), b"5"]
    made = serializer(registry)
    messages = [made.rows(old)[0], made.rows(replace(new, after=Batch.of([tuple(wider)], len(wider))))[0]]
    schemas = [registry.schemas[int.from_bytes(message[1:5], "big")] for message in messages]
    assert schemas[0] != schemas[1]
    parsed = [fastavro.parse_schema(schema) for schema in schemas]
    for message, written, reader, more in ((messages[0], 0, 1, None), (messages[1], 1, 0, "absent")):
        found: Any = fastavro.schemaless_reader(io.BytesIO(message[5:]), parsed[written], parsed[reader])
        assert found["after"].get("more", "absent") == more


@pytest.mark.parametrize(
    ("subjects", "wanted"),
    [
        (Subjects.RECORD, {"ferryman.shop.every_type.Envelope", "ferryman.shop.every_type.Key"}),
        (
            Subjects.TOPIC_RECORD,
            {f"shop.every%25type-ferryman.shop.every_type.{name}" for name in ("Envelope", "Key")},
        ),
    ],
)
def test_subjects(registry: RegistryFake, subjects: Subjects, wanted: set[str]) -> None:
    routed(registry, sound(Operation.DELETE), subjects=subjects)
    assert set(registry.subjects) == wanted


@pytest.mark.parametrize(
    ("status", "code"), [(409, "registry.incompatible"), (422, "registry.refused"), (500, "endpoint.unreachable")]
)
def test_refusals(registry: RegistryFake, status: int, code: str) -> None:
    registry.refuse = status
    with pytest.raises(FerrymanError) as refused:
        serializer(registry).rows(sound(Operation.INSERT))
    assert refused.value.code == code


def test_a_schema_that_may_not_be_registered_must_be_there(registry: RegistryFake) -> None:
    careful = serializer(registry, register_schemas=False)
    with pytest.raises(FerrymanError) as refused:
        careful.rows(sound(Operation.INSERT))
    assert refused.value.code == "registry.schema_missing"
    registered = serializer(registry).rows(sound(Operation.INSERT))
    assert careful.rows(sound(Operation.INSERT))[0][:5] == registered[0][:5]


def test_logins_and_other_registries(registry: RegistryFake) -> None:
    registry.login = "me:geheim"
    with pytest.raises(FerrymanError) as refused:
        serializer(registry, {"registry_user": "me", "registry_password": "falsch"}).check()  # type: ignore[attr-defined]
    assert refused.value.code == "endpoint.access_denied"
    assert "falsch" not in str(refused.value)
    assert "registry_user" in refused.value.hint
    with pytest.raises(FerrymanError) as away:
        serializer(registry, {"registry": "http://127.0.0.1:1"}).rows(sound(Operation.INSERT))
    assert away.value.code == "endpoint.unreachable"
    assert "refused" in away.value.message
    assert "registry=" in away.value.hint
    assert away.value.retry is Retry.AUTO
    both = f"http://127.0.0.1:1,{registry.url}/"
    login = {"registry": both, "registry_user": "me", "registry_password": "geheim"}
    assert serializer(registry, login).rows(sound(Operation.INSERT))


@pytest.mark.parametrize(
    "place",
    [
        Endpoint(scheme="kafka"),
        Endpoint(scheme="kafka", options={"registry": "host:8081"}),
        Endpoint(scheme="file", options={"path": "/x", "registry": "http://h"}),
    ],
)
def test_what_avro_needs(place: Endpoint) -> None:
    with pytest.raises(UsageError):
        serializer_for(PublishOptions(format="AVRO"), place)
