"""What the servers would change without a word: values finer than the target's column (I5).

Strict mode refuses what is out of range, too long or badly encoded, and warns of rounded decimals and of cut blanks. But
fractions of seconds are rounded (OceanBase) or cut (MariaDB) and times of day dropped from dates with no warning at all.
"""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, ColumnData
from ferryman.model.schema import Column, Table
from ferryman.model.types import Kind

_CLOCK_KINDS = frozenset({Kind.TIME, Kind.DATETIME, Kind.TIMESTAMP})
_DATE_LENGTH = 10
_NUMBER_KINDS = frozenset({Kind.DECIMAL, Kind.FLOAT, Kind.DOUBLE})


def refuse_misfits(table: Table, columns: Sequence[Column], batch: Batch) -> None:
    """Raise ``target.value_refused`` for values the server would silently round or cut.

    All values of a column have the same number of fraction digits, so the first tells whether the rest need a look.
    """
    for column, data in zip(columns, batch.columns, strict=True):
        kind = column.type.kind
        if kind in _CLOCK_KINDS and _digits(_first(data)) > column.type.fraction:
            _refuse_fractions(table, column, data)
        elif kind in _NUMBER_KINDS and _has_words(data):
            raise _refusal(table, column, "NaN or infinity")
        elif kind is Kind.DATE and len(_first(data)) > _DATE_LENGTH:
            raise _refusal(table, column, "a date with a time of day")


def _first(data: ColumnData) -> bytes:
    """Return the first value that is not NULL; a NULL takes no bytes, and no temporal value is empty."""
    end = next((offset for offset in data.offsets if offset), 0)
    return data.data[:end]


def _has_words(data: ColumnData) -> bool:
    """Whether some number is none: PostgreSQL's ``NaN`` and ``Infinity``."""
    return b"N" in data.data or b"I" in data.data


def _digits(value: bytes) -> int:
    return len(value.partition(b".")[2])


def _refuse_fractions(table: Table, column: Column, data: ColumnData) -> None:
    kept = column.type.fraction
    if any(value is not None and value.partition(b".")[2][kept:].strip(b"0") for value in data.values()):
        raise _refusal(table, column, f"more than {kept} digits of fractional seconds")


def _refusal(table: Table, column: Column, what: str) -> FerrymanError:
    return FerrymanError(
        "target.value_refused",
        f"column {column.name!r} of {table.name} at the target ({column.type.native}) cannot hold {what}",
        context={"table": str(table.name), "column": column.name},
    )
