"""The fidelity matrix: every type of every source, by the load's way and by the log's, into every target (I5).

What is found is docs/fidelity.md: this test fails when the page says otherwise, and `make fidelity` writes it anew.
Each source is filled and its log read once; each target then takes the rows as the load and apply write them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

import fidelity_types as types
from ferryman.embedded import MariaDb, MySql56, OceanBase, Postgres, Server
from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch
from ferryman.model.changes import ChangeBatch
from ferryman.model.project import Endpoint
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.model.types import Kind
from ferryman.pipeline.verify.pair import pair_of
from ferryman.spi.connector import connector_for
from ferryman.spi.source import PolledSource, Source
from ferryman.spi.target import Lease, Target

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase, pytest.mark.postgres, pytest.mark.timeout(600)]

PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"
BEGIN, END = "<!-- found by tests/end_to_end/test_fidelity_matrix.py -->\n", "<!-- end of what was found -->\n"
LOGGED = 1000
"""Rows from this id on come by the log."""
PATIENCE = 120.0


@dataclass
class Origin:
    """A source with its tables filled, and the changes its log holds."""

    name: str
    source: Source
    schema: Schema
    rows: dict[str, Batch]
    changes: dict[str, list[ChangeBatch]] = field(default_factory=dict)
    edges: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)


Edge = tuple[str, str, str]


def statements(
    groups: dict[str, types.Types], edges: Sequence[Edge], quote: str
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each table's name, columns and rows of values, without ids."""
    for name, columns in groups.items():
        listed = ", ".join(f"{quote}c{n}{quote} {type_}" for n, type_ in enumerate(columns))
        most = max(map(len, columns.values()))
        rows = [", ".join(values[row % len(values)] for values in columns.values()) for row in range(most)]
        yield name, listed, [*rows, ", ".join(["NULL"] * len(columns))]
    for number, (type_, _misfit, value) in enumerate(edges):
        yield f"edge{number}", f"{quote}c0{quote} {type_}", [value]


def filled(
    execute: Any, database: str, tables: list[tuple[str, str, list[str]]], first: int, verb: str = "INSERT"
) -> None:
    for name, _columns, rows in tables:
        listed = ", ".join(f"({first + number}, {row})" for number, row in enumerate(rows))
        execute(f"{verb} INTO {database}.{name} VALUES {listed}")


@contextlib.contextmanager
def mysql(server: Server) -> Iterator[Any]:
    with (
        pymysql.connect(
            host="127.0.0.1", port=server.port, user=server.user, password=server.password, autocommit=True,
            charset="utf8mb4",
            init_command="SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'",
        ) as connection,
        connection.cursor() as cursor,
    ):  # fmt: skip
        yield cursor.execute


def family_origin(
    name: str, server: Server, groups: dict[str, types.Types], edges: list[Edge], database: str
) -> Origin:
    tables = list(statements(groups, edges, "`"))
    with mysql(server) as execute:
        execute(f"CREATE DATABASE {database} DEFAULT CHARACTER SET utf8mb4")
        for table, columns, _rows in tables:
            execute(f"CREATE TABLE {database}.{table} (id INT PRIMARY KEY, {columns})")
        filled(execute, database, tables, 0)
        origin = begun(name, server.endpoint, database, groups, edges)
        return followed(origin, database, lambda: filled(execute, database, tables, LOGGED))


def postgresql_origin(server: Postgres, database: str) -> Origin:
    tables = list(statements(types.POSTGRESQL, types.POSTGRESQL_EDGES, '"'))
    login: dict[str, Any] = {"user": server.user, "password": server.password, "dbname": "postgres"}
    with psycopg.connect(host="127.0.0.1", port=server.port, autocommit=True, **login) as connection:
        connection.execute(f"CREATE SCHEMA {database}")  # type: ignore[call-overload]
        connection.execute(f"SET search_path = {database}")  # type: ignore[call-overload]
        connection.execute("CREATE TYPE mood AS ENUM ('sad', 'it''s')")
        for table, columns, _rows in tables:
            connection.execute(f"CREATE TABLE {table} (id integer PRIMARY KEY, {columns})")  # type: ignore[call-overload]
        filled(connection.execute, database, tables, 0)
        origin = begun("PostgreSQL", server.endpoint, database, types.POSTGRESQL, types.POSTGRESQL_EDGES)
        return followed(origin, database, lambda: filled(connection.execute, database, tables, LOGGED))


