"""The catalog of one database: its schemas, tables and views, as the model shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.connectors.postgresql.catalog.columns import read_columns
from ferryman.connectors.postgresql.catalog.keys import read_checks, read_foreign_keys, read_indexes
from ferryman.connectors.postgresql.connection import Connection
from ferryman.model.names import TableName
from ferryman.model.schema import Database, LeftOut, Schema, ServerTraits, Table, View
from ferryman.model.selection import Selection

FLAVOUR = "postgresql"

_RELATIONS = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, greatest(c.reltuples, 0)::bigint, c.relpersistence::text,
       coalesce(obj_description(c.oid, 'pg_class'), ''), pg_get_partkeydef(c.oid),
       EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid OR (i.inhparent = c.oid AND c.relkind = 'r')),
       c.relnatts
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
                  AND (d.deptype = 'e' OR c.relkind = 'S' AND d.deptype IN ('a', 'i')))
ORDER BY n.nspname, c.relname
"""
"""Partitions go with their parent, members of extensions with these, sequences of columns with their table."""

_SIZES = """
SELECT t.oid, sum(pg_table_size(p.relid)), sum(greatest(c.reltuples, 0))::bigint
FROM unnest(%s::oid[]) AS t (oid) CROSS JOIN LATERAL (
  SELECT t.oid::regclass AS relid UNION SELECT relid FROM pg_partition_tree(t.oid) WHERE isleaf
) AS p JOIN pg_class c ON c.oid = p.relid GROUP BY t.oid
"""
_NUMBERS = """
SELECT d.refobjid, max(q.last_value) FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequences q ON q.schemaname = n.nspname AND q.sequencename = c.relname
WHERE d.classid = 'pg_class'::regclass AND d.refobjid = ANY(%s::oid[]) AND d.deptype IN ('a', 'i')
GROUP BY d.refobjid HAVING max(q.last_value) IS NOT NULL
"""
"""The last number of each table's sequences, where we may see it."""
_LEFT_OUT = {
    "m": "a materialized view: make it anew over the tables",
    "f": "a foreign table: its rows are elsewhere",
    "S": "a sequence of no column",
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view or the like, as `pg_class` shows it."""

    oid: int
    name: TableName
    kind: str
    rows: int
    persistence: str
    comment: str
    partition_key: str | None
    inherits: bool
    last_number: int
    """The greatest number of a column, of dropped ones, too."""


def read_schema(connection: Connection, selection: Selection) -> Schema:
    """Read the catalog of the selected objects; "databases" are this database's schemas."""
    relations = [Relation(row[0], TableName(row[1], row[2]), *row[3:]) for row in connection.query(_RELATIONS)]
    chosen = [each for each in relations if selection.includes(each.name)]
    tables = [each for each in chosen if each.kind in "rp" and not each.inherits]
    return Schema(
        databases=_databases(connection, selection),
        tables=tuple(_tables(connection, tables)),
        views=tuple(_view(connection, each) for each in chosen if each.kind == "v"),
        left_out=tuple(_left_out(chosen)),
        traits=ServerTraits(flavour=FLAVOUR, version=connection.version),
    )


def _databases(connection: Connection, selection: Selection) -> tuple[Database, ...]:
    rows = connection.query(
        "SELECT n.nspname, d.datcollate FROM pg_namespace n, pg_database d WHERE d.datname = current_database()"
        " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1"
    )
    return tuple(
        Database(name=name, charset="UTF8", collation=collation)
        for name, collation in rows
        if selection.includes_database(name)
    )


def _tables(connection: Connection, relations: Sequence[Relation]) -> list[Table]:
    oids = [each.oid for each in relations]
    if not oids:
        return []
    columns, indexes = read_columns(connection, oids), read_indexes(connection, oids)
    foreign_keys, checks = read_foreign_keys(connection, oids), read_checks(connection, oids)
    sizes = {oid: (int(size or 0), int(rows or 0)) for oid, size, rows in connection.query(_SIZES, [oids])}
    numbers = {oid: int(last) for oid, last in connection.query(_NUMBERS, [oids])}
    return [
        Table(
            name=each.name,
            columns=columns.get(each.oid, ()),
            indexes=indexes.get(each.oid, ()),
            foreign_keys=foreign_keys.get(each.oid, ()),
            checks=checks.get(each.oid, ()),
            charset="UTF8",
            comment=each.comment,
            partitions=each.partition_key,
            auto_increment=numbers[each.oid] + 1 if each.oid in numbers else None,
            byte_estimate=sizes.get(each.oid, (0, 0))[0],
            row_estimate=sizes.get(each.oid, (0, 0))[1] or each.rows,
            origin=(each.oid, each.last_number),
        )
        for each in relations
    ]


def _view(connection: Connection, relation: Relation) -> View:
    rows = connection.query("SELECT pg_get_viewdef(%s::oid)", [relation.oid])
    names = connection.query(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        [relation.oid],
    )
    definition = str(rows[0][0] or "").strip().rstrip(";")
    return View(name=relation.name, definition=definition, columns=tuple(name for (name,) in names))


def _left_out(relations: Sequence[Relation]) -> list[LeftOut]:
    out = [LeftOut(name=each.name, reason=_LEFT_OUT[each.kind]) for each in relations if each.kind in _LEFT_OUT]
    inherited = [each for each in relations if each.kind in "rp" and each.inherits]
    return out + [LeftOut(name=each.name, reason="a table that inherits, or is inherited from") for each in inherited]
