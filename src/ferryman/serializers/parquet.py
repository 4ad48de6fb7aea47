"""PARQUET: the rows themselves go to the sink, which keeps columns (the files sink with the extra ``lake``)."""

from __future__ import annotations

from importlib.util import find_spec

from ferryman.foundation.errors import UsageError
from ferryman.model.project import Endpoint, PublishOptions
from ferryman.spi.sink import Origin, RowEvent, StatementEvent


class RowsThemselves:
    """Makes no messages of rows."""

    keeps_rows = True

    def rows(self, event: RowEvent) -> list[bytes]:
        """Return nothing: rows are handed over as they are."""
        return []

    def statement(self, event: StatementEvent) -> bytes:
        """Return the statement's text."""
        return event.sql.encode()

    def heartbeat(self, origin: Origin) -> None:
        """Return nothing."""


def make(options: PublishOptions, endpoint: Endpoint | None) -> RowsThemselves:
    """Make the serializer; ``usage.wrong_option`` for another target than files, or without the extra."""
    del options
    if endpoint is None or endpoint.scheme != "file":
        raise UsageError("usage.wrong_option", "PARQUET goes to files only", hint="choose another format")
    if find_spec("pyarrow") is None:
        raise UsageError("usage.wrong_option", "PARQUET needs Arrow", hint="install it: pip install 'ferryman[lake]'")
    return RowsThemselves()
