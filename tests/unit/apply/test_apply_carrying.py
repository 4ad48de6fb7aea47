"""Names that are exchanged, with a crash at every place: values end where the source has them (I8)."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ferryman.connectors.mysql_family.dialect.mysql import MySqlDialect
from ferryman.connectors.oceanbase.dialect import OceanBaseDialect
from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import SchemaStatement
from ferryman.model.checkpoint import Checkpoint, Intent
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.pipeline.apply.carrying import Carrying
from ferryman.pipeline.apply.statement import Statements

SELECTION = Selection(objects=("s.*",))
CHANGE = re.compile(r"CHANGE COLUMN `(\w+)` `(\w+)`")
RENAME = re.compile(r"`s`.`(\w+)` TO `s`.`(\w+)`")
TABLES = {
    "t": {"id": "id", "a": "a", "b": "b"},
    "u": {"id": "u.id", "a": "u.a", "b": "u.b"},
}
ENDS = {
    "ALTER TABLE t CHANGE a b INT, CHANGE b a INT": {"a": "b", "b": "a"},
    "ALTER TABLE t CHANGE a b INT AFTER a, CHANGE b a INT": {"a": "b", "b": "a"},
    "ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a": {"a": "b", "b": "a"},
    "RENAME TABLE t TO x, u TO t, x TO u": {"a": "u.a", "b": "u.b"},
}


class CrashError(Exception):
    pass


class Target:
    """Tables as columns in order, each with where its values came from."""

    def __init__(self, shape: Table) -> None:
        self.shape = shape
        self.tables = {name: dict(columns) for name, columns in TABLES.items()}

    def run_ddl(self, sql: str) -> None:
        if sql.startswith("RENAME"):
            for old, new in RENAME.findall(sql):
                assert new not in self.tables
                self.tables[new] = self.tables.pop(old)
        elif changes := CHANGE.findall(sql):
            names = dict(changes)
            assert names.keys() <= self.tables["t"].keys(), sql
            self.tables["t"] = {names.get(name, name): value for name, value in self.tables["t"].items()}
        else:  # only the order of columns is left to change
            assert "AFTER" in sql or "FIRST" in sql, sql
            self.tables["t"] = {name: self.tables["t"][name] for name in ("id", "a", "b")}

    def read_schema(self, selection: Selection) -> Schema:
        column = {name: self.shape.column(name) for name in ("id", "a", "b")}
        tables = [
            replace(
                self.shape,
                name=TableName("s", name),
                columns=tuple(replace(column["id" if c == "id" else "a"], name=c) for c in columns),
            )
            for name, columns in self.tables.items()
        ]
        return Schema(tables=tuple(table for table in tables if selection.includes(table.name)))


@pytest.mark.parametrize("dialect", [MySqlDialect(), OceanBaseDialect()], ids=["mysql", "oceanbase"])
@pytest.mark.parametrize("sql", ENDS)
def test_an_exchange_is_done_once_wherever_it_is_broken_off(dialect, sql):
    schema = Schema()
    for name in TABLES:
        schema = dialect.replay(
            schema, SELECTION, f"CREATE TABLE {name} (id INT PRIMARY KEY, a INT, b INT)", "s"
        ).schema
    place = Position(kind="test", token={}, order=(9,))
    statement = SchemaStatement(sql=sql, database="s", position=place)
    crash_at, finished = 0, False
    while not finished:
        finished = run_with_crash(dialect, schema, statement, crash_at)
        crash_at += 1
    assert crash_at > 5


def run_with_crash(dialect, schema, statement, crash_at) -> bool:
    """CrashError at one place, go on from what was committed; returns whether the run ended before that place."""
    target = Target(dialect.target_table(schema.tables[0], SELECTION))
    saved: list[Intent] = []
    passed = 0

    def strike() -> None:
        nonlocal passed
        passed += 1
        if passed == crash_at + 1:
            raise CrashError

    def run_ddl(sql: str) -> None:
        strike()
        target.run_ddl(sql)
        strike()

    statements = Statements(dialect, SELECTION, None, lambda: None)
    session = SimpleNamespace(rollback=lambda: None)
    around = SimpleNamespace(
        statements=statements,
        target=SimpleNamespace(run_ddl=run_ddl, read_schema=target.read_schema),
        lanes=SimpleNamespace(open=lambda: session),
    )
    for _ in range(2):
        begun = saved[-1] if saved else None
        outcome = statements.outcome(schema, statement)
        before = Checkpoint(position=Position(kind="test", token={}, order=(1,)), schema=schema)
        try:
            for intent in Carrying(around, statement, before, outcome, begun).run(
                Intent(end=statement.position, ddl=statement.sql)
            ):
                strike()
                saved.append(intent)
                strike()
            break
        except CrashError:
            continue
        except FerrymanError as error:
            raise AssertionError(f"{error} after a crash at {crash_at}: {target.tables}") from error
    assert {name: target.tables["t"][name] for name in ("a", "b")} == ENDS[statement.sql], crash_at
    return passed <= crash_at
