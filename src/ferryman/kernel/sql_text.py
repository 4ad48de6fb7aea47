"""Reference: canonical batches to SQL text of the MySQL family."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.model.batch import Batch, Value
from ferryman.model.types import Kind


def literal(value: Value, kind: Kind) -> bytes:
    """Return one value as an SQL literal that any sql_mode without NO_BACKSLASH_ESCAPES reads back to the same value."""
    raise NotImplementedError


def insert_values(batch: Batch, kinds: Sequence[Kind], start: int, max_bytes: int) -> tuple[bytes, int]:
    """Return ``(v,…),(v,…)`` for rows from `start` on, and the index of the first row that did not fit in `max_bytes`.

    At least one row is returned, however large.
    """
    raise NotImplementedError
