"""What an item gets and how it answers."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ferryman.connectors.mysql_family.connection import Connection
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint, ProjectSpec, StepName
from ferryman.model.schema import Schema
from ferryman.spi.precheck import CheckResult, Verdict

SHOWN = 10
"""So many names are told; of the rest the number."""


@dataclass(frozen=True, slots=True)
class Look:
    """What an item may look at."""

    connection: Connection
    endpoint: Endpoint
    spec: ProjectSpec
    schema: Schema
    side: str

    def has_step(self, *names: StepName) -> bool:
        """Whether the project has one of these steps."""
        return any(name in self.spec.steps for name in names)

    def variables(self, *names: str) -> dict[str, str]:
        """Return the server's variables, those it has."""
        listed = ", ".join(f"'{name}'" for name in names)
        rows = self.connection.query(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({listed})")
        return {str(row[0]).lower(): str(row[1]) for row in rows}


@dataclass(frozen=True, slots=True)
class Item:
    """An item: OMS's name, its title in words, and who looks."""

    name: str
    title: str
    look: Callable[[Look], list[CheckResult]]


def passed(message: str = "") -> list[CheckResult]:
    """Answer that all is well; name, side and title are filled in by the runner."""
    return [_result(Verdict.PASSED, message)]


def warned(message: str, hint: str = "", fix_sql: str = "") -> list[CheckResult]:
    """Answer that it works, with something to read."""
    return [_result(Verdict.WARNED, message, hint, fix_sql, skippable=True)]


def refused(
    message: str, hint: str = "", fix_sql: str = "", *, skippable: bool = False, code: str = "precheck.failed"
) -> list[CheckResult]:
    """Answer that the project cannot start so."""
    return [_result(Verdict.FAILED, message, hint, fix_sql, skippable=skippable, code=code)]


def _result(
    verdict: Verdict,
    message: str,
    hint: str = "",
    fix_sql: str = "",
    *,
    skippable: bool = False,
    code: str = "precheck.failed",
) -> CheckResult:
    return CheckResult(
        item="", side="", verdict=verdict, title="", message=message, hint=hint, fix_sql=fix_sql, skippable=skippable,
        code=code,
    )  # fmt: skip


def failed(item: str, side: str, title: str, error: FerrymanError) -> CheckResult:
    """Turn an error met while looking into an answer."""
    return CheckResult(
        item=item,
        side=side,
        verdict=Verdict.FAILED,
        title=title,
        message=error.message,
        hint=error.hint,
        skippable=True,
        code=error.code,
    )


def listed(names: Iterable[object]) -> str:
    """Return names for a message, not too many."""
    every = [str(name) for name in names]
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; is `x` meant?`` for the known name that looks most like it."""
    folded = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return f"; is {folded[found[0]]!r} meant?" if found else ""
