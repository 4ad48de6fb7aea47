"""A judge that shares no code with the product: both servers sum up their own tables as text."""

from __future__ import annotations

import re
from typing import Any

import pymysql

from ferryman.embedded import MariaDb, OceanBase

_NOT_COMPARED = frozenset({"json"})
_SPELLINGS = (
    (re.compile(r"^(tinyint|smallint|mediumint|int|bigint)\(\d+\)"), r"\1"),
    (re.compile(r"(varbinary|binary|varchar|char)\((\d+)\).*"), r"\1(\2)"),
)

Columns = dict[str, list[tuple[str, str]]]


def disagreements(source: MariaDb, target: OceanBase, database: str) -> list[str]:
    """Say where the sides differ in tables, columns, unique keys, counts or sums; empty when they are equal."""
    with _connect(source) as ours, _connect(target) as theirs:
        columns, found = _columns(ours, database), _columns(theirs, database)
        folded = {table.lower(): table for table in columns}  # OceanBase keeps names in small letters
        out = [f"tables: {sorted(folded)} and {sorted(found)}"] if folded.keys() != found.keys() else []
        for table in sorted(folded.keys() & found.keys()):
            out += _columns_differ(table, columns[folded[table]], found[table])
        if out:
            return out
        keys, others = _unique_keys(ours, database), _unique_keys(theirs, database)
        out += [f"unique keys: {sorted(keys - others)} and {sorted(others - keys)}"] if keys != others else []
        for table, declared in sorted(columns.items()):
            json = {name for name, type_ in found[table.lower()] if type_ in _NOT_COMPARED}
            sql = _sums(database, table, [name for name, _ in declared if name not in json])
            one, other = _query(ours, sql), _query(theirs, sql)
            out += [f"rows of {table}: {one} and {other}"] if one != other else []
    return out


def _connect(server: MariaDb | OceanBase) -> Any:
    return pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=server.password,
        charset="utf8mb4",
        init_command="SET time_zone = '+00:00'",
    )


def _query(connection: Any, sql: str, *values: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return list(cursor.fetchall())


def _columns(connection: Any, database: str) -> Columns:
    rows = _query(
        connection,
        "SELECT table_name, column_name, column_type FROM information_schema.columns"
        " WHERE table_schema = %s ORDER BY table_name, ordinal_position",
        database,
    )
    out: Columns = {}
    for table, column, type_ in rows:
        out.setdefault(table, []).append((column, _spelling(type_)))
    return out


def _spelling(type_: str) -> str:
    type_ = type_.lower()
    for pattern, text in _SPELLINGS:
        type_ = pattern.sub(text, type_)
    return type_


def _columns_differ(table: str, ours: list[tuple[str, str]], theirs: list[tuple[str, str]]) -> list[str]:
    json = {name for name, type_ in theirs if type_ == "json"}
    seen = [(name, "json" if name in json and type_ == "longtext" else type_) for name, type_ in ours]
    return [f"columns of {table}: {seen} and {theirs}"] if seen != theirs else []


def _unique_keys(connection: Any, database: str) -> set[tuple[Any, ...]]:
    rows = _query(
        connection,
        "SELECT lower(table_name), lower(index_name), seq_in_index, lower(column_name) FROM information_schema.statistics"
        " WHERE table_schema = %s AND non_unique = 0",
        database,
    )
    return {tuple(row) for row in rows}


def _sums(database: str, table: str, columns: list[str]) -> str:
    parts = [f"IFNULL(CRC32({_quoted(name)}), 'NULL')" for name in columns]
    line = f"CRC32(CONCAT_WS('/', {', '.join(parts)}))" if parts else "1"
    return f"SELECT COUNT(*) AS a, BIT_XOR({line}) AS b, SUM({line}) AS c FROM {database}.{_quoted(table)}"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"
