"""Conflicts: changes that the target refuses though everything works; what is done with them is the user's policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.project import ApplyOptions, ConflictPolicy

CONFLICTS = frozenset({"apply.unique_conflict", "apply.row_missing", "target.duplicate_key", "target.value_refused"})
"""Codes by which a target refuses one row; after any of them the rows of the window are written one by one."""
CHOICE_NOTE = "apply.conflict_choices"


@dataclass(frozen=True, slots=True)
class Policies:
    """What to do with the conflicts of each table.

    Attributes:
        options: The project's options.
        choices: What an operator has decided about conflicts at which apply had stopped: position and table → policy.
    """

    options: ApplyOptions
    choices: Mapping[tuple[str, str], ConflictPolicy]

    @classmethod
    def read(cls, options: ApplyOptions, note: Sequence[Mapping[str, Any]] | None) -> Policies:
        """Read the note ``apply.conflict_choices``."""
        found = {(each["position"], each["table"]): ConflictPolicy(each["choice"]) for each in note or ()}
        return cls(options, found)

    def of(self, table: TableName, position: str) -> ConflictPolicy:
        """Return the policy for a change of a source table at a position."""
        chosen = self.choices.get((position, str(table)))
        return chosen or self.options.conflicts_of.get(str(table), self.options.conflicts)


def conflict(error: FerrymanError, *, what: str, table: TableName, key: Sequence[str], position: str) -> FerrymanError:
    """Make the error with which apply stops at a conflict."""
    by = f" (key {', '.join(key)})" if key else ""
    return FerrymanError(
        "apply.conflict",
        f"{what} of a row of {table}{by}, source log {position}, cannot be applied: {error.message}",
        context={"position": position, "table": str(table), "key": list(key), "reason": error.code},
    )
