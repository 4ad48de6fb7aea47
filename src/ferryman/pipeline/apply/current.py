"""What the target holds now, where that may differ from both images of a change."""

from __future__ import annotations

from ferryman.model.batch import Row
from ferryman.model.names import TableName
from ferryman.pipeline.apply.compaction import Compaction
from ferryman.spi.target import TargetSession

Current = dict[TableName, dict[Row | None, list[Row]]]


def current_values(session: TargetSession, compaction: Compaction) -> Current:
    """Read the unique values that the touched rows hold in the target now (I4).

    Before the project is consistent they may be neither those before the window nor those behind it.
    """
    found: Current = {}
    for name, changes in compaction.tables.items():
        shape = changes.shape
        if not shape.unique:
            continue
        columns = (*shape.key_columns, *shape.unique_columns)
        width = len(shape.key_columns)
        by_key = found[name] = {}
        for row in session.rows_by_key(shape.target, shape.key_columns, list(changes.after), columns).rows():
            by_key.setdefault(shape.row_key.value(row[:width]), []).append(row[width:])
    return found
