"""The one error type of the code base.

What crosses a package border is a `FerrymanError`: a code from `codes.CODES`, a message (what happened and where, with
names and numbers, never row values or secrets), a hint (what to do next) and a retry class. Foreign exceptions are
converted where they enter, with `from`.

    FerrymanError
    ├─ UsageError        wrong settings, unknown object, bad URL          exit 2, never retried
    ├─ LeaseLostError    somebody else holds the task: write nothing more (I7)
    └─ DuplicateKeyError a unique key of the target is taken              handled by load and apply
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from ferryman.foundation.codes import CODES

TABLE_CHANGED = frozenset({"source.table_changed", "target.table_changed"})
"""Codes that say that a table, or a column of it, is gone: which of them comes depends on whose connection met it."""
AWAY = frozenset({"endpoint.unreachable", "endpoint.connection_lost"})
"""Codes that say that a server is not there, or not any more."""

MOST_SHOWN = 128
"""Characters of what a caller has sent that a message repeats: the longest name that anything may have."""


def cited(given: str) -> str:
    """Show what a caller has sent, in quotes; of a longer text its beginning, and how long it was."""
    if len(given) <= MOST_SHOWN:
        return repr(given)
    return f"{given[:MOST_SHOWN]!r}… ({len(given)} characters)"


class Retry(enum.Enum):
    """Who tries again after an error."""

    AUTO = "auto"
    """The program, by itself, with backoff (a lost connection, a deadlock)."""
    MANUAL = "manual"
    """The operator resumes once the cause is mended (a full disk, a missing privilege)."""
    NEVER = "never"
    """Nobody: the same input fails again."""


class FerrymanError(Exception):
    """An error a person can act on."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        retry: Retry | None = None,
        context: Mapping[str, object] | None = None,
    ) -> None:
        """Make an error.

        Args:
            code: A key of `codes.CODES`, as `noun.problem`.
            message: What happened and where; names and numbers, never row values or secrets.
            hint: The next step; empty takes the code's own hint.
            retry: Overrides the code's retry class.
            context: Names and numbers for logs.
        """
        super().__init__(message)
        entry = CODES[code]
        self.code = code
        self.message = message
        self.hint = hint or entry.hint
        self.retry = retry or Retry(entry.retry)
        self.exit_code = entry.exit_code
        self.context = dict(context or {})

    def __str__(self) -> str:
        return f"[{self.code}] {self.message}" + (f" — {self.hint}" if self.hint else "")

    def to_json(self) -> dict[str, object]:
        """Return code, message, hint and retry class, as reports and the API show them."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "retry": self.retry.value}


class UsageError(FerrymanError):
    """The user asked for something that cannot be: exit code 2."""


class LeaseLostError(FerrymanError):
    """Another holder has raised the epoch: stop now, write nothing more (I7)."""


class AlreadySoError(FerrymanError):
    """A schema statement was refused because the target shows its effect already: an index is there, a column is gone."""


class DuplicateKeyError(FerrymanError):
    """A unique key of the target is already taken; the statement changed nothing."""
