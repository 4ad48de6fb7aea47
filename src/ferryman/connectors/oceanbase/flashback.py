"""Reading tables as they were at one SCN, as long as OceanBase remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.connectors.mysql_family.rows.reader import Reader
from ferryman.connectors.oceanbase.scn.moments import is_history_gone
from ferryman.foundation.errors import FerrymanError
from ferryman.model.schema import Table


@dataclass(slots=True)
class Moment:
    """The moment all readers of one source show.

    Attributes:
        scn: When.
        gone: Whether a read has found that it cannot be had any more: readers show what is there now.
    """

    scn: int
    gone: bool = False


class BorderReader(Reader):
    """Reads tables without a key at the border where the log begins: there, or not at all."""

    @contextmanager
    def _told(self, table: Table, as_of: int | None = None) -> Iterator[None]:
        """Raise ``source.no_snapshot`` when that moment is gone."""
        try:
            yield
        except FerrymanError as error:
            if not is_history_gone(error) or as_of is None:
                raise
            raise FerrymanError(
                "source.no_snapshot",
                f"{table.name} has no key and cannot be read any more as it was where the log begins: {error.message}",
                hint="raise undo_retention, or give the table a primary key; then start anew with --fresh",
            ) from error


class FlashbackReader(Reader):
    """Reads chunks at one moment; what it knows of keys and counts is of now, which is no harm: ranges have open ends."""

    def __init__(self, connect: Callable[[], Connection], moment: Moment) -> None:
        """Make a reader of a moment, shared with others."""
        super().__init__(connect, as_of=None if moment.gone else moment.scn)
        self._moment = moment

    @contextmanager
    def _told(self, table: Table, as_of: int | None = None) -> Iterator[None]:
        """Raise ``source.history_lost`` when that moment is gone: read again, and see the rows as they are.

        The log, which holds what has changed since, makes that right for tables with a key.
        """
        try:
            yield
        except FerrymanError as error:
            if not is_history_gone(error) or as_of is None:
                raise
            self._moment.gone = True
            raise FerrymanError(
                "source.history_lost",
                f"{table.name} cannot be read as it was at SCN {self._moment.scn}: its rows are read as they are now",
            ) from error
