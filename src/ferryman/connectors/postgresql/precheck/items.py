"""What an item of the precheck gets and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from ferryman.connectors.postgresql.connection import Connection, open_connection
from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint, ProjectSpec, StepName
from ferryman.model.schema import Schema
from ferryman.spi.precheck import CheckResult, Verdict

SHOWN = 10
"""So many names are told; of the rest the number."""


@dataclass(frozen=True, slots=True)
class Look:
    """What an item may look at; `schema` is the source's."""

    connection: Connection
    endpoint: Endpoint
    spec: ProjectSpec
    schema: Schema
    side: str

    def has_step(self, *names: StepName) -> bool:
        """Whether the project has one of these steps."""
        return any(name in self.spec.steps for name in names)


@dataclass(frozen=True, slots=True)
class Item:
    """An item: OMS's name, its title in words, and who looks."""

    name: str
    title: str
    look: Callable[[Look], list[CheckResult]]


def run_items(
    items: Sequence[Item], endpoint: Endpoint, side: str, spec: ProjectSpec, schema: Schema
) -> list[CheckResult]:
    """Run items one after the other; only the first when the endpoint cannot be reached."""
    title = "the server answers and lets us in"
    try:
        connection = open_connection(endpoint, role=side)
    except FerrymanError as error:
        return [replace(_failed("RDB_CONNECT", side, title, error), skippable=False)]
    with connection:
        text = f"PostgreSQL {'.'.join(map(str, connection.version))}"
        first = CheckResult(item="RDB_CONNECT", side=side, verdict=Verdict.PASSED, title=title, message=text)
        look = Look(connection, endpoint, spec, schema, side)
        return [first, *(result for item in items for result in _answers(item, look))]


def _answers(item: Item, look: Look) -> list[CheckResult]:
    try:
        found = item.look(look)
    except FerrymanError as error:
        return [_failed(item.name, look.side, item.title, error)]
    return [replace(result, item=item.name, side=look.side, title=item.title) for result in found]


def _failed(item: str, side: str, title: str, error: FerrymanError) -> CheckResult:
    return CheckResult(
        item=item, side=side, verdict=Verdict.FAILED, title=title, message=error.message, hint=error.hint,
        skippable=True, code=error.code,
    )  # fmt: skip


def passed(message: str = "") -> list[CheckResult]:
    """Answer that all is well."""
    return [CheckResult(item="", side="", verdict=Verdict.PASSED, title="", message=message)]


def warned(message: str, hint: str = "", fix_sql: str = "") -> list[CheckResult]:
    """Answer that it works, with something to read."""
    return [
        CheckResult(
            item="", side="", verdict=Verdict.WARNED, title="", message=message, hint=hint, fix_sql=fix_sql,
            skippable=True,
        )
    ]  # fmt: skip


def refused(
    message: str, hint: str = "", fix_sql: str = "", *, skippable: bool = False, code: str = "precheck.failed"
) -> list[CheckResult]:
    """Answer that the project cannot start so."""
    return [
        CheckResult(
            item="", side="", verdict=Verdict.FAILED, title="", message=message, hint=hint, fix_sql=fix_sql,
            skippable=skippable, code=code,
        )
    ]  # fmt: skip


def listed(names: Iterable[object]) -> str:
    """Return names for a message, not too many."""
    every = [str(name) for name in names]
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more
