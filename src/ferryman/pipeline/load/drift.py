"""Tables that change at the source while they are copied.

The log holds the statement, so the target follows later; until then rows go into the table as it was: a dropped column
gets a value any row may have, a renamed one is read under its new name. What cannot be told apart here is left to the log,
or stops the load (`Work.table_changed`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Column, Table
from ferryman.model.selection import Selection, exact_pattern
from ferryman.pipeline.load.job import TableJob, without_columns
from ferryman.spi.source import Source


def reread(source: Source, job: TableJob, known: Collection[TableName], selection: Selection) -> Table | None:
    """Return the table as the catalog shows it now, under its own or a new name; `None` when it is gone.

    A new table of the same columns is taken for the old one renamed. Were it another, the log drops the old one: then
    whatever was copied into it does no harm. Not taking it would lose rows, for the log says only that it was renamed.

    Args:
        source: The source.
        job: The table as it was.
        known: Names that were there when the load began.
        selection: What the project moves.

    Raises:
        FerrymanError: ``load.table_changed``: several tables may be the one, or it has no key, so that its changes could
            not be told from those its snapshot holds.
    """
    here = job.source.name
    table = source.read_schema(Selection(objects=(exact_pattern(here),))).table(here)
    if table is not None:
        return table
    fresh = [t for t in source.read_schema(selection).tables if t.name not in known and t.columns == job.source.columns]
    if not fresh:
        return None
    if len(fresh) > 1 or not job.keyed:
        names = ", ".join(str(table.name) for table in fresh)
        raise FerrymanError("load.table_changed", f"{job.name} is gone; it may have been renamed to {names}")
    return fresh[0]


def adapted(job: TableJob, table: Table) -> TableJob:
    """Return the job for the table as it is now.

    Raises:
        FerrymanError: ``load.table_changed``: the key has changed, or a missing column may have been renamed.
    """
    key = table.row_key.columns if table.row_key else ()
    if key != job.key:
        raise _changed(job, list(job.key))
    gone = _missing(job, table)
    if not gone:
        return dataclasses.replace(job, source=table)
    fresh = [column for column in table.columns if _absent(job.source, column.name)]
    renamed = _renamed(job, table, gone, fresh)
    dropped = [name for name in gone if name not in renamed]
    if dropped and len(fresh) > len(renamed):
        raise _changed(job, dropped)  # a rename that also moved or changed the column would lose its values
    return without_columns(job, dropped, renamed, table)


def loosened(job: TableJob, table: Table) -> bool:
    """Whether the target enforces a unique key that the source, as its catalog shows the table now, does not have."""
    source_name = {write.casefold(): read.casefold() for read, write in zip(job.reads, job.writes, strict=False)}
    kept = {frozenset(column.casefold() for column in index.columns) for index in table.unique_keys}
    enforced = [[column.casefold() for column in index.columns] for index in job.target.unique_keys if index.columns]
    return any(frozenset(source_name.get(name, name) for name in columns) not in kept for columns in enforced)


def _missing(job: TableJob, table: Table) -> list[str]:
    return [name for name in job.reads if _absent(table, name)]


def _absent(table: Table, name: str) -> bool:
    wanted = name.casefold()
    return all(column.name.casefold() != wanted for column in table.columns)


def _renamed(job: TableJob, table: Table, gone: list[str], fresh: list[Column]) -> dict[str, str]:
    """Take a new column of the same type in the same place for the old one renamed.

    Were it another column after all, the log drops the old one: then whatever it holds does no harm.
    """
    candidates = {column.name: column for column in fresh}
    found: dict[str, str] = {}
    for name in gone:
        old = job.source.column(name)
        here = _in_place_of(job.source, table, old, gone)
        if here is not None and here.name in candidates and here.type == old.type:
            found[name] = candidates.pop(here.name).name
    return found


def _in_place_of(before: Table, after: Table, old: Column, gone: list[str]) -> Column | None:
    """Return the column that now stands behind the one that stood before `old` (or stands first)."""
    place = before.columns.index(old)
    behind = before.columns[place - 1].name if place else None
    if behind is None:
        return after.columns[0]
    if behind in gone:
        return after.columns[place] if place < len(after.columns) else None
    names = [column.name for column in after.columns]
    place = names.index(behind) + 1 if behind in names else len(names)
    return after.columns[place] if place < len(names) else None


def _changed(job: TableJob, names: list[str]) -> FerrymanError:
    columns = ", ".join(names) or "no key"
    return FerrymanError(
        "load.table_changed", f"{job.name} changed while it was copied: {columns} gone, renamed or of another key"
    )
