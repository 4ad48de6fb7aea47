"""What users do to projects: each action is one transaction that checks the status, changes it, and says so."""

from __future__ import annotations

from typing import Any

from ferryman.control import settings, trail
from ferryman.control.observation import DRAIN_NOTE, LOAD_END_NOTE, STOP_NOTE
from ferryman.control.steps import LONG_RUNNING, enabled_steps
from ferryman.control.validation import check_change
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import UsageError, cited
from ferryman.foundation.secrets import SecretBox
from ferryman.metadb import events, mismatches, notes, projects, steps
from ferryman.metadb.database import Transaction
from ferryman.metadb.projects import ProjectRow
from ferryman.model.project import ConflictPolicy, ProjectSpec, ProjectStatus, StepName, StepStatus

ALLOWED: dict[str, frozenset[ProjectStatus]] = {
    "start": frozenset({ProjectStatus.INIT}),
    "stop": frozenset({ProjectStatus.RUNNING}),
    "resume": frozenset({ProjectStatus.SUSPEND, ProjectStatus.FAILED}),
    "release": frozenset({ProjectStatus.SUSPEND, ProjectStatus.FAILED, ProjectStatus.FINISHED}),
    "delete": frozenset({ProjectStatus.INIT, ProjectStatus.RELEASED}),
    "change": frozenset(
        {
            ProjectStatus.INIT,
            ProjectStatus.RUNNING,
            ProjectStatus.SUSPEND,
            ProjectStatus.FAILED,
            ProjectStatus.FINISHED,
        }
    ),
    "advance": frozenset({ProjectStatus.RUNNING, ProjectStatus.SUSPEND, ProjectStatus.FAILED}),
    "add objects": frozenset({ProjectStatus.INIT, ProjectStatus.RUNNING, ProjectStatus.SUSPEND}),
    "remove objects": frozenset(
        {ProjectStatus.INIT, ProjectStatus.RUNNING, ProjectStatus.SUSPEND, ProjectStatus.FAILED}
    ),
    "switch over": frozenset({ProjectStatus.RUNNING, ProjectStatus.SUSPEND, ProjectStatus.FAILED}),
    "repair": frozenset({ProjectStatus.SUSPEND, ProjectStatus.FAILED, ProjectStatus.FINISHED}),
    "update": frozenset({ProjectStatus.INIT, ProjectStatus.SUSPEND, ProjectStatus.FAILED, ProjectStatus.FINISHED}),
}
"""Action → the statuses in which it is allowed."""

CHOICES = ("skip", "apply", "done")
CONFLICT_CHOICES = {"skip": ConflictPolicy.SKIP, "overwrite": ConflictPolicy.OVERWRITE}
CHOICE_NOTE = "apply.choice"
CONFLICT_NOTE = "apply.conflict_choices"
OBJECTS_NOTE = "schema.objects"
START_NOTE = "schema.start"
SCHEMA_NOTES = "schema."
PLAN_NOTE = "schema.plan"
VERIFY_NOTES = "verify."
ADVANCED_NOTE = "verify.advanced"
UNFOLLOWED_NOTE = "load.unfollowed"


def require(project_id: str, status: ProjectStatus | None, action: str) -> ProjectStatus:
    """Return the status when the action is allowed in it; ``project.unknown``, ``project.wrong_status``."""
    if status is None:
        raise UsageError("project.unknown", f"there is no project {cited(project_id)}")
    if status not in ALLOWED[action]:
        possible = [name for name, statuses in ALLOWED.items() if status in statuses]
        raise UsageError(
            "project.wrong_status",
            f"project {project_id} is {status.value}: it cannot be told to {action}",
            hint=f"allowed in {status.value}: {', '.join(possible) or 'nothing'}",
            context={"status": status.value, "allowed": possible},
        )
    return status


def require_revision(tx: Transaction, project_id: str, revision: int | None) -> None:
    """Refuse to change a project that is not as the caller has seen it; ``project.changed_meanwhile``."""
    if revision is None:
        return
    now = projects.revision(tx, project_id)
    if now is not None and now != revision:
        message = f"project {project_id} was changed by somebody else: it is at revision {now}, not {revision}"
        raise UsageError("project.changed_meanwhile", message)


