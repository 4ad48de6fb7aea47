"""Switchovers: asked for and decided by operators, carried on by the control loop (`switching`, ``docs/switchover.md``)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from ferryman.control import lifecycle, observation, switch_acts
from ferryman.control.ownership import require_owner
from ferryman.control.switching import DIFFERENCES, may_cancel, next_act
from ferryman.control.workers import Workers
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import UsageError, cited
from ferryman.foundation.secrets import SecretBox
from ferryman.metadb import object_changes, projects, switchovers
from ferryman.metadb.database import Transaction
from ferryman.metadb.projects import ProjectRow
from ferryman.metadb.store import MetaDb
from ferryman.model.project import ProjectSpec, ProjectStatus, ProjectType, StepName, StopWhen
from ferryman.model.switchover import NO_RETURN, Proof, Stage, Switchover
from ferryman.spi.connector import is_sink


class Switchovers:
    """The switchovers of all projects. Thread-safe; `advance` belongs to the control loop."""

    def __init__(self, metadb: MetaDb, workers: Workers, on_change: Callable[[], None]) -> None:
        """Make it; `on_change` is called after each change."""
        self._metadb = metadb
        self._workers = workers
        self._on_change = on_change

    def start(
        self,
        project_id: str,
        *,
        source_stopped: bool = False,
        proof: Proof = Proof.VERIFY,
        skip: Sequence[str] = (),
    ) -> Switchover:
        """Begin: precheck, then wait for the operator to confirm that nobody writes to the source.

        Args:
            project_id: A migration that follows its source.
            source_stopped: Whether the operator confirms that at once.
            proof: What has to stand before the application may go over.
            skip: Items of the precheck whose failure the operator accepts.

        Raises:
            UsageError: ``project.unknown``, ``project.wrong_status``, ``switchover.not_ready``, ``switchover.wrong_stage``.
        """
        with self._metadb.writing() as tx:
            row = self._ready(tx, project_id)
            now = unix_now()
            made = Switchover(
                id=f"sw_{secrets.token_hex(6)}",
                project_id=project_id,
                reverses=StepName.REVERSE in row.spec.steps,
                proof=proof,
                confirmed=source_stopped,
                skip=tuple(dict.fromkeys(skip)),
                created_at=now,
                changed_at=now,
            )
            switchovers.insert(tx, made)
            switch_acts.take_part(tx, self._metadb.box, row)
            switch_acts.say(tx, made, "switchover: begun")
            made = switch_acts.enter(tx, made, Stage.PRECHECK)
        self._on_change()
        return made

    def of_project(self, project_id: str) -> Switchover | None:
        """Return the switchover of a project, under way or done; ``project.unknown``."""
        with self._metadb.reading() as tx:
            if projects.status(tx, project_id) is None:
                raise UsageError("project.unknown", f"there is no project {cited(project_id)}")
            return switchovers.of_project(tx, project_id)

    def confirm(self, project_id: str) -> Switchover:
        """Say that nobody writes to the source any more."""
        return self._decide(project_id, "confirmed", {Stage.CONFIRM, Stage.PRECHECK, Stage.TARGET_LOG}, confirmed=True)

    def retry(self, project_id: str, skip: Sequence[str] = ()) -> Switchover:
        """Do once more what has failed; items of the precheck named in `skip` may fail."""
        with self._metadb.writing() as tx:
            found = _halted(self._found(tx, project_id))
            if found.stage is Stage.CONFIRM:
                raise _wrong(found, "retried: confirm that nobody writes to the source")
            wanted = replace(found, skip=tuple(dict.fromkeys((*found.skip, *skip))), proving=False)
            told = switch_acts.enter(tx, wanted, Stage.PROVE if _found_differences(found) else found.stage)
            switch_acts.say(tx, told, "switchover: told to try again")
        self._on_change()
        return told

    def accept(self, project_id: str) -> Switchover:
        """Go on in spite of differences, which stay as they are."""
        with self._metadb.writing() as tx:
            found = _halted(self._found(tx, project_id))
            if not _found_differences(found):
                raise _wrong(found, "accepted")
            told = switch_acts.enter(tx, replace(found, accepted=True), found.stage)
            switch_acts.say(tx, told, "switchover: the operator goes on in spite of differences", "warning")
        self._on_change()
        return told

    def cancel(self, project_id: str) -> Switchover:
        """Give it up before the point of no return: the project follows its source as before."""
        with self._metadb.writing() as tx:
            found = self._found(tx, project_id)
            if not may_cancel(found.stage):
                raise _wrong(found, "cancelled")
            told = switch_acts.cancel(tx, found)
            switch_acts.say(tx, told, "switchover: told to cancel")
        self._on_change()
        return told

    def _decide(self, project_id: str, what: str, stages: set[Stage], *, confirmed: bool) -> Switchover:
        with self._metadb.writing() as tx:
            found = self._found(tx, project_id)
            if found.stage not in stages:
                raise _wrong(found, what)
            halted = found.error if found.stage is not Stage.CONFIRM else None
            told = switch_acts.put(tx, replace(found, confirmed=confirmed, error=halted))
        self._on_change()
        return told

    def _found(self, tx: Transaction, project_id: str) -> Switchover:
        require_owner(tx, project_id)
        lifecycle.require(project_id, projects.status(tx, project_id), "switch over")
        found = switchovers.of_project(tx, project_id)
        if found is None:
            raise UsageError("switchover.wrong_stage", f"no switchover of project {project_id} is under way")
        return found

    def _ready(self, tx: Transaction, project_id: str) -> ProjectRow:
        """Return a project that may be switched over now."""
        require_owner(tx, project_id)
        if lifecycle.require(project_id, projects.status(tx, project_id), "switch over") is not ProjectStatus.RUNNING:
            raise _not_ready(project_id, "is not running")
        row = projects.get(tx, self._metadb.box, project_id)
        assert row is not None
        if (found := switchovers.of_project(tx, project_id)) is not None:
            raise _wrong(found, "begun again")
        if reason := _reason(row.spec):
            raise UsageError(
                "switchover.not_ready", f"project {project_id} {reason}", hint="make a migration that follows"
            )
        if object_changes.open_one(tx, project_id) is not None:
            raise _not_ready(project_id, "is changing its objects")
        if switchovers.parent_of(tx, project_id) or object_changes.parent_of(tx, project_id):
            raise _not_ready(project_id, "belongs to another project")
        if not observation.follows(tx, project_id, self._workers, alone=True):
            raise _not_ready(project_id, "has not caught up, or still has other steps to do")
        return row

    def advance(self) -> None:
        """Do what the switchovers under way need next; called once a round by the control loop."""
        with self._metadb.reading() as tx:
            due = [each for each in switchovers.active(tx) if next_act(switch_acts.observe(tx, each, self._workers))]
        for each in due:
            with self._metadb.writing() as tx:  # looked at again: an operator may have decided meanwhile
                current = switchovers.get(tx, each.id)
                if current is None:
                    continue
                act = next_act(switch_acts.observe(tx, current, self._workers))
                if act is not None:
                    switch_acts.ACTS[act](tx, self._metadb.box, current)
            self._on_change()


def _reason(spec: ProjectSpec) -> str:
    if spec.type is not ProjectType.MIGRATION or is_sink(spec.target):
        return "is no migration between databases"
    if StepName.APPLY not in spec.steps:
        return "does not follow its source"
    if spec.stop_when is not StopWhen.NEVER:
        return "ends by itself when it has caught up"
    return ""


def _not_ready(project_id: str, why: str) -> UsageError:
    hint = "a project is switched over once it has caught up and its verification is over, or was skipped"
    return UsageError("switchover.not_ready", f"project {project_id} {why}", hint=hint)


def _halted(found: Switchover) -> Switchover:
    if found.error is None:
        raise UsageError(
            "switchover.wrong_stage", f"switchover {found.id} has not stopped: it is at {found.stage.value}"
        )
    return found


def _found_differences(found: Switchover) -> bool:
    return found.error is not None and found.error["code"] == DIFFERENCES


def _wrong(found: Switchover, what: str) -> UsageError:
    message = f"switchover {found.id} is at {found.stage.value}: it cannot be {what}"
    return UsageError("switchover.wrong_stage", message, context={"stage": found.stage.value})


def actions(found: Switchover) -> tuple[str, ...]:
    """Return what an operator may do now: any of confirm, retry, accept, cancel."""
    halted = found.error is not None
    allowed = {
        "confirm": found.stage is Stage.CONFIRM
        or (found.stage in {Stage.PRECHECK, Stage.TARGET_LOG} and not found.confirmed),
        "retry": halted and found.stage is not Stage.CONFIRM,
        "accept": _found_differences(found),
        "cancel": may_cancel(found.stage),
    }
    return tuple(name for name, possible in allowed.items() if possible)


def require_forward(tx: Transaction, project_id: str, what: str) -> None:
    """Refuse what would be wrong of a project whose application goes over, or has; ``switchover.under_way``."""
    found = switchovers.of_project(tx, project_id)
    if found is not None:
        state = "has been switched over" if found.stage in NO_RETURN else "is being switched over"
        raise UsageError("switchover.under_way", f"project {project_id} {state}: {what}")


def update(tx: Transaction, box: SecretBox, project_id: str, spec: ProjectSpec) -> None:
    """Replace the spec of a project that is not being switched over; see `lifecycle.update`."""
    require_forward(tx, project_id, "it cannot be changed, nor begin anything again")
    lifecycle.update(tx, box, project_id, spec)


def end_reverse(tx: Transaction, project_id: str) -> None:
    """Free the reverse project of a project that is being released."""
    found = switchovers.of_project(tx, project_id)
    if found is not None:
        switch_acts.release(tx, found)


def delete_reverse(tx: Transaction, project_id: str) -> None:
    """Delete the released reverse project of a project that is deleted, and all that is known of its switchovers."""
    found = switchovers.of_project(tx, project_id)
    if found is not None and projects.status(tx, found.reverse_id) is ProjectStatus.RELEASED:
        lifecycle.delete(tx, found.reverse_id)
    switchovers.delete_all(tx, project_id)
