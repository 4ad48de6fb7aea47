"""Reference: canonical row digests."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from ferryman.kernel.json_form import normal_json
from ferryman.model.batch import Batch, ColumnData, Value
from ferryman.model.types import Kind

DIGEST_BYTES = 16
_NULL = b"\xff\xff\xff\xff"


def row_digests(batch: Batch, kinds: Sequence[Kind]) -> list[int]:
    """Return a 128-bit digest of each row, in ``[0, 2**128)``.

    BLAKE2b-128 of the row's values, each as a 4-byte little-endian length (0xFFFFFFFF for NULL) and its bytes; JSON
    values are normalised first (sorted keys, numbers by value: `json_form`), so that equal as JSON means equal digests
    (I5). The digest's bytes are read as a little-endian number.
    The digest of a chunk is the sum modulo 2**128 of its rows' digests: it forgets order but not multiplicity.
    """
    columns = [_framed(column, kind) for column, kind in zip(batch.columns, kinds, strict=True)]
    rows = zip(*columns, strict=True) if columns else [()] * batch.row_count
    return [int.from_bytes(blake2b(b"".join(row), digest_size=DIGEST_BYTES).digest(), "little") for row in rows]


def _framed(column: ColumnData, kind: Kind) -> list[bytes]:
    values = column.values()
    if kind is Kind.JSON:
        values = [_normal(value) for value in values]
    return [_NULL if value is None else len(value).to_bytes(4, "little") + value for value in values]


def _normal(value: Value) -> Value:
    return None if value is None else normal_json(value)
