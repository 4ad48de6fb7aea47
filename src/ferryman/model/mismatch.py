"""Differences that verification has found and that have settled (I6)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ferryman.model.names import TableName


class MismatchKind(enum.Enum):
    """Where the row is: OMS names."""

    MASTER_ONLY = "MASTER_ONLY"
    """Missing from the target."""
    IMAGE_ONLY = "IMAGE_ONLY"
    """Extra in the target."""
    MISMATCHED = "MISMATCHED"
    """On both sides, with other values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One row that differs. Values are text for people (bytes shown as ``0x…``), `None` for NULL.

    Attributes:
        key: The row's key, column → value; for a table without a key, all its columns.
        source: Columns that differ → the source's value.
        target: Columns that differ → the target's value.
        count: Table without a key: how many such rows are missing or extra.
        correction: SQL that makes the target equal.
    """

    table: TableName
    kind: MismatchKind
    key: dict[str, str | None]
    source: dict[str, str | None]
    target: dict[str, str | None]
    count: int = 1
    correction: str = ""
