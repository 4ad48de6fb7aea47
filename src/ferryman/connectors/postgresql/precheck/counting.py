"""Counts values that would not fit, in one SELECT a table (`ferryman.spi.counting`)."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.connectors.postgresql.connection import Connection
from ferryman.connectors.postgresql.quoting import quote, quote_list
from ferryman.connectors.postgresql.rows.reader import source_of
from ferryman.foundation.errors import FerrymanError
from ferryman.model.limits import digits, number_bounds
from ferryman.model.misfits import Misfit, Question
from ferryman.model.schema import Table
from ferryman.model.types import CHARACTER_KINDS, ColumnType, Kind
from ferryman.spi.counting import Counts

_NO_NUMBER = "{}::text IN ('NaN', 'Infinity', '-Infinity')"


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
    connection.run(f"SET statement_timeout = {max(1, int(seconds)) * 1000}")
    asked = [question for question in questions if question.misfit is not Misfit.KEY_COLLISION]
    shown = "".join(f", count(*) FILTER (WHERE {condition(table, each)})" for each in asked)
    sql = f"SELECT count(*){shown} FROM {_rows_of(table, asked, where, rows)}"
    looked, *found = (int(value) for value in connection.query(sql, table=str(table.name))[0])
    counted = dict(zip(map(id, asked), found, strict=True))
    return Counts(
        rows=looked,
        found=tuple(
            counted[id(each)] if id(each) in counted else _collisions(connection, table, each, where, rows)
            for each in questions
        ),
    )


def _rows_of(table: Table, questions: Sequence[Question], where: str | None, rows: int | None) -> str:
    filtered = f" WHERE ({where}\n)" if where else ""
    if rows is None:
        return f"{source_of(table)}{filtered}"
    names = dict.fromkeys(name for question in questions for name in question.columns)
    return f"(SELECT {quote_list(names)} FROM {source_of(table)}{filtered} LIMIT {rows}) AS sample"


def condition(table: Table, question: Question) -> str:
    """Return the condition that a value does not fit."""
    column, target = table.column(question.columns[0]), question.targets[0]
    name = quote(column.name)
    match question.misfit:
        case Misfit.DATE_RANGE:
            return f"NOT ({name} >= '0001-01-01' AND {name} < '10000-01-01')"
        case Misfit.NOT_A_NUMBER:
            return _NO_NUMBER.format(name)
        case Misfit.NUMBER_RANGE:
            least, most = number_bounds(target) or (0, 0)
            return f"NOT {_NO_NUMBER.format(name)} AND NOT ({name} > {least - 1} AND {name} < {most + 1})"
        case Misfit.DIGITS:
            return _too_fine(name, column.type, digits(target) or 0)
        case Misfit.TOO_LONG:
            return f"{_size(name, column.type, target)} > {target.length}"
        case _:
            raise FerrymanError("internal.error", f"no PostgreSQL has {question.misfit.value}")


def _too_fine(name: str, source: ColumnType, kept: int) -> str:
    if source.kind is Kind.DECIMAL:
        return f"NOT {_NO_NUMBER.format(name)} AND {name} <> trunc({name}, {kept})"
    return f"extract(microseconds FROM {name})::bigint % {10 ** (6 - kept)} <> 0"


def _size(name: str, source: ColumnType, target: ColumnType) -> str:
    if source.kind not in CHARACTER_KINDS:
        return f"octet_length({name})"
    return f"{'char_length' if target.kind in {Kind.CHAR, Kind.VARCHAR} else 'octet_length'}({name}::text)"


def _collisions(connection: Connection, table: Table, question: Question, where: str | None, rows: int | None) -> int:
    """Count rows that share their key with another one where blanks at the end do not count."""
    parts = [
        f"rtrim({quote(name)}::text, ' ')" if type_.kind in CHARACTER_KINDS else quote(name)
        for name, type_ in zip(question.columns, question.targets, strict=True)
    ]
    there = " AND ".join(f"{quote(name)} IS NOT NULL" for name in question.columns)
    inner = _rows_of(table, [question], f"({where}\n) AND {there}" if where else there, rows)
    sql = f"SELECT count(*) AS n FROM {inner} GROUP BY {', '.join(parts)} HAVING count(*) > 1"
    return int(connection.query(f"SELECT coalesce(sum(n), 0) FROM ({sql}) AS shared", table=str(table.name))[0][0])
