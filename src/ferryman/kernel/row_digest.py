"""Reference: canonical row digests."""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.model.batch import Batch
from ferryman.model.types import Kind


def row_digests(batch: Batch, kinds: Sequence[Kind]) -> list[int]:
    """Return a 128-bit digest of each row, in ``[0, 2**128)``.

    BLAKE2b-128 of the row's values, each as a 4-byte little-endian length (0xFFFFFFFF for NULL) and its bytes; JSON
    values are normalised first (sorted keys, numbers by value), so that equal as JSON means equal digests (I5).
    The digest of a chunk is the sum modulo 2**128 of its rows' digests: it forgets order but not multiplicity.
    """
    raise NotImplementedError