def create(tx: Transaction, box: SecretBox, row: ProjectRow) -> None:
    """Keep a new project and its steps."""
    require_name(tx, row.spec.name)
    projects.insert(tx, box, row)
    for name in enabled_steps(row.spec):
        steps.insert(tx, row.id, name, enabled=True)
    events.add(tx, row.id, row.created_at, "info", "project was made")


def start(tx: Transaction, project_id: str) -> None:
    """INIT → RUNNING."""
    _move(tx, project_id, "start", ProjectStatus.RUNNING)
    projects.mark_started(tx, project_id, unix_now())


def stop(tx: Transaction, project_id: str) -> None:
    """RUNNING → SUSPEND."""
    _move(tx, project_id, "stop", ProjectStatus.SUSPEND)


def resume(tx: Transaction, project_id: str) -> None:
    """SUSPEND or FAILED → RUNNING; failed steps go on from where they stood."""
    _move(tx, project_id, "resume", ProjectStatus.RUNNING)
    projects.mark_started(tx, project_id, unix_now())
    for row in steps.of_project(tx, project_id):
        if row.status is StepStatus.FAILED:
            steps.set_status(tx, project_id, row.name, StepStatus.INIT, unix_now())


def release(tx: Transaction, project_id: str) -> None:
    """SUSPEND, FAILED or FINISHED → RELEASING."""
    _move(tx, project_id, "release", ProjectStatus.RELEASING)


def delete(tx: Transaction, project_id: str) -> None:
    """INIT or RELEASED → DELETED; the name is free again."""
    _move(tx, project_id, "delete", ProjectStatus.DELETED)
    projects.free_name(tx, project_id)
    notes.clear(tx, project_id)
    mismatches.clear(tx, project_id)


def update(tx: Transaction, box: SecretBox, project_id: str, spec: ProjectSpec) -> None:
    """Replace the spec and see to the steps; a finished project with something to do again waits as SUSPEND."""
    status = require(project_id, projects.status(tx, project_id), "update")
    row = projects.get(tx, box, project_id)
    if row is not None and row.started_at is not None:
        check_change(row.spec, spec)
    if row is not None and row.spec.name != spec.name:
        require_name(tx, spec.name)
    if row is not None:
        _begin_to_follow(tx, row, spec)
        trail.spec_changed(project_id, row.spec, spec)
    projects.update_spec(tx, box, project_id, spec, unix_now())
    settings.forget_options(tx, project_id)
    _choose_steps(tx, project_id, spec)
    if row is not None and row.started_at is not None:
        _reopen(tx, project_id)
    if status is ProjectStatus.FINISHED and _has_open_steps(tx, project_id):
        projects.set_status(tx, project_id, ProjectStatus.SUSPEND, unix_now())
    events.add(tx, project_id, unix_now(), "info", "project was changed")


def change(tx: Transaction, box: SecretBox, project_id: str, change: settings.Change) -> settings.Changed:
    """Change settings of a project in any living status; returns what has changed."""
    require(project_id, projects.status(tx, project_id), "change")
    row = projects.get(tx, box, project_id)
    assert row is not None
    new = change(row.spec)
    if row.spec.name != new.name:
        require_name(tx, new.name)
    trail.spec_changed(project_id, row.spec, new)
    event_id = settings.change_spec(tx, box, project_id, row.spec, new)
    return settings.Changed(event_id, settings.restarts(row.spec, new))


def advance(tx: Transaction, project_id: str) -> StepName:
    """Leave verification behind: skip it when it is under way, close it when it is done; returns what goes on.

    Raises:
        UsageError: ``project.wrong_status`` when the project is not at its verification.
    """
    require(project_id, projects.status(tx, project_id), "advance")
    known = {row.name: row for row in steps.of_project(tx, project_id)}
    verify = known.get(StepName.VERIFY)
    if verify is None or verify.started_at is None:
        raise UsageError("project.wrong_status", f"project {project_id} is not at a step that can be left behind")
    skipped = verify.status is not StepStatus.FINISHED
    if skipped:
        steps.set_status(tx, project_id, StepName.VERIFY, StepStatus.FINISHED, unix_now())
    notes.put(tx, project_id, ADVANCED_NOTE, {"skipped": skipped}, unix_now())
    message = "verification was skipped" if skipped else "verification was closed"
    events.add(tx, project_id, unix_now(), "warning" if skipped else "info", message, step=StepName.VERIFY.value)
    return StepName.APPLY if StepName.APPLY in known else StepName.VERIFY


