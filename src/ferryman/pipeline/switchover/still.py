"""Whether the source is still: nothing was written to it behind the place where apply has ended."""

from __future__ import annotations

from contextlib import closing

from ferryman.foundation.errors import FerrymanError
from ferryman.model.changes import Begin, ChangeBatch, Commit, LogItem, Rollback, SchemaStatement
from ferryman.model.position import Position
from ferryman.pipeline.logstore import in_commit_order, open_reader
from ferryman.pipeline.rules.dialect import ruled_dialect
from ferryman.pipeline.rules.rules import rules_of
from ferryman.pipeline.rules.source import ruled_source
from ferryman.pipeline.switchover.ends import Ends
from ferryman.spi.connector import connector_for
from ferryman.spi.dialect import Dialect, shown_sql
from ferryman.spi.source import LogDecoder, LogRecord, RecordLog

POLL_SECONDS = 0.5


class InterruptedLook(Exception):  # noqa: N818 - no error: it is asked again
    """The task shall end: what was asked is asked again."""


def require_still(ends: Ends) -> None:
    """Read the source's log from where apply has ended to where it ends now; capture goes on spooling it meanwhile.

    Raises:
        FerrymanError: ``switchover.source_written``: rows or tables of the project were changed there.
        InterruptedLook: The task shall end.
    """
    context, start = ends.context, ends.checkpoint.position
    end = ends.source.current_position()
    with closing(open_reader(context.data_dir, context.project_id, start)) as log:
        _Look(ends, in_commit_order(ends.source, log, context.data_dir, context.project_id)).go_to(start, end)


class _Look:
    """One reading of the log."""

    def __init__(self, ends: Ends, log: RecordLog) -> None:
        self._ends = ends
        self._log = log
        self._schema = ends.checkpoint.schema
        rules = rules_of(ends.context.spec)
        self._dialect: Dialect | None = connector_for(ends.context.spec.target).dialect
        if self._dialect is not None:
            self._dialect = ruled_dialect(self._dialect, rules)
        source = ruled_source(ends.source, rules)
        self._decoder: LogDecoder = source.decoder(self._schema.table, ends.selection.includes)
        self._rows = 0

    def go_to(self, place: Position, end: Position) -> None:
        while place < end:
            if self._ends.context.stop_requested():
                raise InterruptedLook
            if (record := self._log.poll(POLL_SECONDS)) is not None:
                place = record.position
                if record.payload:
                    self._read(record)
        if place.since:
            raise _prepared(place)

    def _read(self, record: LogRecord) -> None:
        items = self._decoder.decode(record)
        for item in items:
            self._judge(item)
        if any(isinstance(item, SchemaStatement) and item.position < record.position for item in items):
            self._read(record)

    def _judge(self, item: LogItem) -> None:
        if isinstance(item, Begin) or (isinstance(item, Rollback) and item.savepoint is None):
            self._rows = 0
        elif isinstance(item, ChangeBatch):
            self._rows += item.row_count
        elif isinstance(item, Commit) and self._rows:
            raise _written(f"{self._rows} rows of the project's tables", item.position)
        elif isinstance(item, SchemaStatement) and self._concerns(item):
            raise _written(f"the statement {shown_sql(item.sql)[:200]!r}", item.position)

    def _concerns(self, statement: SchemaStatement) -> bool:
        if self._dialect is None:
            return True
        effect = self._dialect.replay(self._schema, self._ends.selection, statement.sql, statement.database)
        return not effect.known or bool(effect.statements or effect.touched)


def _prepared(position: Position) -> FerrymanError:
    return FerrymanError(
        "switchover.source_written",
        f"the source is not still: a transaction prepared by XA PREPARE is not over at {position}",
        hint="XA RECOVER at the source lists it: commit it or roll it back, then try again",
        context={"position": str(position)},
    )


def _written(what: str, position: Position) -> FerrymanError:
    message = f"the source was written to after it was said to be still: {what}, up to {position}"
    return FerrymanError("switchover.source_written", message, context={"position": str(position)})
