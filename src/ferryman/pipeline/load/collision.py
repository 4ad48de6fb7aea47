"""Rows that the source tells apart and the target does not: refused, never silently merged (I5).

Where a key holds characters, the target's collation may fold what the source's does not (``a`` and ``A``, ``é`` and
``e``, trailing blanks). REPLACE would then drop one of two rows that both exist. A taken unique value alone proves
nothing, since rows move while they are copied (algorithms.md §3); so the row in the way is looked up at the source,
before and after the new ones: when all are there, with the values that clash, the table cannot be moved.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ferryman.foundation.errors import FerrymanError
from ferryman.model.batch import Batch, Row
from ferryman.model.schema import Index, Table
from ferryman.model.types import CHARACTER_KINDS
from ferryman.pipeline.load.job import TableJob
from ferryman.spi.source import TableReader
from ferryman.spi.target import TargetSession

Held = dict[Row, Row]
"""Row key → values of a unique key."""


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
        key = _target_key(job)
        own = dict(zip(_values(job, batch, key), _values(job, batch, index.columns), strict=True))
        wanted = [values for values in own.values() if None not in values]
        if not wanted:
            return
        columns = _joined(key, index.columns)
        places = [columns.index(_target_name(job, name)) for name in index.columns]
        found = session.rows_by_key(job.target, index.columns, wanted, columns)
        strangers = {row[: len(key)]: tuple(row[p] for p in places) for row in found.rows()}
        self._check_source(job, index, own, {k: v for k, v in strangers.items() if k not in own})

    def _check_source(self, job: TableJob, index: Index, own: Held, strangers: Held) -> None:
        """What holds its value before and after the other was seen to hold its own has not moved: they clash."""
        pairs = [pair for pair in _clashing(own, strangers) if not _exact_at_source(job, index, own, strangers, pair)]
        if not pairs:
            return
        reader = self._open_reader()
        try:
            theirs = {stranger for _, stranger in pairs}
            before = _held(reader, job, index, theirs)
            now = _held(reader, job, index, {mine for mine, _ in pairs})
            after = _held(reader, job, index, theirs)
        finally:
            reader.close()
        for mine, stranger in pairs:
            if now.get(mine) == own[mine] and before.get(stranger) == after.get(stranger) == strangers[stranger]:
                raise _collision(job, index.columns)


def _clashing(own: Held, strangers: Held) -> list[tuple[Row, Row]]:
    """Pair each row in the way with those of ours that it may be in the way of, as far as letters tell."""
    by_fold: dict[Row, list[Row]] = {}
    for key, values in own.items():
        by_fold.setdefault(_fold(values), []).append(key)
    return [(mine, stranger) for stranger, values in strangers.items() for mine in by_fold.get(_fold(values), own)]


def _fold(values: Row) -> Row:
    """Bring values to what most collations compare: letters without case, accents and trailing blanks."""
    return tuple(None if value is None else _folded(value.decode("utf-8", "replace")) for value in values)


def _folded(text: str) -> bytes:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char)).rstrip(" ").encode()


def _exact_at_source(job: TableJob, index: Index, own: Held, strangers: Held, pair: tuple[Row, Row]) -> bool:
    """Whether the source's own unique key forbids the pair: then one of the two has moved."""
    wanted = {name.casefold() for name in index.columns}
    keys = [i for i in job.source.unique_keys if i.is_plain and {name.casefold() for name in i.columns} == wanted]
    return bool(keys) and own[pair[0]] == strangers[pair[1]]


def _held(reader: TableReader, job: TableJob, index: Index, keys: set[Row]) -> Held:
    """Return what rows of the source hold in the index's columns, by key."""
    columns = _joined(job.key, [job.source.column(name).name for name in index.columns])
    places = [columns.index(job.source.column(name).name) for name in index.columns]
    rows = reader.rows_by_key(job.source, columns, list(keys)).rows()
    return {row[: len(job.key)]: tuple(row[p] for p in places) for row in rows}


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


def _target_name(job: TableJob, name: str) -> str:
    return job.target.column(name).name


def _values(job: TableJob, batch: Batch, names: Sequence[str]) -> list[Row]:
    places = [job.writes.index(job.target.column(name).name) for name in names]
    return list(batch.project(places).rows())