def require_name(tx: Transaction, name: str) -> None:
    """Refuse a name that another project has; ``project.name_taken``."""
    holder = projects.name_holder(tx, name)
    if holder is not None:
        raise UsageError("project.name_taken", f"project {holder} is called {cited(name)} already")


def _move(tx: Transaction, project_id: str, action: str, new: ProjectStatus) -> None:
    old = require(project_id, projects.status(tx, project_id), action)
    projects.set_status(tx, project_id, new, unix_now())
    events.add(tx, project_id, unix_now(), "info", f"project is {new.value}: told to {action}")
    trail.changed(f"project {project_id}", {"status": old.value}, {"status": new.value})


def _choose_steps(tx: Transaction, project_id: str, spec: ProjectSpec) -> None:
    """Let exactly the spec's steps take part; a step that did not until now begins at INIT."""
    before = steps.names(tx, project_id)
    chosen = set(enabled_steps(spec)) | _left_behind(tx, project_id)
    for name in StepName:
        if name in chosen and name not in before:
            steps.insert(tx, project_id, name, enabled=True)
        elif name in chosen and not before[name]:
            steps.reset(tx, project_id, name)
            steps.enable(tx, project_id, name, enabled=True)
        elif name in before and name not in chosen:
            steps.enable(tx, project_id, name, enabled=False)


def _left_behind(tx: Transaction, project_id: str) -> set[StepName]:
    """Return INDEX where the schema step has left indexes for behind the rows: they are to be made, whoever brings the rows."""
    if notes.get(tx, project_id, PLAN_NOTE) is None:
        return set()
    open_steps = {row.name for row in steps.of_project(tx, project_id) if row.status is not StepStatus.FINISHED}
    return {StepName.INDEX} & open_steps


def _begin_to_follow(tx: Transaction, row: ProjectRow, spec: ProjectSpec) -> None:
    """See to a project that shall follow its source from now on and did not before (algorithms.md §1: position first).

    The place in the log must have been taken before the first row was copied, and tables without a key read at a place
    of their own. If none was taken and nothing copied, the schema is read again, which takes it; if rows were copied
    without, what changed since they were read is known to nobody.
    """
    if StepName.CAPTURE not in spec.steps or StepName.CAPTURE in row.spec.steps:
        return
    known = {step.name: step for step in steps.of_project(tx, row.id)}
    load = known.get(StepName.LOAD)
    unfollowed = notes.get(tx, row.id, UNFOLLOWED_NOTE)
    begun = load is not None and load.started_at is not None
    if unfollowed or (begun and load is not None and not _followable(tx, row.id, load.status)):
        raise UsageError(
            "project.invalid",
            f"project {row.spec.name!r} has copied rows without following the source's log: changes made since are not known",
            hint="begin anew with incremental from the start (--fresh, with the target's tables emptied)",
        )
    if notes.get(tx, row.id, START_NOTE) is None:
        notes.clear(tx, row.id, SCHEMA_NOTES)
        steps.reset(tx, row.id, StepName.SCHEMA)


def _followable(tx: Transaction, project_id: str, load: StepStatus) -> bool:
    """Whether the load left what apply needs to go on from: where it began and where it ended."""
    places = [notes.get(tx, project_id, name) for name in (START_NOTE, LOAD_END_NOTE)]
    return all(places) and load is StepStatus.FINISHED


def _reopen(tx: Transaction, project_id: str) -> None:
    """What follows the source follows it again from its checkpoint; verification begins anew."""
    for name in (DRAIN_NOTE, STOP_NOTE):
        notes.put(tx, project_id, name, None, unix_now())
    for row in steps.of_project(tx, project_id):
        if row.name is StepName.VERIFY:
            steps.reset(tx, project_id, row.name)
            mismatches.clear(tx, project_id)
            notes.clear(tx, project_id, VERIFY_NOTES)
        elif row.name in LONG_RUNNING and row.status is StepStatus.FINISHED:
            steps.reopen(tx, project_id, row.name)


def _has_open_steps(tx: Transaction, project_id: str) -> bool:
    return any(row.status is not StepStatus.FINISHED for row in steps.of_project(tx, project_id))


