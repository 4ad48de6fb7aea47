"""The acts of a switchover, each within one transaction, and what they are decided from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ferryman.control import lifecycle, observation
from ferryman.control.observation import DRAIN_NOTE, STOP_NOTE
from ferryman.control.switching import DIFFERENCES, LATENCY_SECONDS, PATIENCE_SECONDS, Act, SwitchState, following
from ferryman.control.workers import Workers
from ferryman.foundation.clock import unix_now
from ferryman.foundation.errors import FerrymanError
from ferryman.foundation.identifiers import new_id
from ferryman.foundation.secrets import SecretBox
from ferryman.metadb import events, mismatches, notes, projects, steps, switchovers
from ferryman.metadb.database import Transaction
from ferryman.metadb.projects import ProjectRow
from ferryman.metadb.steps import StepRow
from ferryman.model.project import ProjectStatus, StepName, StepStatus
from ferryman.model.selection import Selection
from ferryman.model.serial import from_json
from ferryman.model.switchover import BY_TASK, STOPPED, Stage, Switchover
from ferryman.pipeline.switchover.reversal import provisional, reverse_spec
from ferryman.spi.task import STILL_NOTE, SWITCH_ANSWER_NOTE, SWITCH_ASK_NOTE

START_NOTE = "schema.start"

Rows = dict[StepName, StepRow]


def observe(tx: Transaction, switchover: Switchover, workers: Workers) -> SwitchState:
    """Return how a switchover stands."""
    rows = _rows(tx, switchover.project_id)
    guest = _rows(tx, switchover.reverse_id) if switchover.reverse_id else {}
    answer = _answer(tx, switchover)
    apply = rows.get(StepName.APPLY)
    return SwitchState(
        stage=switchover.stage,
        project=projects.status(tx, switchover.project_id) or ProjectStatus.DELETED,
        halted=switchover.error is not None,
        reverses=switchover.reverses,
        answered=answer is not None,
        answer_code=_code(answer),
        confirmed=switchover.confirmed,
        accepted=switchover.accepted,
        proof=switchover.proof,
        proving=switchover.proving,
        follows=observation.follows(tx, switchover.project_id, workers, alone=True),
        awaiting=switchover.awaiting,
        waited=unix_now() - switchover.reached.get(switchover.stage.value, switchover.created_at),
        latency=(apply.progress.latency_seconds or 0.0) if apply else 0.0,
        told_to_end=notes.get(tx, switchover.project_id, STOP_NOTE) is not None,
        apply=_status(rows, StepName.APPLY),
        capture=_status(rows, StepName.CAPTURE),
        verify=_status(rows, StepName.VERIFY),
        differences=mismatches.count(tx, switchover.project_id, None),
        unsettled=_unsettled(rows),
        reverse_step=_status(rows, StepName.REVERSE),
        reverse_failed=switchover.reverse_failed,
        guest=projects.status(tx, switchover.reverse_id) if switchover.reverse_id else None,
        guest_spools=StepName.CAPTURE in guest and guest[StepName.CAPTURE].reported_epoch > 0,
        guest_apply=_status(guest, StepName.APPLY),
        stale=bool(switchover.stale),
        stale_due=any(projects.status(tx, each) is not ProjectStatus.RELEASING for each in switchover.stale),
    )


def _rows(tx: Transaction, project_id: str) -> Rows:
    return {row.name: row for row in steps.of_project(tx, project_id)}


def _status(rows: Rows, name: StepName) -> StepStatus | None:
    return rows[name].status if name in rows else None


def _unsettled(rows: Rows) -> int:
    """Return how many rows the verification could say nothing of: they moved until its time was up."""
    tables = rows[StepName.VERIFY].progress.info.get("tables", {}) if StepName.VERIFY in rows else {}
    return sum(int(facts["moving"]) for facts in tables.values())


def _answer(tx: Transaction, switchover: Switchover) -> dict[str, Any] | None:
    answer: dict[str, Any] | None = notes.get(tx, switchover.project_id, SWITCH_ANSWER_NOTE)
    return answer if answer is not None and answer["round"] == switchover.round else None


def _code(answer: dict[str, Any] | None) -> str:
    return str(answer["error"]["code"]) if answer is not None and answer["error"] is not None else ""


# Going on and back ----------------------------------------------------------------------------------------------------


def enter(tx: Transaction, switchover: Switchover, stage: Stage, **members: Any) -> Switchover:
    """Enter a stage: its task is asked, in a round of its own."""
    round_ = switchover.round + 1
    reached = {**switchover.reached, stage.value: unix_now()}
    fresh = replace(switchover, stage=stage, round=round_, error=None, reached=reached, awaiting=False)
    entered = put(tx, replace(fresh, **members))
    asked = "over" if stage is Stage.DONE else stage.value if stage in BY_TASK else ""
    ask(tx, entered, asked)
    return entered


def ask(tx: Transaction, switchover: Switchover, what: str, awaits: str = "") -> None:
    """Leave for the task what to do in this round; `awaits`: what is waited for, once it has done that."""
    document = {
        "round": switchover.round,
        "stage": what,
        "reverse": switchover.reverse_id,
        "reverses": switchover.reverses,
        "skip": list(switchover.skip),
        "awaits": awaits,
    }
    notes.put(tx, switchover.project_id, SWITCH_ASK_NOTE, document, unix_now())


def put(tx: Transaction, switchover: Switchover) -> Switchover:
    """Keep a switchover as it is now."""
    kept = replace(switchover, changed_at=unix_now())
    switchovers.update(tx, kept)
    return kept


def _next(tx: Transaction, box: SecretBox, switchover: Switchover) -> None:
    members = _learned(tx, switchover)
    after = following(switchover.stage, reverses=switchover.reverses)
    if switchover.reverses and not switchover.reverse_id and after in {Stage.TARGET_LOG, Stage.END}:
        members["reverse_id"] = _make_guest(tx, box, switchover)
    if after in STOPPED - {Stage.STILL}:
        notes.put(tx, switchover.project_id, STILL_NOTE, True, unix_now())
    entered = enter(tx, switchover, after, **members)
    say(tx, entered, _MESSAGES[after])


_MESSAGES = {
    Stage.TARGET_LOG: "switchover: the precheck has passed",
    Stage.CONFIRM: "switchover: stop the application's writes to the source, then confirm that",
    Stage.END: "switchover: the operator has confirmed that nobody writes to the source",
    Stage.DRAIN: "switchover: apply goes to the end of the source's log",
    Stage.STILL: "switchover: apply has reached the end of the source's log and has ended",
    Stage.OPEN: "switchover: nothing was written to the source behind that place",
    Stage.PROVE: "switchover: both sides are at rest",
    Stage.STILL_AGAIN: "switchover: every row was compared, or needs not be",
    Stage.STOP_FORWARD: "switchover: the proof stands; synchronization from the source ends; from here on it only goes forward",
    Stage.OBJECTS: "switchover: synchronization from the source has ended",
    Stage.REVERSE: "switchover: the application may write to the target now; its changes flow back to the source",
    Stage.DONE: "switchover: done",
}


def _learned(tx: Transaction, switchover: Switchover) -> dict[str, Any]:
    """Return what the task has found out in this stage."""
    answer = _answer(tx, switchover)
    data = answer["data"] if answer is not None else None
    known = ("source_end", "target_start", "selection")
    return {name: data[name] for name in known if data is not None and name in data}


def _await(tx: Transaction, _box: SecretBox, switchover: Switchover) -> None:
    """Say that the project is given time to catch up: in an event, and as what the step does."""
    awaits = (
        f"waits for the project to follow its source within {LATENCY_SECONDS:.0f} s, {PATIENCE_SECONDS:.0f} s at most"
    )
    put(tx, replace(switchover, awaiting=True))
    ask(tx, switchover, switchover.stage.value, awaits)
    say(tx, switchover, f"switchover: the precheck {awaits}")


def _fail(tx: Transaction, _box: SecretBox, switchover: Switchover) -> None:
    answer = _answer(tx, switchover)
    error = answer["error"] if answer is not None and answer["error"] else _failure(tx, switchover).to_json()
    halt(tx, switchover, error)


def halt(tx: Transaction, switchover: Switchover, error: dict[str, Any]) -> None:
    """Stay where it is, and say why."""
    put(tx, replace(switchover, error={**error, "failed_at": unix_now()}))
    say(tx, switchover, f"switchover waits: {error['message']}", "warning", code=error["code"], hint=error["hint"])


def _failure(tx: Transaction, switchover: Switchover) -> FerrymanError:
    if switchover.stage is Stage.PRECHECK:
        message = "the project does not follow its source within the 15 seconds that a switchover asks for"
        assert LATENCY_SECONDS == 15.0
        return FerrymanError("switchover.latency", message)
    count, unsettled = mismatches.count(tx, switchover.project_id, None), _unsettled(_rows(tx, switchover.project_id))
    if not count and unsettled:
        message = f"{unsettled} rows changed while both sides were said to be at rest: nothing is proved of them"
        return FerrymanError(DIFFERENCES, message)
    if not count:
        return FerrymanError(DIFFERENCES, "the project has no finished verification to rely on")
    return FerrymanError(DIFFERENCES, f"verification has found {count} rows that differ")


def _back(tx: Transaction, _box: SecretBox, switchover: Switchover) -> None:
    answer = _answer(tx, switchover)
    assert answer is not None, "the act is due when the answer is there"
    call_back(tx, switchover.project_id)
    # What was accepted was said of rows that have changed since: the next proof is judged by itself.
    anew: dict[str, Any] = {"confirmed": False, "accepted": False, "source_end": None, "proving": False}
    gone = enter(tx, switchover, Stage.CONFIRM, **anew, **_without_guest(switchover))
    halt(tx, gone, answer["error"])


def call_back(tx: Transaction, project_id: str) -> None:
    """Let apply follow the source again from its checkpoint."""
    for name in (DRAIN_NOTE, STOP_NOTE, STILL_NOTE):
        notes.put(tx, project_id, name, None, unix_now())
    for row in steps.of_project(tx, project_id):
        if row.name is StepName.APPLY and row.status is StepStatus.FINISHED:
            steps.reopen(tx, project_id, row.name)


def _without_guest(switchover: Switchover) -> dict[str, Any]:
    stale = (*switchover.stale, switchover.reverse_id) if switchover.reverse_id else switchover.stale
    return {"reverse_id": "", "stale": stale, "target_start": None, "selection": None}


# The stages of control ------------------------------------------------------------------------------------------------


def _drain(tx: Transaction, _box: SecretBox, switchover: Switchover) -> None:
    notes.put(tx, switchover.project_id, STOP_NOTE, switchover.source_end, unix_now())


def _prove(tx: Transaction, box: SecretBox, switchover: Switchover) -> None:
    """Begin the verification anew; a project without one gets it."""
    project_id = switchover.project_id
    row = _project(tx, box, project_id)
    known = steps.names(tx, project_id)
    if StepName.VERIFY not in known:
        steps.insert(tx, project_id, StepName.VERIFY, enabled=True)
    steps.enable(tx, project_id, StepName.VERIFY, enabled=True)
    steps.reset(tx, project_id, StepName.VERIFY)
    _with_steps(tx, box, row, StepName.VERIFY)
    mismatches.clear(tx, project_id)
    notes.clear(tx, project_id, lifecycle.VERIFY_NOTES)
    notes.put(tx, project_id, lifecycle.ADVANCED_NOTE, {"skipped": False}, unix_now())
    put(tx, replace(switchover, proving=True))
    say(tx, switchover, "switchover: every row is compared")


def _with_steps(tx: Transaction, box: SecretBox, row: ProjectRow, *more: StepName) -> None:
    chosen = {*row.spec.steps, *more}
    if chosen != set(row.spec.steps):
        spec = replace(row.spec, steps=tuple(name for name in StepName if name in chosen))
        projects.update_spec(tx, box, row.id, spec, unix_now())


def take_part(tx: Transaction, box: SecretBox, row: ProjectRow) -> None:
    """Let the switchover be one of the project's steps, from its beginning."""
    known = steps.names(tx, row.id)
    if StepName.SWITCHOVER not in known:
        steps.insert(tx, row.id, StepName.SWITCHOVER, enabled=True)
    steps.enable(tx, row.id, StepName.SWITCHOVER, enabled=True)
    steps.reset(tx, row.id, StepName.SWITCHOVER)
    _with_steps(tx, box, row, StepName.SWITCHOVER)


