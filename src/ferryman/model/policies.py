"""What a user wants done with values that do not fit: refuse them (the default), or convert them, by name."""

from __future__ import annotations

import enum
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.model.misfits import Misfit
from ferryman.model.names import TableName
from ferryman.model.selection import matches, split_name, unquoted


class Action(enum.Enum):
    """What becomes of a value that does not fit."""

    FAIL = "fail"
    """The row is refused with a code, and the step stops."""
    NULL = "null"
    CLAMP = "clamp"
    """The nearest value that fits: a date of the calendar, the type's limit, the text without what it cannot hold."""


_CLAMPED = frozenset(
    {Misfit.ZERO_DATE, Misfit.DATE_RANGE, Misfit.NUMBER_RANGE, Misfit.DIGITS, Misfit.TOO_LONG, Misfit.NUL}
)
CONVERTED: dict[Action, frozenset[Misfit]] = {
    Action.FAIL: frozenset(Misfit),
    Action.NULL: _CLAMPED | {Misfit.NOT_A_NUMBER, Misfit.ENUM_ERROR},
    Action.CLAMP: _CLAMPED,
}
"""Which misfits an action is known for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuePolicy:
    """One wish.

    Attributes:
        column: ``database.table.column`` of the source, each part a pattern as in `Selection` (or in backticks).
    """

    column: str
    misfit: Misfit
    action: Action

    def names(self, table: TableName, column: str) -> bool:
        """Whether the policy is for this column of the source."""
        database, rest = split_name(self.column)
        middle, last = split_name(rest)
        if not matches(f"{database}.{middle}", table):
            return False
        if last.startswith("`"):
            return unquoted(last).casefold() == column.casefold()
        return fnmatch.fnmatchcase(column.casefold(), last.casefold().replace("[", "[[]"))

    def __str__(self) -> str:
        return f"{self.column}:{self.misfit.value}={self.action.value}"


def actions_for(policies: Sequence[ValuePolicy], table: TableName, column: str) -> dict[Misfit, Action]:
    """Return what to do with the misfits of a source's column; of several policies the last one counts."""
    found = {policy.misfit: policy.action for policy in policies if policy.names(table, column)}
    return {misfit: action for misfit, action in found.items() if action is not Action.FAIL}
