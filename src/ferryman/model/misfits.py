"""Ways in which a value of the source does not fit the target's column."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ferryman.model.types import ColumnType


class Misfit(enum.Enum):
    """Why a value is refused; the words are those of ``--on-value``."""

    ZERO_DATE = "zero-date"
    """A date that no calendar has: a part of it is zero, or the month is shorter."""
    DATE_RANGE = "date-range"
    """Infinity, a year before 1, a year beyond 9999."""
    NOT_A_NUMBER = "not-a-number"
    """NaN and infinity."""
    NUMBER_RANGE = "number-range"
    """Less than the type's least number, or more than its greatest."""
    DIGITS = "digits"
    """More digits after the point than the type keeps."""
    TOO_LONG = "too-long"
    """More characters or bytes."""
    NUL = "nul-character"
    """U+0000 in a text."""
    ENUM_ERROR = "enum-error"
    """The error value of an ENUM: no label at all."""
    CHARSET = "charset"
    """A character that the target's character set lacks."""
    KEY_COLLISION = "key-collision"
    """Two keys that the target's collation takes for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the values of a table.

    Attributes:
        columns: Of the source, by its spelling; several for KEY_COLLISION only.
        targets: Their types at the target.
    """

    misfit: Misfit
    columns: tuple[str, ...]
    targets: tuple[ColumnType, ...]

    @property
    def where(self) -> str:
        """The columns, for messages."""
        return self.columns[0] if len(self.columns) == 1 else f"({', '.join(self.columns)})"
