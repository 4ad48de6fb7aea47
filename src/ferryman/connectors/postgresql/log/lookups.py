"""What the decoder asks of the server itself: names of types, columns it does not know, large values left out of the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ferryman.connectors.postgresql.catalog.typemap import column_type
from ferryman.connectors.postgresql.connection import Connection
from ferryman.connectors.postgresql.log.numbers import NumberedColumn
from ferryman.connectors.postgresql.log.relation_match import AddedColumn
from ferryman.connectors.postgresql.quoting import quote_table
from ferryman.foundation.errors import AWAY, FerrymanError
from ferryman.kernel import canonical_value, text_form
from ferryman.model.batch import Row
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Default, DefaultKind, Table
from ferryman.spi.source import TableReader

_BUILT_IN = {
    16: "boolean", 17: "bytea", 20: "bigint", 21: "smallint", 23: "integer", 25: "text", 114: "json",
    700: "real", 701: "double precision", 1082: "date", 2950: "uuid", 3802: "jsonb",
}  # fmt: skip
"""Types without modifiers that need no question."""
_TYPE = """
SELECT CASE WHEN typtype = 'd' THEN format_type(typbasetype, typtypmod) ELSE format_type(oid, %s) END
FROM pg_type WHERE oid = %s
"""
_COLUMN = """
SELECT CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod)
            ELSE format_type(a.atttypid, a.atttypmod) END, a.attnotnull OR t.typnotnull, a.atthasmissing,
       (a.attmissingval::text::text[])[1], pg_get_expr(d.adbin, d.adrelid), a.attidentity <> '',
       (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid IN (a.atttypid, t.typelem)),
       a.attnum
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s::regclass AND a.attname = %s AND NOT a.attisdropped
"""
_NUMBERS = """
SELECT attnum, attname, attisdropped FROM pg_attribute
WHERE attrelid = %s AND attnum > 0 AND attgenerated = '' ORDER BY attnum
"""
_GONE = frozenset({"source.table_changed"})


class Lookups:
    """Asks over connections of its own, opened when first needed and again after a failure; one thread."""

    def __init__(self, connect: Callable[[], Connection], reader: Callable[[], TableReader]) -> None:
        """Make it; connects later."""
        self._connect = connect
        self._open_reader = reader
        self._types: dict[tuple[int, int], str] = {}

    def type_text(self, oid: int, modifier: int) -> str:
        """Return a type as `format_type` writes it."""
        if modifier < 0 and oid in _BUILT_IN:
            return _BUILT_IN[oid]
        found = self._types.get((oid, modifier))
        if found is None:
            with self._connect() as connection:
                rows = connection.query(_TYPE, (modifier, oid))
            found = str(rows[0][0]) if rows else f"a type that is gone (oid {oid})"
            self._types[oid, modifier] = found
        return found

    def added_column(self, table: Table, name: str) -> AddedColumn | None:
        """Look at a column that we do not know; `None` when it, or its table, is gone again."""
        try:
            with self._connect() as connection:
                rows = connection.query(_COLUMN, (quote_table(table.name), name))
        except FerrymanError as error:
            if error.code not in _GONE:
                raise
            return None
        return _added(name, rows[0]) if rows else None

    def numbered(self, oid: int) -> list[NumberedColumn]:
        """Return all columns a table has had, in order; none when it is gone, or the server is away: then names must do."""
        try:
            with self._connect() as connection:
                return [NumberedColumn(*row) for row in connection.query(_NUMBERS, (oid,))]
        except FerrymanError as error:
            if error.code not in AWAY:
                raise
            return []

    def rows_by_key(self, table: Table, columns: Sequence[str], keys: Sequence[Row]) -> dict[Row, Row] | None:
        """Return columns of rows by their key, as they are now; `None` when the table has lost a column or is gone."""
        key = table.row_key.columns if table.row_key is not None else ()
        reader = self._open_reader()
        try:
            found = reader.rows_by_key(table, [*key, *columns], keys)
        except FerrymanError as error:
            if error.code not in _GONE:
                raise
            return None
        finally:
            reader.close()
        return {row[: len(key)]: row[len(key) :] for row in found.rows()}

    def table_name(self, oid: int) -> TableName | None:
        """Return what a table is called now; `None` when it is gone."""
        with self._connect() as connection:
            rows = connection.query(
                "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.oid = %s",
                (oid,),
            )
        return TableName(str(rows[0][0]), str(rows[0][1])) if rows else None


def _added(name: str, row: tuple[object, ...]) -> AddedColumn:
    """Say what the rows that were there have in a new column.

    The server keeps the constant it gave them (`attmissingval`). Without it they have NULL, unless a default stands
    there: that may have been computed for each of them, and such values are not in the log.
    """
    native, not_null, has_missing, missing, default, identity, labels, number = row
    type_ = column_type(str(native), labels=tuple(labels) if isinstance(labels, list) else ())
    reason, kept = "", None
    if has_missing and missing is not None:
        text = canonical_value(str(missing).encode(), text_form(type_)).decode("utf-8", "replace")
        kept = Default(kind=DefaultKind.LITERAL, text=text)
    elif default is not None or identity:
        reason = f"its default is {default or 'an identity'}"
    elif not_null:
        reason = "it is NOT NULL and has no default any more"
    column = Column(name=name, type=type_, nullable=not not_null, default=kept, number=int(str(number)))
    return AddedColumn(column=column, reason=reason)
