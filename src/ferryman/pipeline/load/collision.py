"""Rows that the source tells apart and the target does not: refused, never silently merged (I5).

Where a key holds characters, the target's collation may fold what the source's does not (``a`` and ``A``, ``é`` and
``e``, trailing blanks). REPLACE would then drop one of two rows that both exist. A taken unique value alone proves
nothing, since rows move while they are copied (algorithms.md §3); so the row in the way is looked up at the source,
before and after the new ones: when all are there, with the values that clash, the table cannot be moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, Row
from ferryman.model.schema import Index, Table
from ferryman.model.types import CHARACTER_KINDS
from ferryman.pipeline.load.job import TableJob
from ferryman.spi.source import TableReader
from ferryman.spi.target import TargetSession


class CollisionGuard:
    """Watches over REPLACE; `open_reader` opens a reader of the source for the rare look-up."""

    def __init__(self, open_reader: Callable[[], TableReader]) -> None:
        self._open_reader = open_reader

    @contextmanager
    def watch(self, session: TargetSession, job: TableJob, batch: Batch) -> Iterator[None]:
        """Check before and after a REPLACE of `batch` (columns ``job.writes``), within its transaction.

        Raises:
            FerrymanError: ``load.key_collision``.
        """
        keys = [index for index in job.target.unique_keys if _may_fold(job, index)]
        for index in keys:
            self._check_in_the_way(session, job, batch, index)
        yield
        if keys:
            _check_all_there(session, job, batch)

    def _check_in_the_way(self, session: TargetSession, job: TableJob, batch: Batch, index: Index) -> None:
        own = set(_values(job, batch, _target_key(job)))
        wanted = [values for values in _values(job, batch, index.columns) if None not in values]
        if not wanted:
            return
        key = _target_key(job)
        found = session.rows_by_key(job.target, index.columns, wanted, _joined(key, index.columns))
        strangers = [row for row in found.rows() if row[: len(key)] not in own]
        if strangers:
            self._check_source(job, index, own, strangers)

    def _check_source(self, job: TableJob, index: Index, own: set[Row], strangers: list[Row]) -> None:
        """What is there unchanged before and after our own rows were seen has not moved: both exist, they clash."""
        width = len(job.key)
        columns = _joined(job.key, _source_columns(job, index.columns))
        in_the_way = list({row[:width] for row in strangers})
        reader = self._open_reader()
        try:
            before = set(reader.rows_by_key(job.source, columns, in_the_way).rows()).intersection(strangers)
            ours = any(row in own for row in reader.rows_by_key(job.source, job.key, list(own)).rows())
            after = before.intersection(reader.rows_by_key(job.source, columns, in_the_way).rows())
        finally:
            reader.close()
        if ours and after:
            raise _collision(job, index.columns)


def _check_all_there(session: TargetSession, job: TableJob, batch: Batch) -> None:
    """Rows of one read exist together: whichever of them REPLACE dropped clashed with another of the same batch."""
    key = _target_key(job)
    own = set(_values(job, batch, key))
    there = set(session.rows_by_key(job.target, key, list(own), key).rows())
    if not own <= there:
        raise _collision(job, key)


def _collision(job: TableJob, columns: Sequence[str]) -> FerrymanError:
    names = ", ".join(columns)
    return FerrymanError(
        "load.key_collision",
        f"rows of {job.name} differ at the source but are equal for {job.target.name} in its unique key ({names})",
    )


def _may_fold(job: TableJob, index: Index) -> bool:
    """Whether the target may take different values of the source for equal: only where characters are compared."""
    if not index.is_plain:
        return False
    return any(_character(job.target, name) or _kind_differs(job, name) for name in index.columns)


def _character(table: Table, name: str) -> bool:
    return table.column(name).type.kind in CHARACTER_KINDS


def _kind_differs(job: TableJob, name: str) -> bool:
    try:
        return job.source.column(name).type.kind is not job.target.column(name).type.kind
    except KeyError:
        return True


def _target_key(job: TableJob) -> tuple[str, ...]:
    return tuple(job.target.column(name).name for name in job.key)


def _joined(key: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return (*key, *(name for name in others if name not in key))


def _source_columns(job: TableJob, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(job.source.column(name).name for name in names)


def _values(job: TableJob, batch: Batch, names: Sequence[str]) -> list[Row]:
    places = [job.writes.index(job.target.column(name).name) for name in names]
    return list(batch.project(places).rows())
