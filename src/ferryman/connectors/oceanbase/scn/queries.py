"""The statements that find changes; every value in them is a literal of ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ferryman.connectors.mysql_family.quoting import quote, quote_list, quote_table
from ferryman.connectors.mysql_family.rows.literals import columns_of
from ferryman.connectors.mysql_family.rows.reader import row_key
from ferryman.model.schema import Column, Table


def image_columns(table: Table) -> list[Column]:
    """Return the columns of a row image: all of them."""
    return list(table.columns)


def key_columns(table: Table) -> list[Column]:
    """Return the columns of the row key, in key order."""
    return columns_of(table, row_key(table).columns)


def as_of(scn: int) -> str:
    """Return what makes a table be read as it was."""
    return f" AS OF SNAPSHOT {scn}"


def totals(table: Table) -> str:
    """Return the statement that tells how many rows there are, and the greatest SCN of any."""
    return f"SELECT COUNT(*), COALESCE(MAX(ORA_ROWSCN), 0) FROM {quote_table(table.name)}"


def count_at(table: Table, scn: int) -> str:
    """Return the statement that counts the rows there were."""
    return f"SELECT COUNT(*) FROM {quote_table(table.name)}{as_of(scn)}"


def changed_since(table: Table, scn: int) -> str:
    """Return the statement that reads the rows written after an SCN, in key order."""
    names = quote_list(column.name for column in image_columns(table))
    order = quote_list(column.name for column in key_columns(table))
    return f"SELECT {names} FROM {quote_table(table.name)} WHERE ORA_ROWSCN > {scn} ORDER BY {order}"


def gone_since(table: Table, scn: int) -> str:
    """Return the statement that reads the keys there were at an SCN and are no more, in key order.

    Keys only: with whole rows in the comparison it takes four times as long; those are few, and fetched by key.
    """
    keys = [quote(column.name) for column in key_columns(table)]
    same = " AND ".join(f"n.{name}=p.{name}" for name in keys)
    old = ",".join(f"p.{name}" for name in keys)
    return (
        f"SELECT {old} FROM {quote_table(table.name)}{as_of(scn)} p"
        f" WHERE NOT EXISTS (SELECT 1 FROM {quote_table(table.name)} n WHERE {same}) ORDER BY {old}"
    )


def rows_where(table: Table, condition: bytes, scn: int) -> bytes:
    """Return the statement that reads the rows of a condition as they were."""
    names = quote_list(column.name for column in image_columns(table))
    return f"SELECT {names} FROM {quote_table(table.name)}{as_of(scn)} WHERE ".encode() + condition


def all_rows(table: Table, scn: int | None = None) -> str:
    """Return the statement that reads every row, as it is or as it was; in key order where there is a key."""
    names = quote_list(column.name for column in image_columns(table))
    when = as_of(scn) if scn is not None else ""
    order = f" ORDER BY {quote_list(c.name for c in key_columns(table))}" if table.row_key is not None else ""
    return f"SELECT {names} FROM {quote_table(table.name)}{when}{order}"


def places_of(names: Iterable[str], columns: Sequence[Column]) -> list[int]:
    """Return where these columns stand in an image."""
    order = {column.name: place for place, column in enumerate(columns)}
    return [order[name] for name in names]
