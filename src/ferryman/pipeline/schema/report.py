"""How far each object is: what the step shows while it runs and when it has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.model.project import StepProgress, TableProgress
from ferryman.model.serial import to_json
from ferryman.spi.dialect import Conversion, DdlStatement
from ferryman.spi.task import TaskContext

SHOW_SECONDS = 0.5
"""How often what has changed is told at most."""
WAITING, RUNNING, DONE, CONVERTED, FAILED, SKIPPED = "waiting", "running", "done", "converted", "failed", "skipped"
_OPEN = frozenset({WAITING, RUNNING})


@dataclass(slots=True)
class ObjectState:
    """One object: what runs for it, and how that went."""

    statement: DdlStatement
    state: str = WAITING
    message: str = ""

    @property
    def shown(self) -> TableProgress:
        """The object as a line of the step's listing; its SQL stands in the plan."""
        return TableProgress(table=self.statement.label, state=self.state, message=self.message)


class Report:
    """The states of all objects of one run; thread-safe.

    It is known which objects have changed, and how many are settled: showing costs what has happened since, however many
    objects there are.
    """

    def __init__(self, context: TaskContext, statements: Sequence[DdlStatement]) -> None:
        """Begin with everything waiting."""
        self._context = context
        self._added: list[Conversion] = []
        self._lock = threading.Lock()
        self._shown = 0.0
        self._settled = self._failed = 0
        self.states = [ObjectState(statement) for statement in statements]
        self._changed = dict.fromkeys(range(len(self.states)))  # in order: what is told first, is listed first

    def begin(self, places: Sequence[int]) -> None:
        """Note that these objects are being made and show it."""
        with self._lock:
            for place in places:
                self._set(place, RUNNING, "")
            self._show_if_due()

    def settle(self, place: int, state: str, message: str = "") -> None:
        """Note how an object went and show it."""
        with self._lock:
            self._set(place, state, message)
            self._show_if_due()

    def _set(self, place: int, state: str, message: str) -> None:
        each = self.states[place]
        self._settled += (state not in _OPEN) - (each.state not in _OPEN)
        self._failed += (state == FAILED) - (each.state == FAILED)
        each.state, each.message = state, message
        self._changed[place] = None

    def add_conversion(self, conversion: Conversion) -> None:
        """Note a difference that showed only when the engine was asked; the others stand in the plan."""
        with self._lock:
            self._added.append(conversion)

    def of(self, state: str) -> list[ObjectState]:
        """Return the objects in that state."""
        return [each for each in self.states if each.state == state]

    def show(self) -> None:
        """Show how far the step is."""
        with self._lock:
            self._show()

    def _show_if_due(self) -> None:
        if time.monotonic() - self._shown > SHOW_SECONDS:
            self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
        changed, self._changed = self._changed, {}
        total = len(self.states)
        noun = "object" if total == 1 else "objects"
        message = f"{self._settled} of {total} {noun}" + (f", {self._failed} failed" if self._failed else "")
        progress = StepProgress(
            percent=max(1, 100 * self._settled // total) if total else 100,
            rows=self._settled,
            rows_total=total,
            message=message,
            info={"conversions": to_json(self._added)},
        )
        self._context.report(progress, [self.states[place].shown for place in changed])