def choose(tx: Transaction, project_id: str, choice: str, sql: str, object_name: str = "") -> None:
    """Leave the operator's decision: for apply, about what it has stopped at, or about an object that could not be made."""
    if projects.status(tx, project_id) is None:
        raise UsageError("project.unknown", f"there is no project {cited(project_id)}")
    if object_name:
        _choose_for_object(tx, project_id, choice, sql, object_name)
        return
    if (stopped := _conflict(tx, project_id)) is not None:
        _choose_for_conflict(tx, project_id, choice, stopped)
        return
    if choice not in CHOICES:
        raise UsageError("project.invalid", f"{cited(choice)} is no choice; there are {', '.join(CHOICES)}")
    if (choice == "apply") != bool(sql.strip()):
        raise UsageError("project.invalid", "the choice `apply` needs the SQL to run, the others take none")
    position = _stopped_at(tx, project_id)
    notes.put(tx, project_id, CHOICE_NOTE, {"position": position, "choice": choice, "sql": sql}, unix_now())
    events.add(tx, project_id, unix_now(), "info", f"schema statement: {choice} was chosen", step=StepName.APPLY.value)


def _choose_for_object(tx: Transaction, project_id: str, choice: str, sql: str, name: str) -> None:
    """Have the step run other SQL for an object that could not be made, or leave an index out."""
    step, failed = _not_made(tx, project_id)
    label = next((each for each in failed if name in (each, each.partition(" ")[2])), None)
    if label is None:
        known = f"; those that could not: {', '.join(failed[:10])}" if failed else ""
        raise UsageError(
            "project.invalid", f"{name} is no object of project {project_id} that could not be made{known}"
        )
    skips = choice == "skip" and step is StepName.INDEX and not sql.strip()
    if not skips and (choice != "apply" or not sql.strip()):
        raise UsageError(
            "project.invalid",
            f"for {name} there is the choice `apply` with SQL" + (", or `skip`" if step is StepName.INDEX else ""),
            hint="`projects remove` leaves an object out, `projects resume` tries it again as it is",
        )
    chosen = {**(notes.get(tx, project_id, OBJECTS_NOTE) or {}), label: sql.strip() and sql}
    notes.put(tx, project_id, OBJECTS_NOTE, chosen, unix_now())
    message = f"{label} {'is left out' if skips else 'will be made by other SQL'}"
    events.add(tx, project_id, unix_now(), "info", message, step=step.value)


def _not_made(tx: Transaction, project_id: str) -> tuple[StepName, list[str]]:
    """Return the step that has failed to make objects, and these objects as its listing names them."""
    for row in steps.of_project(tx, project_id):
        if row.name in {StepName.SCHEMA, StepName.INDEX} and row.status is StepStatus.FAILED:
            listed = steps.tables(tx, project_id, row.name)
            return row.name, [each.table for each in listed if each.state == "failed"]
    return StepName.SCHEMA, []


def _conflict(tx: Transaction, project_id: str) -> dict[str, Any] | None:
    """Return what apply's error tells of the conflict at which it has stopped; `None` when it has not."""
    for row in steps.of_project(tx, project_id):
        if row.name is StepName.APPLY and row.error and row.error.get("code") == "apply.conflict":
            return dict(row.error.get("context", {}))
    return None


def _choose_for_conflict(tx: Transaction, project_id: str, choice: str, stopped: dict[str, Any]) -> None:
    """Leave the decision for apply; earlier ones stay, since the window they are of is applied again."""
    if choice not in CONFLICT_CHOICES:
        raise UsageError("project.invalid", f"{cited(choice)} is no choice; there are {', '.join(CONFLICT_CHOICES)}")
    chosen = {"position": stopped["position"], "table": stopped["table"], "choice": CONFLICT_CHOICES[choice].value}
    before = notes.get(tx, project_id, CONFLICT_NOTE) or []
    notes.put(tx, project_id, CONFLICT_NOTE, [*before, chosen], unix_now())
    message = f"conflict of {chosen['table']} at {chosen['position']}: {choice} was chosen"
    events.add(tx, project_id, unix_now(), "info", message, step=StepName.APPLY.value)


def _stopped_at(tx: Transaction, project_id: str) -> str:
    """Return the position of the schema statement at which apply has stopped, as its error tells it."""
    for row in steps.of_project(tx, project_id):
        if row.name is StepName.APPLY and row.error and {"position", "sql"} <= row.error.get("context", {}).keys():
            return str(row.error["context"]["position"])
    raise UsageError("project.invalid", f"project {project_id} has not stopped at a schema statement")
