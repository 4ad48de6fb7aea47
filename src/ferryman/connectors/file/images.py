"""Rows of an event as an Arrow table: what was done to each stands in columns of its own before the row's."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ferryman.connectors.file.columns import array_of, interleaved, type_of
from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, ColumnData
from ferryman.model.changes import Operation
from ferryman.spi.sink import RowEvent, RowImages

STATEMENT = "statement"
HEAD = pa.schema(
    [
        pa.field("_ferryman_operation", pa.string(), nullable=False),
        pa.field("_ferryman_change", pa.string()),
        pa.field("_ferryman_committed", pa.timestamp("us", "UTC")),
        pa.field("_ferryman_statement", pa.string()),
    ]
)
"""insert, update, delete or statement; what names the change for good; when it was committed; a statement's text."""
_WORDS = {Operation.INSERT: "insert", Operation.UPDATE: "update", Operation.DELETE: "delete"}


def table_of(images: RowImages, *, times_as_text: bool) -> pa.Table:
    """Return the rows; an update whose key changes as a delete of the old and an insert of the new one, at its place."""
    event = images.event
    order, words, rows = _order(event, images.moved)
    image = event.before if event.after is None else event.after
    assert image is not None
    columns = {column.name.casefold(): place for place, column in enumerate(event.columns)}
    fields, arrays = list(HEAD), _head(event, words, rows)
    for column in event.table.written_columns:
        fields.append(pa.field(column.name, type_of(column.type, times_as_text=times_as_text)))
        place = columns.get(column.name.casefold())
        if place is None and event.after is not None:
            raise FerrymanError("sink.value_unfit", f"the log does not tell the value of column {column.name!r}")
        now = array_of(column, _data(image, place), times_as_text=times_as_text)
        if images.moved and event.before is not None:
            old = array_of(column, _data(event.before, place), times_as_text=times_as_text)
            now = interleaved(old, now, order)
        arrays.append(now)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _data(image: Batch, place: int | None) -> ColumnData:
    return ColumnData.of([None] * image.row_count) if place is None else image.columns[place]


def _order(event: RowEvent, moved: Sequence[int]) -> tuple[list[int], list[str], list[int]]:
    """Return where each row comes from (old images first), what is done to it, and which row of the event it is."""
    count, gone = event.row_count, set(moved)
    order: list[int] = []
    words: list[str] = []
    rows: list[int] = []
    for row in range(count):
        if row in gone:
            order, words, rows = [*order, row, count + row], [*words, "delete", "insert"], [*rows, row, row]
        else:
            order.append(count + row)
            words.append(_WORDS[event.operation])
            rows.append(row)
    return order, words, rows


def _head(event: RowEvent, words: list[str], rows: list[int]) -> list[pa.Array]:
    origin, count = event.origin, len(rows)
    names: list[str | None] = [None] * count
    moment = None
    if origin.position is not None:
        place = ":".join(map(str, origin.position.order))
        ordinals = event.ordinals or range(event.row_count)
        names, moment = [f"{place}:{ordinals[row]}" for row in rows], round(origin.seconds * 1_000_000)
    return [
        pa.array(words, pa.string()),
        pa.array(names, pa.string()),
        pa.array([moment] * count, pa.int64()).cast(HEAD.field(2).type),
        pa.nulls(count, pa.string()),
    ]


def statement_of(sql: bytes, names: Sequence[str | None], schema: pa.Schema | None) -> pa.Table:
    """Return a schema statement as a row of its own, in the schema of the rows before it."""
    schema = HEAD if schema is None else schema
    row: dict[str, object] = {field.name: None for field in schema}
    row |= {"_ferryman_operation": STATEMENT, "_ferryman_statement": sql.decode()}
    row["_ferryman_change"] = names[0] if names else None
    return pa.Table.from_pylist([row], schema=schema)