# The reverse project --------------------------------------------------------------------------------------------------


def _make_guest(tx: Transaction, box: SecretBox, switchover: Switchover) -> str:
    row = _project(tx, box, switchover.project_id)
    now = unix_now()
    guest_id = new_id("np_")
    name = f"{row.spec.name[:40]}-reverse-{guest_id[3:]}"[:64]
    spec = reverse_spec(row.spec, name, provisional(row.spec.selection), applies=False)
    guest = ProjectRow(id=guest_id, spec=spec, status=ProjectStatus.INIT, created_at=now, changed_at=now)
    lifecycle.create(tx, box, guest)
    return guest_id


def _open(tx: Transaction, box: SecretBox, switchover: Switchover) -> None:
    """Start the reverse project at the target's place of the moment when apply had ended."""
    guest = _project(tx, box, switchover.reverse_id)
    spec = replace(guest.spec, selection=from_json(Selection, switchover.selection))
    projects.update_spec(tx, box, guest.id, spec, unix_now())
    notes.put(tx, guest.id, START_NOTE, switchover.target_start, unix_now())
    lifecycle.start(tx, guest.id)
    say(tx, switchover, f"switchover: {guest.id} spools the target's log")


def _follow(tx: Transaction, box: SecretBox, switchover: Switchover) -> None:
    guest = _project(tx, box, switchover.reverse_id)
    steps.insert(tx, guest.id, StepName.APPLY, enabled=True)
    _with_steps(tx, box, guest, StepName.APPLY)


