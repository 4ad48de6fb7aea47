"""How far each object is: what the step shows while it runs and when it has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.model.project import StepProgress
from ferryman.model.serial import to_json
from ferryman.spi.dialect import Conversion, DdlStatement
from ferryman.spi.task import TaskContext

SHOW_SECONDS = 0.5
"""The whole list is told at most this often: it is long where there are many tables."""
WAITING, DONE, CONVERTED, FAILED = "waiting", "done", "converted", "failed"


@dataclass(slots=True)
class ObjectState:
    """One object: what runs for it, and how that went."""

    statement: DdlStatement
    state: str = WAITING
    message: str = ""


class Report:
    """The states of all objects of one run; thread-safe."""

    def __init__(
        self, context: TaskContext, statements: Sequence[DdlStatement], conversions: Sequence[Conversion]
    ) -> None:
        """Begin with everything waiting."""
        self._context = context
        self._conversions = list(conversions)
        self._converted = {each.path for each in conversions}
        self._lock = threading.Lock()
        self._shown = 0.0
        self.states = [ObjectState(statement) for statement in statements]

    def settle(self, place: int, state: str, message: str = "") -> None:
        """Note how an object went and show it."""
        with self._lock:
            self.states[place].state = state
            self.states[place].message = message
            if time.monotonic() - self._shown > SHOW_SECONDS:
                self._show()

    def add_conversion(self, conversion: Conversion) -> None:
        """Note a difference that showed only when the engine was asked."""
        with self._lock:
            self._conversions.append(conversion)

    def of(self, state: str) -> list[ObjectState]:
        """Return the objects in that state."""
        return [each for each in self.states if each.state == state]

    def show(self) -> None:
        """Show how far the step is."""
        with self._lock:
            self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
        settled = [each for each in self.states if each.state != WAITING]
        percent = 100 if not self.states else max(1, 100 * len(settled) // len(self.states))
        failed = sum(each.state == FAILED for each in self.states)
        noun = "object" if len(self.states) == 1 else "objects"
        message = f"{len(settled)} of {len(self.states)} {noun}" + (f", {failed} failed" if failed else "")
        info = {
            "objects": [
                {
                    "object": each.statement.object,
                    "kind": each.statement.kind,
                    "state": each.state,
                    "sql": each.statement.sql,
                    "message": each.message,
                }
                for each in self.states
            ],
            "conversions": to_json(self._conversions),
        }
        self._context.report(
            StepProgress(percent=percent, rows=len(settled), rows_total=len(self.states), message=message, info=info)
        )
