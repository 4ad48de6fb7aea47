"""The error value of an ENUM: index 0, shown as an empty text. Servers keep it, but a strict session does not write it so.

MySQL and OceanBase take the text ``0`` for the index, where no label is called so. MariaDB writes the value only in a session
that is not strict, with a warning for each: such rows are written apart, and just these warnings must come (I5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ferryman.connectors.mysql_family.connection import SQL_MODE
from ferryman.connectors.mysql_family.errors import column_of
from ferryman.model.batch import Batch, ColumnData, Row
from ferryman.model.schema import Column
from ferryman.model.types import Kind

_MODE = ",".join(mode for mode in SQL_MODE.split(",") if not mode.startswith("STRICT"))
LAX = f"SET STATEMENT sql_mode='{_MODE}',max_error_count=65535 FOR ".encode()
"""MariaDB: one statement as if the session were not strict."""

_PIECE = 500
"""Rows written at once in that mode."""
_TRUNCATED = 1265
_INDEX = b"0"


@dataclass(frozen=True, slots=True)
class Blanks:
    """The columns of a table's rows that may hold the error value, by their place; `text` is what is written instead."""

    columns: tuple[tuple[int, Column], ...]
    apart: bool
    """Whether rows that hold it are written apart."""

    @classmethod
    def of(cls, columns: Sequence[Column], flavor: str) -> Blanks:
        """Look at the columns that are written; `flavor` is the server's."""
        apart = flavor == "mariadb"
        taken = ("",) if apart else ("", _INDEX.decode())
        found = [
            (place, column)
            for place, column in enumerate(columns)
            if column.type.kind is Kind.ENUM and not set(taken) & set(column.type.values)
        ]
        return cls(tuple(found), apart)

    def within(self, batch: Batch) -> Blanks:
        """Return just those columns that hold the value in these rows."""
        if not self.columns:
            return self
        return Blanks(tuple(each for each in self.columns if _is_blank(batch.columns[each[0]])), self.apart)

    def within_row(self, row: Row) -> Blanks:
        """Return just those columns that hold the value in this row."""
        return Blanks(tuple(each for each in self.columns if row[each[0]] == b""), self.apart)

    def as_index(self, batch: Batch) -> Batch:
        """Return the rows with the text that means index 0 instead of the value."""
        columns = list(batch.columns)
        for place, _ in self.columns:
            columns[place] = ColumnData.of([_INDEX if value == b"" else value for value in columns[place].values()])
        return Batch(batch.row_count, tuple(columns))

    def row_as_index(self, row: Row) -> Row:
        """Return a row so."""
        places = {place for place, _ in self.columns}
        return tuple(_INDEX if place in places else value for place, value in enumerate(row))

    def parted(self, batch: Batch) -> tuple[Batch, Iterator[Batch]]:
        """Return the rows without the value, and those with it in pieces."""
        rows, places = list(batch.rows()), [place for place, _ in self.columns]
        blank = [row for row in rows if any(row[place] == b"" for place in places)]
        plain = [row for row in rows if all(row[place] != b"" for place in places)]
        width = len(batch.columns)
        pieces = (Batch.of(blank[start : start + _PIECE], width) for start in range(0, len(blank), _PIECE))
        return Batch.of(plain, width), pieces

    def count(self, batch: Batch) -> int:
        """Return how many values of these rows are it."""
        return sum(batch.columns[place].values().count(b"") for place, _ in self.columns)

    def explain(self, warnings: Sequence[tuple[str, ...]]) -> bool:
        """Whether these warnings (level, number, text) of a statement say no more than that the value was written."""
        names = {column.name for _, column in self.columns}
        return all(int(errno) == _TRUNCATED and column_of(str(text)) in names for _, errno, text in warnings)


def _is_blank(data: ColumnData) -> bool:
    """Whether some value is empty: only an empty one, or a NULL, ends where the one before it ends."""
    rows = len(data.offsets) - 1
    nulls = int.from_bytes(data.nulls, "little").bit_count()
    return rows - nulls > len(set(data.offsets)) - 1
