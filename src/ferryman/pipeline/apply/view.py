"""Views: the source as it was at one place of its log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.spi.source import Source, TableReader

_CANNOT = frozenset({"source.no_snapshot", "source.privilege"})


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at.

    Attributes:
        reader: Reads the source.
        place: Where in the log all of it looks so; `None`: each read sees a moment of its own.
    """

    reader: TableReader
    place: Position | None


def open_view(source: Source, tables: Sequence[TableName]) -> View:
    """Open a view of these tables at one place if the source can show one, and of the present if not.

    Raises:
        FerrymanError: ``source.table_changed`` (one is gone), and as any connection.
    """
    try:
        return View(*source.consistent_reader(tables))
    except FerrymanError as error:
        if error.code not in _CANNOT:
            raise
        return View(source.reader(), None)
