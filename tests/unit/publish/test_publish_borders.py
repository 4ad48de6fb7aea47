"""BEGIN and COMMIT among the messages: in each partition a transaction touches, around its messages, across parts and kills."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

from ferryman.model.batch import Batch
from ferryman.model.changes import ChangeBatch, Operation, SchemaStatement
from ferryman.model.checkpoint import Checkpoint
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import PartitionRule, PublishOptions
from ferryman.model.schema import Column, Index, KeyPart, Schema, Table
from ferryman.model.selection import Selection
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.apply.statement import Outcome
from ferryman.pipeline.apply.window import Border, Part, Placed
from ferryman.pipeline.publish.publisher import Publisher, Surroundings
from ferryman.pipeline.publish.routing import Router
from ferryman.serializers.registry import serializer_for
from ferryman.spi.sink import Messages

COLUMNS = (Column(name="k", type=ColumnType(kind=Kind.INTEGER, bits=32), nullable=False),)
KEY = (Index(name="PRIMARY", parts=(KeyPart(column="k"),), unique=True, primary=True),)
TABLES = tuple(Table(name=TableName("d", name), columns=COLUMNS, indexes=KEY) for name in "tu")
OPTIONS = PublishOptions(transactions=True)


def at(number: int) -> Position:
    return Position(kind="binlog", token={"file": "b.1", "offset": str(number)}, order=(1, number), time=50.0)


def inserted(place: int, transaction: str, *keys: int, table: str = "t") -> Placed:
    image = Batch.of([(b"%d" % key,) for key in keys], 1)
    name = TableName("d", table)
    change = ChangeBatch(table=name, operation=Operation.INSERT, columns=("k",), before=None, after=image)
    return Placed(change, at(place), transaction)


class Kept:
    """Checkpoints and a writer in memory; a partition's messages as ``(kind, transaction, key)``."""

    def __init__(self, begun: Iterable[tuple[str, int]] = ()) -> None:
        self.begun = list(begun)
        self.writer = self
        self.partitions: dict[tuple[str, int], list[tuple[str, str, str | None]]] = {}
        self.names: list[str] = []

    def begin(self) -> None: ...

    def rollback(self) -> None: ...

    def publish(self, messages: Messages) -> None:
        for partition, value in zip(messages.partitions, messages.values, strict=True):
            found = json.loads(value or b"null")
            meta = found["allMetaData"]
            entry = (found["recordType"], meta["transId"], meta["record_primary_value"])
            self.partitions.setdefault((messages.topic, partition), []).append(entry)
        self.names += [name for name in messages.names if name is not None]

    def commit(self, checkpoint: Checkpoint, applied: Position | None, begun: Iterable[tuple[str, int]]) -> None:
        self.kept = (checkpoint.position.order[1], applied and applied.order[1], list(begun))


def publisher(kept: Kept, rule: PartitionRule = PartitionRule.TABLE, statements: Any = None) -> Publisher:
    options = PublishOptions(transactions=True, rule=rule)
    around = Surroundings(
        options=options,
        selection=Selection(objects=("d.*",)),
        database_type="MYSQL",
        checkpoints=cast("Any", kept),
        router=Router(options, serializer_for(options), {"d.t": 2, "d.u": 2}, named=True),
        admit=lambda name: {},
        statements=statements,
        keyless_from={},
        consistent_from=lambda: None,
        clock=lambda: 0.0,
    )
    return Publisher(around, Checkpoint(position=at(0), schema=Schema(tables=TABLES)))


def kinds(kept: Kept, topic: str) -> list[list[tuple[str, str, str | None]]]:
    return [found for (name, _), found in sorted(kept.partitions.items()) if name == topic]


def test_each_partition_that_a_transaction_touches_has_its_begin_and_its_commit() -> None:
    kept = Kept()
    changes = [inserted(1, "a", 1), inserted(2, "a", 2, table="u"), inserted(4, "b", 3), inserted(5, "b", 4)]
    borders = [Border(2, at(3), "a"), Border(4, at(6), "b")]
    publisher(kept).apply(Part(start=at(0), end=at(6), whole=True, changes=changes, borders=borders))
    b = [("BEGIN", "b", None), ("INSERT", "b", "3"), ("INSERT", "b", "4"), ("COMMIT", "b", None)]
    assert kinds(kept, "d.t") == [[("BEGIN", "a", None), ("INSERT", "a", "1"), ("COMMIT", "a", None), *b]]
    assert kinds(kept, "d.u") == [[("BEGIN", "a", None), ("INSERT", "a", "2"), ("COMMIT", "a", None)]]
    first = ["1:1:begin", "1:1:0", "1:2:begin", "1:2:0", "1:3:commit", "1:3:commit"]
    assert kept.names == [*first, "1:4:begin", "1:4:0", "1:5:0", "1:6:commit"]


def test_by_hash_only_the_partitions_of_its_keys_hear_of_it() -> None:
    kept = Kept()
    changes = [inserted(1, "a", *range(40)), inserted(2, "b", 1)]
    borders = [Border(1, at(1), "a"), Border(2, at(2), "b")]
    part = Part(start=at(0), end=at(2), whole=True, changes=changes, borders=borders)
    publisher(kept, PartitionRule.HASH).apply(part)
    both = kinds(kept, "d.t")
    assert len(both) == 2
    assert all(found[0] == ("BEGIN", "a", None) and ("COMMIT", "a", None) in found for found in both)
    assert sorted(found.count(("BEGIN", "b", None)) for found in both) == [0, 1]


def test_a_transaction_in_parts_goes_on_behind_a_kill_and_ends_once() -> None:
    first = Kept()
    part = Part(start=at(0), end=at(1), whole=False, changes=[inserted(1, "a", 1)])
    publisher(first).apply(part)
    assert first.kept == (0, 1, [("d.t", 1)])
    again = Kept(first.kept[2])
    changes = [inserted(2, "a", 2), inserted(2, "a", 9, table="u")]
    part = Part(start=at(1), end=at(3), whole=True, changes=changes, borders=[Border(2, at(3), "a")])
    publisher(again).apply(part)
    assert kinds(again, "d.t") == [[("INSERT", "a", "2"), ("COMMIT", "a", None)]]
    assert kinds(again, "d.u") == [[("BEGIN", "a", None), ("INSERT", "a", "9"), ("COMMIT", "a", None)]]
    assert again.kept == (3, None, [])
    nothing_left = Kept(first.kept[2])
    part = Part(start=at(1), end=at(3), whole=True, changes=[], borders=[Border(0, at(3), "a")])
    publisher(nothing_left).apply(part)
    assert kinds(nothing_left, "d.t") == [[("COMMIT", "a", None)]]


def test_a_schema_statement_amid_a_transaction_comes_behind_its_commit() -> None:
    kept = Kept()
    schema = Schema(tables=TABLES)
    outcome = Outcome(schema=schema, statements=(), touched=(TABLES[0].name,))
    statements = SimpleNamespace(outcome=lambda *_: outcome)
    found = publisher(kept, statements=statements)
    found.apply(Part(start=at(0), end=at(1), whole=False, changes=[inserted(1, "a", 1)]))
    found.run(SchemaStatement(sql="ALTER TABLE t ADD x INT", database="d", position=at(2)))
    assert [kind for kind, *_ in kinds(kept, "d.t")[0]] == ["BEGIN", "INSERT", "COMMIT", "DDL"]