def _pause(tx: Transaction, _box: SecretBox, switchover: Switchover) -> None:
    lifecycle.stop(tx, switchover.reverse_id)


def _resume(tx: Transaction, _box: SecretBox, switchover: Switchover) -> None:
    lifecycle.resume(tx, switchover.reverse_id)
    put(tx, replace(switchover, reverse_failed=False))


def _tell_failure(tx: Transaction, box: SecretBox, switchover: Switchover) -> None:
    error = _project(tx, box, switchover.reverse_id).error
    now = unix_now()
    told = error or FerrymanError("internal.error", "the reverse project failed and does not say why").to_json()
    steps.set_status(tx, switchover.project_id, StepName.REVERSE, StepStatus.FAILED, now, {**told, "failed_at": now})
    put(tx, replace(switchover, reverse_failed=True))
    say(tx, switchover, f"reverse failed: {told['message']}", "error", code=str(told["code"]))


def _mirror(tx: Transaction, _box: SecretBox, switchover: Switchover) -> None:
    status = _rows(tx, switchover.reverse_id)[StepName.APPLY].status
    steps.set_status(tx, switchover.project_id, StepName.REVERSE, status, unix_now())


def _clean(tx: Transaction, _box: SecretBox, switchover: Switchover) -> None:
    """Bring the reverse projects of earlier attempts on their way out: released first, then deleted."""
    left = []
    for guest in switchover.stale:
        status = projects.status(tx, guest)
        if status is ProjectStatus.RELEASED:
            lifecycle.delete(tx, guest)
        elif status not in {ProjectStatus.DELETED, None}:
            left.append(guest)
            if status is not ProjectStatus.RELEASING:
                projects.set_status(tx, guest, ProjectStatus.RELEASING, unix_now())
    put(tx, replace(switchover, stale=tuple(left)))


