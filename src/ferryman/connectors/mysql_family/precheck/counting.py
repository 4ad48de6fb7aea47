"""Counts values that would not fit, in one SELECT a table (`ferryman.spi.counting`)."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.quoting import quote, quote_list, quote_table
from ferryman.foundation.errors import FerrymanError
from ferryman.model.limits import digits, number_bounds
from ferryman.model.misfits import Misfit, Question
from ferryman.model.schema import Table
from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind
from ferryman.spi.counting import Counts

_UTF8 = "CAST(CONVERT({} USING utf8mb4) AS BINARY)"
_ZERO_DATE = (
    "({0} IS NOT NULL AND (YEAR({0}) = 0 OR MONTH({0}) = 0 OR DAY({0}) = 0 OR LAST_DAY({0}) IS NULL"
    " OR DAY({0}) > DAY(LAST_DAY({0}))))"
)
_NUL_TEXT = f"LOCATE(X'00', {_UTF8}) > 0"
_NUL_JSON = "LOCATE(X'5C7530303030', REPLACE(CAST(CAST({} AS CHAR) AS BINARY), X'5C5C', X'')) > 0"
_LIMITS = {
    "mariadb": "SET SESSION max_statement_time = {seconds}",
    "oceanbase": "SET SESSION ob_query_timeout = {microseconds}",
    "mysql": "SET SESSION max_execution_time = {milliseconds}",
    "tidb": "SET SESSION max_execution_time = {milliseconds}",
}
"""How a server is told when to give up; MySQL 5.6 cannot be."""


def count_values(
    connection: Connection,
    table: Table,
    questions: Sequence[Question],
    *,
    where: str | None,
    rows: int | None,
    seconds: float,
) -> Counts:
    """Answer questions about one table; see `ferryman.spi.counting.CountingSource`."""
    _set_limit(connection, seconds)
    asked = [question for question in questions if question.misfit is not Misfit.KEY_COLLISION]
    source = _rows_of(table, asked, where, rows)
    # Columns have names: OceanBase cuts the text of an expression at 256 bytes, amid a character if need be.
    shown = "".join(f", COUNT(CASE WHEN {condition(table, each)} THEN 1 END) AS c{n}" for n, each in enumerate(asked))
    looked, *found = (int(value) for value in connection.query(f"SELECT COUNT(*){shown} FROM {source}")[0])
    counted = dict(zip(map(id, asked), found, strict=True))
    return Counts(
        rows=looked,
        found=tuple(
            counted[id(each)] if id(each) in counted else _collisions(connection, table, each, where, rows)
            for each in questions
        ),
    )


def _set_limit(connection: Connection, seconds: float) -> None:
    sql = _LIMITS.get(connection.server.flavor)
    if sql is None or (connection.server.flavor == "mysql" and connection.server.version < (5, 7, 8)):
        return
    whole = max(1, int(seconds))
    connection.execute(sql.format(seconds=whole, milliseconds=whole * 1000, microseconds=whole * 1_000_000))


def _rows_of(table: Table, questions: Sequence[Question], where: str | None, rows: int | None) -> str:
    condition_ = f" WHERE ({where}\n)" if where else ""
    if rows is None:
        return f"{quote_table(table.name)}{condition_}"
    names = list(dict.fromkeys(name for question in questions for name in question.columns))
    columns = quote_list(names) if names else "1 AS one"
    return f"(SELECT {columns} FROM {quote_table(table.name)}{condition_} LIMIT {rows}) AS sample"


def condition(table: Table, question: Question) -> str:
    """Return the condition that a value does not fit."""
    column, target = table.column(question.columns[0]), question.targets[0]
    name = quote(column.name)
    match question.misfit:
        case Misfit.ZERO_DATE:
            return _ZERO_DATE.format(name)
        case Misfit.NUL:
            return (_NUL_JSON if column.type.kind is Kind.JSON else _NUL_TEXT).format(name)
        case Misfit.ENUM_ERROR:
            return f"{name} + 0 = 0"
        case Misfit.CHARSET:
            there = f"CONVERT(CONVERT({name} USING {target.charset}) USING utf8mb4)"
            return f"CAST({there} AS BINARY) <> {_UTF8.format(name)}"
        case _:
            return _of_size(question.misfit, name, column.type, target)


def _of_size(misfit: Misfit, name: str, source: ColumnType, target: ColumnType) -> str:
    if misfit is Misfit.NUMBER_RANGE:
        least, most = number_bounds(target) or (0, 0)
        # DECIMAL's greatest has nines behind the point, too
        return f"NOT ({name} > {least - 1} AND {name} < {most + 1})"
    if misfit is Misfit.DIGITS:
        kept = digits(target) or 0
        if source.kind is Kind.DECIMAL:
            return f"{name} <> TRUNCATE({name}, {kept})"
        return f"MICROSECOND({name}) % {10 ** (6 - kept)} <> 0"
    if misfit is Misfit.TOO_LONG and source.kind in CHARACTER_KINDS:
        size = "CHAR_LENGTH({})" if target.kind in {Kind.CHAR, Kind.VARCHAR} else f"LENGTH({_UTF8})"
        return f"{size.format(name)} > {target.length}"
    if misfit is Misfit.TOO_LONG:
        return f"LENGTH({name}) > {target.length}"
    raise FerrymanError("internal.error", f"no source of the MySQL family has {misfit.value}")


def _collisions(connection: Connection, table: Table, question: Question, where: str | None, rows: int | None) -> int:
    """Count rows that share their key with another one under the target's collation."""
    parts = [_compared(name, type_) for name, type_ in zip(question.columns, question.targets, strict=True)]
    there = " AND ".join(f"{quote(name)} IS NOT NULL" for name in question.columns)
    filtered = f"({where}\n) AND {there}" if where else there
    inner = _rows_of(table, [question], filtered, rows)
    sql = f"SELECT COUNT(*) AS n FROM {inner} GROUP BY {', '.join(parts)} HAVING COUNT(*) > 1"
    return int(connection.query(f"SELECT COALESCE(SUM(n), 0) FROM ({sql}) AS shared")[0][0])


def _compared(name: str, target: ColumnType) -> str:
    if target.kind not in CHARACTER_KINDS or not target.collation:
        return quote(name)
    return f"CONVERT({quote(name)} USING {target.charset}) COLLATE {target.collation}"
