"""What a source offers besides when it can count values that would not fit a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ferryman.model.misfits import Question
from ferryman.model.schema import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The answer for one table.

    Attributes:
        rows: Rows looked at.
        found: For each question, how many values (KEY_COLLISION: rows) it concerns.
    """

    rows: int
    found: tuple[int, ...]


@runtime_checkable
class CountingSource(Protocol):
    """Counts in the server, in one pass a table."""

    def count_values(
        self, table: Table, questions: Sequence[Question], *, where: str | None, rows: int | None, seconds: float
    ) -> Counts:
        """Count the values of a table that questions concern.

        Args:
            table: As the source's catalog shows it.
            questions: What is asked.
            where: The project's row filter, in the source's SQL.
            rows: Look at so many rows only; `None`: at all.
            seconds: The server shall give up after so long, where it can be told.
        """
        ...