def begun(name: str, endpoint: Endpoint, database: str, groups: dict[str, types.Types], edges: list[Edge]) -> Origin:
    """Read catalog and rows as the load does."""
    connector = connector_for(endpoint)
    assert connector.source is not None
    source = connector.source(endpoint)
    schema = source.read_schema(Selection(objects=(f"{database}.*",)))
    reader = source.reader()
    rows = {}
    for table in schema.tables:
        names = [column.name for column in table.columns]
        read = [row for batch in reader.read(table, names, ordered=True) for row in batch.rows()]
        rows[table.name.table] = Batch.of(read, len(names))
    reader.close()
    origin = Origin(name, source, schema, rows)
    origin.edges = {f"edge{number}": edge for number, edge in enumerate(edges)}
    origin.labels = {group: {f"c{n}": type_ for n, type_ in enumerate(columns)} for group, columns in groups.items()}
    return origin


def followed(origin: Origin, database: str, work: Any) -> Origin:
    """Let work be done, and read its changes from the log as apply does."""
    selection = Selection(objects=(f"{database}.*",))
    source = origin.source
    if isinstance(source, PolledSource):
        source = source.selecting(selection)
    project = f"np_matrix_{database}"
    start = source.keep_log(project, selection)
    decoder = source.decoder(origin.schema.table, lambda name: name.database == database)
    work()
    wanted = {name: batch.row_count for name, batch in origin.rows.items()}
    deadline = time.monotonic() + PATIENCE
    try:
        with source.log(start) as records:
            for record in records:
                for item in decoder.decode(record) if record is not None else ():
                    if isinstance(item, ChangeBatch) and item.after is not None:
                        origin.changes.setdefault(item.table.table, []).append(item)
                        wanted[item.table.table] -= item.row_count
                if not any(wanted.values()):
                    return origin
                assert time.monotonic() < deadline, f"the log of {origin.name} lacks {wanted}"
        raise AssertionError("the log ended")
    finally:
        source.release_log(project)


@dataclass
class Destination:
    """A target, and the dialect that knows it."""

    name: str
    endpoint: Endpoint

    def opened(self) -> tuple[Target, Any]:
        connector = connector_for(self.endpoint)
        assert connector.target is not None
        assert connector.dialect is not None
        target = connector.target(self.endpoint)
        traits = target.read_schema(Selection(objects=("`_ferryman`",))).traits
        return target, connector.dialect.fitted(traits)


def moved(origin: Origin, destination: Destination, database: str) -> dict[tuple[str, str], str]:
    """Return what becomes of each type and edge: (table, column) → cell."""
    target, dialect = destination.opened()
    target.prepare()
    lease = Lease(task=f"{database}/load", epoch=1)
    target.raise_epoch(lease.task, 1, 1)
    cells: dict[tuple[str, str], str] = {}
    old = origin.schema.tables[0].name.database
    selection = Selection(objects=(f"{old}.*",), rename={old: database})
    for table in origin.schema.tables:
        for part in _parts(origin, dialect, selection, table):
            cells |= _cells(origin, target, dialect, selection, lease, part)
    target.close()
    return cells


def _parts(origin: Origin, dialect: Any, selection: Selection, table: Table) -> list[Table | tuple[str, str, str]]:
    """Leave out the columns that the target has no type for: they are refused by name."""
    kept, out = [], []
    for column in table.columns:
        alone = dataclasses.replace(table, columns=(table.columns[0], column) if column.name != "id" else (column,))
        try:
            dialect.target_table(alone, selection)
        except FerrymanError as error:
            out.append((table.name.table, column.name, f"refused: `{error.code}`"))
        else:
            kept.append(column)
    return [dataclasses.replace(table, columns=tuple(kept)), *out]


def _cells(
    origin: Origin, target: Target, dialect: Any, selection: Selection, lease: Lease, part: Table | tuple[str, str, str]
) -> dict[tuple[str, str], str]:
    if isinstance(part, tuple):
        return {part[:2]: part[2]}
    schema = dataclasses.replace(origin.schema, tables=(part,), views=(), left_out=())
    plan = dialect.plan(schema, selection)
    for statement in plan.statements:
        target.run_ddl(statement.sql)
    made = plan.tables[part.name]
    there = next(t for t in target.read_schema(Selection(objects=(f"{made.name.database}.{made.name.table}",))).tables)
    names = [column.name for column in part.columns]
    ways = [[(names, _projected(origin, part))], _logged(origin, part)]
    outcomes = [_written(target, lease, made, batches) for batches in ways]
    cells = {}
    for column in made.columns[1:]:
        found = [
            outcome or _compared(origin, target, part, there, column.name, way) for way, outcome in enumerate(outcomes)
        ]
        cell = found[0] if found[0] == found[1] else f"load {found[0]}, log {found[1]}"
        cells[part.name.table, column.name] = f"`{column.type.native}` {cell}" if "refused" not in cell else cell
    return cells


def _projected(origin: Origin, part: Table) -> Batch:
    whole = origin.schema.table(part.name)
    assert whole is not None
    places = [place for place, column in enumerate(whole.columns) if column in part.columns]
    return origin.rows[part.name.table].project(places)


