"""Reads the catalog of a MySQL-family server into the model: few queries, however many tables there are.

`information_schema` differs from server to server; each is asked only for the columns it has. ``SHOW CREATE TABLE`` is
used for what stands nowhere else: partition clauses, and OceanBase's full-text, spatial and functional indexes.
"""

from __future__ import annotations

from dataclasses import replace

from ferryman.connectors.mysql_family.catalog import columns as catalog_columns
from ferryman.connectors.mysql_family.catalog import keys as catalog_keys
from ferryman.connectors.mysql_family.catalog.collations import charset_of, collation_name
from ferryman.connectors.mysql_family.catalog.rows import Catalog, Row
from ferryman.connectors.mysql_family.catalog.traits import read_traits
from ferryman.connectors.mysql_family.catalog.typemap import quoted_name
from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.ddl.parser_partitions import partitions_of
from ferryman.model.names import TableName
from ferryman.model.schema import Database, IndexKind, LeftOut, Schema, ServerTraits, Table, View
from ferryman.model.selection import Selection

_LEFT_OUT = {
    "SEQUENCE": "a sequence: no other server of the family has them",
    "SYSTEM VERSIONED": "a system-versioned table: its history cannot be written elsewhere",
    "TEMPORARY": "a temporary table: it belongs to one session",
}


def read_schema(connection: Connection, selection: Selection) -> Schema:
    """Read the selected databases, tables and views.

    Args:
        connection: To any server of the family; other sessions may change the catalog meanwhile.
        selection: Names as the server spells them; compared without case where the server does so.

    Raises:
        FerrymanError: ``endpoint.query_failed``, ``endpoint.connection_lost``, ``source.table_changed`` (a table went
            while it was being read).
    """
    traits = read_traits(connection)
    chosen = _Chosen(selection, folded=traits.lower_case_names != 0)
    databases = _read_databases(connection, chosen)
    catalog = Catalog(connection, [database.name for database in databases])
    objects = [row for row in catalog.read("TABLES", _TABLE_COLUMNS) if chosen.table(row.table)]
    left_out = [
        LeftOut(name=row.table, reason=_LEFT_OUT[kind]) for row in objects if (kind := row["TABLE_TYPE"]) in _LEFT_OUT
    ]
    tables = _read_tables(catalog, [row for row in objects if row["TABLE_TYPE"] == "BASE TABLE"], traits)
    views, hidden = _read_views(catalog, {row.table for row in objects if row["TABLE_TYPE"] == "VIEW"})
    return Schema(
        databases=tuple(databases),
        tables=tuple(tables),
        views=tuple(views),
        left_out=tuple(left_out + hidden),
        traits=traits,
    )


_TABLE_COLUMNS = (
    "TABLE_TYPE", "ENGINE", "TABLE_ROWS", "DATA_LENGTH", "AUTO_INCREMENT", "TABLE_COLLATION", "CREATE_OPTIONS",
    "TABLE_COMMENT",
)  # fmt: skip


class _Chosen:
    """The selection, read with or without case."""

    def __init__(self, selection: Selection, *, folded: bool) -> None:
        self._selection = selection
        self._lowered = _lowered(selection) if folded else None

    def table(self, name: TableName) -> bool:
        if self._selection.includes(name):
            return True
        return self._lowered is not None and self._lowered.includes(name.lowered)

    def database(self, name: str) -> bool:
        if self._selection.includes_database(name):
            return True
        return self._lowered is not None and self._lowered.includes_database(name.lower())


def _lowered(selection: Selection) -> Selection:
    objects = tuple(text.lower() for text in selection.objects)
    return replace(selection, objects=objects, exclude=tuple(text.lower() for text in selection.exclude))


def _read_databases(connection: Connection, chosen: _Chosen) -> list[Database]:
    rows = connection.query(
        "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
    )
    found = [
        Database(
            name=str(name),
            charset=charset_of(collation and str(collation)) or (charset and str(charset)),
            collation=collation_name(collation and str(collation)),
        )
        for name, charset, collation in rows
        if chosen.database(str(name))
    ]
    return sorted(found, key=lambda database: database.name)


