"""Writes the changes of status that `steps.decide` asks for, each with its event."""

from __future__ import annotations

from typing import Any

from ferryman.control.observation import DRAIN_NOTE
from ferryman.control.steps import Drain, SetProject, SetStep
from ferryman.foundation.clock import unix_now
from ferryman.metadb import events, notes, projects, steps
from ferryman.metadb.database import Transaction
from ferryman.metadb.projects import ProjectHead
from ferryman.model.project import ProjectStatus, StepName, StepStatus

STEP_MESSAGES = {
    StepStatus.RUNNING: "began",
    StepStatus.MONITORING: "has caught up and follows the source",
    StepStatus.SUSPEND: "is paused",
    StepStatus.FINISHED: "finished",
}


class Changes:
    """The changes of one project within one transaction."""

    def __init__(self, tx: Transaction, head: ProjectHead) -> None:
        self._tx = tx
        self._head = head
        self._now = unix_now()

    def hold(self) -> bool:
        """Whether the project is still as it was looked at; true until the transaction ends."""
        found = self._tx.value("SELECT revision FROM project WHERE id = :id", id=self._head.id)
        return bool(found == self._head.revision)

    def make(self, command: SetStep | SetProject | Drain) -> None:
        """Make one change."""
        if isinstance(command, SetStep):
            self._set_step(command)
        elif isinstance(command, SetProject):
            self._set_project(command)
        else:
            notes.put(self._tx, self._head.id, DRAIN_NOTE, True, self._now)
            self._event("info", "caught up: applying what the source's log holds now, then ending")

    def _set_step(self, command: SetStep) -> None:
        steps.set_status(self._tx, self._head.id, command.name, command.status, self._now)
        message = STEP_MESSAGES.get(command.status, command.status.value)
        self._event("info", f"{command.name.value} {message}", step=command.name.value)

    def _set_project(self, command: SetProject) -> None:
        projects.set_status(self._tx, self._head.id, command.status, self._now)
        if command.status is ProjectStatus.FINISHED:
            projects.mark_finished(self._tx, self._head.id, self._now)
        error = self._step_error(command.because)
        if command.status is ProjectStatus.FAILED and error is not None:
            projects.mark_failed(self._tx, self._head.id, error)
        level = "error" if command.status is ProjectStatus.FAILED else "info"
        cause = f": {error['code']} in {command.because.value}" if error and command.because else ""
        self._event(level, f"project is {command.status.value}{cause}")

    def _step_error(self, name: StepName | None) -> dict[str, Any] | None:
        if name is None:
            return None
        rows = steps.of_project(self._tx, self._head.id)
        return next((row.error for row in rows if row.name is name), None)

    def _event(self, level: str, message: str, *, step: str = "") -> None:
        events.add(self._tx, self._head.id, self._now, level, message, step=step)
