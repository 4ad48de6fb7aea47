"""Topic, partition and key of a message (oms-behaviour §8.12)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, Row
from ferryman.model.changes import Operation
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import Endpoint, PartitionRule, ProjectSpec, PublishOptions, StepName
from ferryman.model.schema import Column, ForeignKey, Index, KeyPart, ReferenceAction, Schema, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.precheck.publishing import publishing_checks
from ferryman.pipeline.publish.repeats import CountingWriter, counting
from ferryman.pipeline.publish.routing import Router
from ferryman.pipeline.publish.statements import verb_of
from ferryman.pipeline.publish.topics import router_of
from ferryman.serializers.registry import serializer_for
from ferryman.spi.precheck import Verdict
from ferryman.spi.sink import Messages, Origin, RowEvent

NAME = TableName("d", "t")
COLUMNS = tuple(Column(name=name, type=ColumnType(kind=Kind.INTEGER, bits=32), nullable=False) for name in "kv")
KEYED = Table(
    name=NAME,
    columns=COLUMNS,
    indexes=(Index(name="PRIMARY", parts=(KeyPart(column="k"),), unique=True, primary=True),),
)
BAG = replace(KEYED, indexes=())
POSITION = Position(kind="binlog", token={"file": "b.1", "offset": "9"}, order=(1, 9), time=50.0)


def routed(
    rule: PartitionRule, operation: Operation, before: list[Row], after: list[Row], table: Table = KEYED, **more: Any
) -> Messages:
    options = PublishOptions(rule=rule, **more)
    event = RowEvent(
        name=NAME,
        table=table,
        operation=operation,
        columns=COLUMNS,
        before=Batch.of(before, 2) if before else None,
        after=Batch.of(after, 2) if after else None,
        origin=Origin(position=POSITION, seconds=50.0, database_type="MYSQL"),
    )
    return Router(options, serializer_for(options), {"d.t": 7}).rows(event)


def kinds(messages: Messages) -> list[str]:
    return [json.loads(value)["recordType"] for value in messages.values if value is not None]


def test_one_key_has_one_partition_whatever_happens_to_it() -> None:
    inserted = routed(PartitionRule.HASH, Operation.INSERT, [], [(b"1", b"1"), (b"2", b"2")])
    moved = routed(
        PartitionRule.HASH,
        Operation.UPDATE,
        [(b"1", b"1"), (b"3", b"3"), (b"2", b"2")],
        [(b"9", b"1"), (b"3", b"0"), (b"1", b"2")],
    )
    assert kinds(moved) == ["DELETE", "INSERT", "UPDATE", "DELETE", "INSERT"]
    assert moved.keys == [b'{"k":1}', b'{"k":9}', b'{"k":3}', b'{"k":2}', b'{"k":1}']
    places = dict(zip(inserted.keys, inserted.partitions, strict=True))
    assert (moved.partitions[0], moved.partitions[4], moved.partitions[3]) == (
        places[b'{"k":1}'],
        places[b'{"k":1}'],
        places[b'{"k":2}'],
    )
    numbers = [json.loads(value)["allMetaData"]["storeDataSequence"] for value in moved.values if value is not None]
    assert numbers == sorted(set(numbers))


def test_a_bag_moves_whole_rows() -> None:
    moved = routed(PartitionRule.HASH, Operation.UPDATE, [(b"1", b"1")], [(b"1", b"2")], BAG)
    assert (kinds(moved), moved.keys) == (["DELETE", "INSERT"], [None, None])


@pytest.mark.parametrize(("rule", "partition"), [(PartitionRule.ONE, 5), (PartitionRule.TABLE, None)])
def test_other_rules_keep_a_moved_key_in_one_message(rule: PartitionRule, partition: int | None) -> None:
    moved = routed(rule, Operation.UPDATE, [(b"1", b"1")], [(b"9", b"1")], partition=5)
    assert kinds(moved) == ["UPDATE"]
    assert partition is None or list(moved.partitions) == [partition]


def test_sharding_columns_stand_for_the_key() -> None:
    moved = routed(PartitionRule.HASH, Operation.UPDATE, [(b"1", b"1")], [(b"9", b"1")], key_columns={"d.t": ("v",)})
    assert (kinds(moved), moved.keys) == (["UPDATE"], [b'{"v":1}'])
    with pytest.raises(FerrymanError, match="no column 'x'"):
        routed(PartitionRule.HASH, Operation.INSERT, [], [(b"1", b"1")], key_columns={"d.t": ("x",)})


def test_a_partition_that_is_not_there_is_refused() -> None:
    with pytest.raises(FerrymanError, match="there is no partition 7"):
        routed(PartitionRule.ONE, Operation.INSERT, [], [(b"1", b"1")], partition=7)


def test_verbs() -> None:
    wanted = {
        "/* c */ create table t (a int)": "CREATE",
        "CREATE UNIQUE INDEX i ON t (a)": "CREATE_INDEX",
        "-- x\nALTER TABLE t ADD b INT": "ALTER",
        "DROP INDEX i ON t": "DROP_INDEX",
        "drop table t": "DROP",
        "TRUNCATE t": "TRUNCATE",
        "RENAME TABLE a TO b": "RENAME",
    }
    assert {sql: verb_of(sql) for sql in wanted} == wanted


def test_the_precheck_refuses_what_a_consumer_would_never_see() -> None:
    fine = ColumnType(kind=Kind.DATETIME, fraction=6)
    child = replace(
        BAG,
        columns=(*COLUMNS, Column(name="seen", type=fine)),
        foreign_keys=(
            ForeignKey(name="f", columns=("v",), parent=NAME, parent_columns=("k",), on_delete=ReferenceAction.CASCADE),
        ),
    )
    spec = ProjectSpec(
        name="p",
        source=Endpoint(scheme="mysql"),
        target=Endpoint(scheme="file"),
        steps=(StepName.LOAD, StepName.CAPTURE, StepName.APPLY),
        publish=PublishOptions(format="DEBEZIUM", exactly_once=False),
    )
    verdicts = {result.item: result.verdict for result in publishing_checks(spec, Schema(tables=(child,)))}
    failed = {"MQ_CASCADES", "MQ_KEYS", "MQ_VALUES"}
    assert {item for item, verdict in verdicts.items() if verdict is Verdict.FAILED} == failed
    assert all(
        r.verdict is Verdict.PASSED
        for r in publishing_checks(replace(spec, publish=PublishOptions()), Schema(tables=(KEYED,)))
    )


def test_changes_are_named_where_they_may_come_twice() -> None:
    options = PublishOptions()
    event = RowEvent(
        name=NAME, table=KEYED, operation=Operation.UPDATE, columns=COLUMNS,
        before=Batch.of([(b"1", b"1"), (b"2", b"2")], 2), after=Batch.of([(b"1", b"0"), (b"9", b"2")], 2),
        origin=Origin(position=POSITION, seconds=50.0, database_type="MYSQL"), ordinals=[4, 5],
    )  # fmt: skip
    place = ":".join(map(str, POSITION.order))
    named = Router(options, serializer_for(options), {"d.t": 7}, named=True).rows(event)
    assert (kinds(named), named.names) == (["UPDATE", "DELETE", "INSERT"], [f"{place}:4", f"{place}:5", f"{place}:5"])
    assert Router(options, serializer_for(options), {"d.t": 7}).rows(event).names in ([], ())


def test_a_topic_with_fewer_partitions_than_before_stops_the_task() -> None:
    class Shrunk:
        exactly_once = True

        def topics(self, names: Iterable[str]) -> dict[str, int]:
            return dict.fromkeys(names, 2)

    class Context:
        spec = SimpleNamespace(publish=PublishOptions(), target=None)

        def __init__(self, known: int) -> None:
            self.known = known

        def note(self, name: str) -> dict[str, int]:
            return {"d.t": self.known}

    assert router_of(Context(2), Shrunk()).partitions == {"d.t": 2}  # type: ignore[arg-type]
    with pytest.raises(FerrymanError) as refused:
        router_of(Context(3), Shrunk())  # type: ignore[arg-type]
    assert refused.value.code == "sink.topic_shrunk"


def test_repetitions_are_counted_for_each_queue_until_its_last_message_comes() -> None:
    class Taking:
        def begin(self) -> None: ...
        def publish(self, messages: Messages) -> None: ...
        def commit(self, marks: object) -> None: ...

    told: list[int] = []
    writer = CountingWriter(Taking(), {("t", 0): "7:3", ("t", 1): "6:9"}, told.append)  # type: ignore[arg-type]
    for names in (["7:1", "7:2"], ["7:3", "7:4"], ["7:5", "7:6"]):
        writer.begin()
        writer.publish(Messages(topic="t", partitions=[0, 0], keys=[None] * 2, values=[b""] * 2, names=names))
        writer.publish(Messages(topic="t", partitions=[1], keys=[None], values=[b""], names=[names[0]]))
        writer.commit({})
    assert told == [3]


def test_an_account_that_may_not_read_publishes_without_a_count() -> None:
    class Unreadable:
        exactly_once = False

        def latest(self, topics: Iterable[str]) -> dict[tuple[str, int], str]:
            raise FerrymanError("endpoint.access_denied", "no right to read")

    events: list[str] = []
    context = SimpleNamespace(event=lambda level, message: events.append(level))
    assert counting(context, Unreadable(), ["t"], "writer") == "writer"  # type: ignore[arg-type, comparison-overlap]
    assert events == ["warning"]