def _logged(origin: Origin, part: Table) -> list[tuple[list[str], Batch]]:
    kept = {column.name for column in part.columns}
    out = []
    for change in origin.changes[part.name.table]:
        places = [place for place, name in enumerate(change.columns) if name in kept]
        assert change.after is not None
        out.append(([change.columns[place] for place in places], change.after.project(places)))
    return out


def _written(target: Target, lease: Lease, table: Table, batches: list[tuple[list[str], Batch]]) -> str:
    """Write rows in a transaction; returns why they were refused."""
    session = target.session()
    try:
        session.begin(lease)
        for names, batch in batches:
            session.insert(table, names, batch)
        session.commit()
    except FerrymanError as error:
        session.rollback()
        return f"refused: `{error.code}`"
    finally:
        session.close()
    return ""


def _compared(origin: Origin, target: Target, source: Table, there: Table, name: str, way: int) -> str:
    """Say whether a column's values arrived equal, as the target gives them back."""
    pair = pair_of(source, there)
    place = [each.casefold() for each in pair.source.columns].index(name.casefold())
    reader = target.reader()
    read = [row for b in reader.read(there, pair.target.columns, ordered=True) for row in pair.target.common(b).rows()]
    reader.close()
    arrived = [row[place] for row in read if (int(row[0] or b"0") >= LOGGED) == bool(way)]
    left = [row[place] for row in pair.source.common(_projected(origin, source)).rows()]
    same = [json.loads(v) if v is not None else v for v in arrived] if pair.kinds[place] is Kind.JSON else arrived
    wanted = [json.loads(v) if v is not None else v for v in left] if pair.kinds[place] is Kind.JSON else left
    if wanted == [b"-0"] and same == [b"0"]:
        return "0: the server keeps no negative zero"
    return "=" if same == wanted else "**differs**"


def page_of(found: list[tuple[Origin, dict[str, dict[tuple[str, str], str]]]]) -> str:
    """Return the generated part of the page."""
    lines: list[str] = []
    for origin, by_target in found:
        lines += [
            f"### From {origin.name}",
            "",
            f"| type | {' | '.join(by_target)} |",
            "|---" * (len(by_target) + 1) + "|",
        ]
        for table, columns in origin.labels.items():
            for column, label in columns.items():
                lines.append(_line(f"`{label}`", [cells[table, column] for cells in by_target.values()]))
        for table, (type_, misfit, value) in origin.edges.items():
            shown = value.replace("\\0", "␀").replace("|", "\\|")
            lines.append(
                _line(f"`{type_}` with `{shown}` ({misfit})", [cells[table, "c0"] for cells in by_target.values()])
            )
        lines.append("")
    return "\n".join(lines)


def _line(label: str, cells: list[str]) -> str:
    return f"| {label} | {' | '.join(cells)} |"


def test_the_page_says_what_happens_to_every_type(
    mariadb: MariaDb, mysql56: MySql56, oceanbase: OceanBase, postgres: Postgres, database_name: str
) -> None:
    edges = types.FAMILY_EDGES
    login: dict[str, Any] = {"user": postgres.user, "password": postgres.password, "dbname": "postgres"}
    with psycopg.connect(host="127.0.0.1", port=postgres.port, autocommit=True, **login) as connection:
        connection.execute(f"CREATE DATABASE {database_name}_copy")  # type: ignore[call-overload]
    there = dataclasses.replace(postgres.endpoint, database=f"{database_name}_copy")
    destinations = [
        Destination("MariaDB", mariadb.endpoint), Destination("OceanBase", oceanbase.endpoint), Destination("PostgreSQL", there)
    ]  # fmt: skip
    origins = [
        family_origin(
            "MariaDB", mariadb, types.MARIADB, [*edges, types.ENUM_EDGE, types.JSON_EDGE], f"{database_name}_a"
        ),
        family_origin("MySQL 5.6", mysql56, types.MYSQL56, [*edges, types.ENUM_EDGE], f"{database_name}_b"),
        family_origin("OceanBase", oceanbase, types.OCEANBASE, [*edges, types.JSON_EDGE], f"{database_name}_c"),
        postgresql_origin(postgres, f"{database_name}_d"),
    ]
    found = [
        (origin, {each.name: moved(origin, each, f"{database_name}_{number}to") for each in destinations})
        for number, origin in enumerate(origins)
    ]
    made = page_of(found).replace(f"{database_name}_3to.", "")
    assert "**differs**" not in made, made
    assert "load " not in made, made
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    if os.environ.get("FERRYMAN_WRITE_FIDELITY"):
        PAGE.write_text(f"{head}{BEGIN}{made}{END}{rest.partition(END)[2]}", encoding="utf-8")
    else:
        assert rest.partition(END)[0] == made, "run `make fidelity` and look at what has changed"