def _end(tx: Transaction, _box: SecretBox, switchover: Switchover) -> None:
    put(tx, replace(switchover, stage=Stage.CANCELLED))
    for name in (SWITCH_ASK_NOTE, SWITCH_ANSWER_NOTE):
        notes.put(tx, switchover.project_id, name, None, unix_now())
    steps.reset(tx, switchover.project_id, StepName.SWITCHOVER)
    say(tx, switchover, "switchover: cancelled; the project follows its source as before")


def cancel(tx: Transaction, switchover: Switchover) -> Switchover:
    """Go back to where it was before: apply follows again, what was made for the way back is freed."""
    call_back(tx, switchover.project_id)
    gone = enter(tx, switchover, Stage.CANCELLING, **_without_guest(switchover))
    steps.reset(tx, switchover.project_id, StepName.SWITCHOVER)
    if StepName.REVERSE in steps.names(tx, switchover.project_id):
        steps.reset(tx, switchover.project_id, StepName.REVERSE)
    return gone


def release(tx: Transaction, switchover: Switchover) -> None:
    """Free the reverse project of a project that is being released."""
    for guest in (switchover.reverse_id, *switchover.stale):
        status = projects.status(tx, guest) if guest else None
        if status not in {ProjectStatus.RELEASING, ProjectStatus.RELEASED, ProjectStatus.DELETED, None}:
            projects.set_status(tx, guest, ProjectStatus.RELEASING, unix_now())


def say(tx: Transaction, switchover: Switchover, message: str, level: str = "info", **fields: str) -> None:
    """Write an event of the project."""
    events.add(tx, switchover.project_id, unix_now(), level, message, step=StepName.SWITCHOVER.value, fields=fields)


def _project(tx: Transaction, box: SecretBox, project_id: str) -> ProjectRow:
    row = projects.get(tx, box, project_id)
    assert row is not None, "neither a project nor its reverse project is deleted while a switchover is under way"
    return row


ACTS: dict[Act, Callable[[Transaction, SecretBox, Switchover], None]] = {
    Act.NEXT: _next,
    Act.AWAIT: _await,
    Act.FAIL: _fail,
    Act.BACK: _back,
    Act.DRAIN: _drain,
    Act.OPEN: _open,
    Act.PROVE: _prove,
    Act.FOLLOW: _follow,
    Act.PAUSE: _pause,
    Act.RESUME: _resume,
    Act.TELL_FAILURE: _tell_failure,
    Act.MIRROR: _mirror,
    Act.CLEAN: _clean,
    Act.END: _end,
}
