"""Row images of the log as canonical values: the server's text, value by value (`ferryman.kernel.copy_text`)."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.connectors.postgresql.log.messages import corrupt
from ferryman.foundation.errors import FerrymanError
from ferryman.kernel import Form, canonical_value, text_form
from ferryman.model.batch import Value
from ferryman.model.types import ColumnType, Kind

_PLAIN = frozenset({Form.PLAIN, Form.TEXT, Form.DECIMAL, Form.DATE})
"""Forms that are canonical as they come."""
_NUMBERS = frozenset({Kind.DECIMAL, Kind.INTEGER, Kind.FLOAT, Kind.DOUBLE, Kind.BIT})


class ImageReader:
    """Makes canonical rows of one table's images."""

    def __init__(self, types: Sequence[ColumnType], table: str) -> None:
        """Make a reader for images with columns of these types."""
        forms = [text_form(type_) for type_ in types]
        self._converted = [(place, form) for place, form in enumerate(forms) if form.form not in _PLAIN]
        self._width = len(forms)
        self._table = table

    def row(self, values: Sequence[object]) -> list[object]:
        """Return canonical values, `None` for NULL, `UNCHANGED` as it is; ``log.corrupt`` for what no server writes."""
        if len(values) != self._width:
            raise corrupt(f"a row image of {self._table} has {len(values)} values, not {self._width}")
        row = list(values)
        try:
            for place, form in self._converted:
                value = row[place]
                if isinstance(value, bytes):
                    row[place] = canonical_value(value, form)
        except FerrymanError as error:
            raise corrupt(f"a row image of {self._table}: {error.message}") from None
        return row


def placeholder(type_: ColumnType) -> Value:
    """Return a value for a column that must have one, of a row that will go later in the log."""
    if type_.kind is Kind.JSON:
        return b"null"
    return b"0" if type_.kind in _NUMBERS else b""
