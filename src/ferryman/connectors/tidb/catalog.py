"""What TiDB's tables have that no other server of the family has: it stays behind, and is told by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ferryman.connectors.mysql_family.catalog.rows import Catalog, Row
from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.quoting import quote_table
from ferryman.model.schema import LeftOut, Schema, Table

_COLUMNS = ("TIDB_PK_TYPE", "TIDB_ROW_ID_SHARDING_INFO", "TIDB_PLACEMENT_POLICY_NAME", "CREATE_OPTIONS")
_RANDOM = re.compile(r"PK_AUTO_RANDOM_BITS=(\d+)")
_SHARDED = re.compile(r"SHARD_BITS=(\d+)")
_TTL = re.compile(r"/\*T!\[ttl\] (.*?) \*/")
_TEMPORARY = "CREATE GLOBAL TEMPORARY TABLE"


def kept_apart(connection: Connection, schema: Schema) -> Schema:
    """Return the schema without global temporary tables, and with what stays behind of the others."""
    catalog = Catalog(connection, [database.name for database in schema.databases])
    rows = {row.table: row for row in catalog.read("TABLES", _COLUMNS)}
    tables, unkept = [], list(schema.unkept)
    left_out = list(schema.left_out)
    for table in schema.tables:
        text = _shown(connection, table)
        if text.startswith(_TEMPORARY):
            reason = "a global temporary table: its rows belong to one transaction"
            left_out.append(LeftOut(name=table.name, reason=reason))
            continue
        tables.append(table)
        reasons = [*_of_row(table, rows.get(table.name)), *_of_text(text)]
        unkept += [LeftOut(name=table.name, reason=reason) for reason in reasons]
    return replace(schema, tables=tuple(tables), left_out=tuple(left_out), unkept=tuple(unkept))


def _shown(connection: Connection, table: Table) -> str:
    return str(connection.query(f"SHOW CREATE TABLE {quote_table(table.name)}", table=str(table.name))[0][1])


def _of_row(table: Table, row: Row | None) -> Iterator[str]:
    if row is None:
        return
    primary = any(index.primary for index in table.indexes)
    if primary and row.text("TIDB_PK_TYPE") == "NONCLUSTERED":
        yield "NONCLUSTERED is left out: at the target rows lie in the order of the primary key"
    sharding = row.text("TIDB_ROW_ID_SHARDING_INFO") or ""
    if found := _RANDOM.search(sharding):
        yield f"AUTO_RANDOM({found[1]}) is left out: at the target new rows must bring their key, or count it up"
    elif found := _SHARDED.search(sharding):
        yield f"SHARD_ROW_ID_BITS={found[1]} is left out"
    if policy := row.text("TIDB_PLACEMENT_POLICY_NAME"):
        yield f"the placement policy {policy} is left out"
    if row.text("CREATE_OPTIONS") == "cached=on":
        yield "CACHE is left out"


def _of_text(text: str) -> Iterator[str]:
    if found := _TTL.search(text):
        yield f"{found[1]} is left out: at the target no row is deleted by its age"
