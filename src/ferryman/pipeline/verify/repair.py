"""Making the target equal: the correction SQL as text, or the corrections done."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ferryman.model.batch import Batch, Row, Value
from ferryman.model.mismatch import Mismatch, MismatchKind
from ferryman.model.names import TableName
from ferryman.model.project import ProjectSpec
from ferryman.model.types import BYTES_KINDS, Kind
from ferryman.pipeline.verify.catalogs import read_catalogs
from ferryman.pipeline.verify.correction import preamble_of
from ferryman.pipeline.verify.pair import Pair
from ferryman.pipeline.verify.reading import Readers
from ferryman.pipeline.verify.step import Endpoints, open_endpoints
from ferryman.spi.target import Lease, TargetSession

ROWS_AT_ONCE = 200
"""Rows corrected in one transaction."""


def correction_sql(mismatches: Iterable[Mismatch]) -> dict[str, str]:
    """Return one script a table; deletes first, so that a key in another spelling makes room for its like."""
    by_table: dict[str, list[Mismatch]] = {}
    for mismatch in mismatches:
        by_table.setdefault(str(mismatch.table), []).append(mismatch)
    return {table: _script(found) for table, found in by_table.items()}


def _script(found: Sequence[Mismatch]) -> str:
    ordered = sorted(found, key=lambda mismatch: mismatch.kind is not MismatchKind.IMAGE_ONLY)
    lines = [mismatch.correction or _left_out(mismatch) for mismatch in ordered]
    return preamble_of(lines) + "\n".join(lines) + "\n"


def _left_out(mismatch: Mismatch) -> str:
    names = ", ".join(mismatch.key)
    return f"-- {mismatch.kind.value}: no statement for a row of {mismatch.table} named by ({names}); apply the repair instead"


def apply(spec: ProjectSpec, mismatches: Iterable[Mismatch]) -> dict[str, int]:
    """Make the target equal in the rows named: with a key, each is read from the source *now* and written or deleted.

    So a repair may be repeated, and one that comes late does no harm. Must not run beside apply.

    Returns:
        Table → rows corrected.
    """
    endpoints = open_endpoints(spec)
    try:
        return correct(spec, endpoints, mismatches)
    finally:
        endpoints.close()


def correct(spec: ProjectSpec, endpoints: Endpoints, mismatches: Iterable[Mismatch]) -> dict[str, int]:
    """Correct over endpoints that are open; see `apply`."""
    wanted: dict[TableName, list[Mismatch]] = {}
    for mismatch in mismatches:
        wanted.setdefault(mismatch.table, []).append(mismatch)
    catalogs = read_catalogs(spec, endpoints.source, endpoints.target, sorted(wanted), None)
    pairs = {pair.name: pair for pair in catalogs.pairs}
    project = f"repair-{uuid.uuid4().hex}"
    lease = Lease(task=f"{project}/repair", epoch=1)
    endpoints.target.prepare()
    endpoints.target.raise_epoch(lease.task, lease.epoch, 1)
    try:
        return {
            str(name): _correct_table(pairs[name], endpoints, lease, found)
            for name, found in wanted.items()
            if name in pairs
        }
    finally:
        endpoints.target.forget(project)


def _correct_table(pair: Pair, endpoints: Endpoints, lease: Lease, found: Sequence[Mismatch]) -> int:
    readers = Readers(endpoints.source, endpoints.target, lambda: False)
    session = endpoints.target.session()
    try:
        done = 0
        for start in range(0, len(found), ROWS_AT_ONCE):
            session.begin(lease)
            part = found[start : start + ROWS_AT_ONCE]
            done += _correct_keyed(pair, readers, session, part) if pair.key else _correct_bag(pair, session, part)
            session.commit()
        return done
    finally:
        session.rollback()
        session.close()
        readers.drop()


def _correct_keyed(pair: Pair, readers: Readers, session: TargetSession, found: Sequence[Mismatch]) -> int:
    """Delete what the source does not have (and what goes by another spelling of a key), then write what it has."""
    keys = [key for mismatch in found if (key := _key_of(pair, mismatch)) is not None]
    wanted = set(keys)
    rows = [row for batch in readers.rows(pair, keys, True) for row in batch.rows() if _key(pair, row) in wanted]
    there = {_key(pair, row) for row in rows}
    columns = pair.target.columns
    names = [columns[index] for index in pair.key]
    session.delete_keys(pair.target.table, names, [key for key in keys if key not in there])
    if rows:
        _write(pair, session, rows, replace=True)
    return len(keys)


def _correct_bag(pair: Pair, session: TargetSession, found: Sequence[Mismatch]) -> int:
    done = 0
    for mismatch in found:
        row = _values(pair, range(len(pair.kinds)), mismatch)
        if row is None:
            continue
        if mismatch.kind is MismatchKind.MASTER_ONLY:
            _write(pair, session, [row] * mismatch.count, replace=False)
            done += mismatch.count
        else:
            columns = pair.target.columns
            done += sum(session.delete_row(pair.target.table, columns, row) for _ in range(mismatch.count))
    return done


def _write(pair: Pair, session: TargetSession, rows: Sequence[Row], *, replace: bool) -> None:
    table = pair.target.table
    plain = [i for i, name in enumerate(pair.target.columns) if table.column(name).generated is None]
    columns = [pair.target.columns[index] for index in plain]
    for part in _parts(rows):
        batch = Batch.of(part, len(pair.kinds)).project(plain)
        (session.replace if replace else session.insert)(table, columns, batch)


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield rows[start : start + ROWS_AT_ONCE]


def _key(pair: Pair, row: Row) -> Row:
    return tuple(row[index] for index in pair.key)


def _key_of(pair: Pair, mismatch: Mismatch) -> Row | None:
    return _values(pair, pair.key, mismatch)


def _values(pair: Pair, indexes: Sequence[int], mismatch: Mismatch) -> Row | None:
    """Return the canonical values that a record shows; `None` when it does not show them all."""
    shown: Mapping[str, str | None] = mismatch.key
    names = [pair.source.columns[index] for index in indexes]
    if any(name not in shown for name in names):
        return None
    return tuple(_canonical(shown[name], pair.kinds[index]) for name, index in zip(names, indexes, strict=True))


def _canonical(text: str | None, kind: Kind) -> Value:
    if text is None:
        return None
    return bytes.fromhex(text[2:]) if kind in BYTES_KINDS else text.encode()