def _read_tables(catalog: Catalog, rows: list[Row], traits: ServerTraits) -> list[Table]:
    names = [row.table for row in rows]
    columns = catalog_columns.read_columns(catalog, names, traits)
    indexes = catalog_keys.read_indexes(catalog, columns)
    foreign_keys = catalog_keys.read_foreign_keys(catalog, names)
    checks = catalog_keys.read_checks(catalog, names)
    partitioned = _partitioned(catalog, rows)
    tables = []
    for row in sorted(rows, key=lambda row: row.table):
        name = row.table
        if not columns.get(name):
            continue  # dropped between two of our queries
        plain, json_checked = catalog_columns.with_json(columns[name], checks.get(name, ()), traits)
        table = Table(
            name=name,
            columns=plain,
            indexes=indexes.get(name, ()),
            foreign_keys=foreign_keys.get(name, ()),
            checks=json_checked,
            charset=charset_of(row.text("TABLE_COLLATION")),
            collation=collation_name(row.text("TABLE_COLLATION")),
            comment=row.text("TABLE_COMMENT") or "",
            engine=row.text("ENGINE"),
            auto_increment=row.number("AUTO_INCREMENT") if row.number("AUTO_INCREMENT") > 1 else None,
            row_estimate=row.number("TABLE_ROWS"),
            byte_estimate=row.number("DATA_LENGTH"),
        )
        tables.append(_with_shown(catalog.connection, table) if _must_show(table, partitioned) else table)
    return tables


def _partitioned(catalog: Catalog, rows: list[Row]) -> set[TableName]:
    if catalog.connection.server.flavor != "oceanbase":
        return {row.table for row in rows if "partitioned" in (row.text("CREATE_OPTIONS") or "")}
    return {row.table for row in catalog.read("PARTITIONS", ("PARTITION_NAME",)) if row["PARTITION_NAME"] is not None}


def _must_show(table: Table, partitioned: set[TableName]) -> bool:
    names = {column.name for column in table.columns}
    odd = any(
        index.kind is not IndexKind.BTREE or any(part.column not in names for part in index.parts if part.column)
        for index in table.indexes
    )
    return odd or table.name in partitioned


def _with_shown(connection: Connection, table: Table) -> Table:
    """Complete a table from ``SHOW CREATE TABLE``."""
    name = f"{quoted_name(table.name.database)}.{quoted_name(table.name.table)}"
    text = str(connection.query(f"SHOW CREATE TABLE {name}", table=str(table.name))[0][1])
    table = replace(table, partitions=partitions_of(text))
    if connection.server.flavor != "oceanbase":
        return table
    return replace(table, indexes=catalog_keys.shown_indexes(text, table.indexes))


def _read_views(catalog: Catalog, names: set[TableName]) -> tuple[list[View], list[LeftOut]]:
    if not names:
        return [], []
    columns: dict[TableName, list[tuple[int, str]]] = {}
    for row in catalog.read("COLUMNS", ("COLUMN_NAME", "ORDINAL_POSITION")):
        if row.table in names:
            columns.setdefault(row.table, []).append((row.number("ORDINAL_POSITION"), row.text("COLUMN_NAME") or ""))
    views, hidden = [], []
    for row in catalog.read("VIEWS", ("VIEW_DEFINITION",)):
        definition = row.text("VIEW_DEFINITION")
        if row.table not in names:
            continue
        if not definition:
            hidden.append(LeftOut(name=row.table, reason="a view whose definition we may not see (SHOW VIEW)"))
            continue
        listed = tuple(name for _, name in sorted(columns.get(row.table, [])))
        views.append(View(name=row.table, definition=definition, columns=listed))
    return sorted(views, key=lambda view: view.name), hidden


def read_table(connection: Connection, name: TableName) -> Table | None:
    """Read one table, or `None` when it is not there."""
    pattern = ".".join(quoted_name(part) for part in (name.database, name.table))
    schema = read_schema(connection, Selection(objects=(pattern,)))
    return schema.tables[0] if schema.tables else None
