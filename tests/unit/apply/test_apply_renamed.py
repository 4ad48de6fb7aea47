"""Names that change hands while tables are loaded: rows read by name may be another table's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ferryman.model.names import TableName
from ferryman.model.schema import Column, Index, KeyPart, Schema, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.apply.ledger import Ledger
from ferryman.pipeline.apply.settling import Unsettled

INT = ColumnType(kind=Kind.INTEGER, native="int", bits=32)


def name(table: str) -> TableName:
    return TableName("d", table)


def schema(*tables: str, keyed: bool = True) -> Schema:
    key = (Index(name="PRIMARY", parts=(KeyPart(column="id"),), primary=True),) if keyed else ()
    column = Column(name="id", type=INT, nullable=False)
    return Schema(tables=tuple(Table(name=name(each), columns=(column,), indexes=key) for each in tables))


def pairs(*moves: tuple[str, str]) -> list[tuple[TableName, TableName]]:
    return [(name(old), name(new)) for old, new in moves]


@pytest.fixture
def unsettled() -> Unsettled:
    return Unsettled(Ledger(), lambda ledger: None)


def test_a_rotated_table_is_read_again(unsettled: Unsettled) -> None:
    unsettled.renamed(pairs(("log", "log_old"), ("log_new", "log")), schema("log", "log_old"))
    assert unsettled.ledger.whole == {name("log"), name("log_old")}
    assert unsettled.is_open


def test_tables_that_exchange_names_are_both_read_again(unsettled: Unsettled) -> None:
    unsettled.renamed(pairs(("a", "b"), ("b", "a")), schema("a", "b"))
    assert unsettled.ledger.whole == {name("a"), name("b")}


def test_a_renamed_table_may_have_been_taken_for_dropped(unsettled: Unsettled) -> None:
    unsettled.renamed(pairs(("a", "b")), schema("b"))
    assert unsettled.ledger.whole == {name("b")}


def test_what_is_to_be_read_again_is_followed_and_forgotten_with_its_table(unsettled: Unsettled) -> None:
    unsettled.renamed(pairs(("t", "_t_del"), ("_t_gho", "t")), schema("t", "_t_del"))
    unsettled.renamed(pairs(("_t_del", "elsewhere")), schema("t", "elsewhere"))
    assert unsettled.ledger.whole == {name("t"), name("elsewhere")}
    unsettled.renamed([], schema("other"))
    assert not unsettled.is_open


def test_a_table_without_a_key_has_its_own_snapshot(unsettled: Unsettled) -> None:
    unsettled.renamed(pairs(("log", "log_old"), ("log_new", "log")), schema("log", "log_old", keyed=False))
    assert not unsettled.is_open


def test_names_survive_a_crash() -> None:
    saved: list[Any] = []
    first = Unsettled(Ledger(), lambda ledger: saved.append(json.loads(json.dumps(ledger.to_document()))))
    first.renamed(pairs(("a", "b")), schema("b"))
    again = Unsettled(Ledger.of(saved[-1]), saved.append)
    assert again.ledger.whole == {name("b")}
