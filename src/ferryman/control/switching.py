"""What a switchover needs next: a pure function from what is observed to one act (`docs/switchover.md`)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ferryman.model.project import ProjectStatus, StepStatus
from ferryman.model.switchover import BY_TASK, OVER, STOPPED, Proof, Stage

LATENCY_SECONDS = 15.0
"""A project further behind than this is not switched over (OMS)."""

PATIENCE_SECONDS = 120.0
"""So long the precheck lets a project catch up again: a server or a task that was away for a moment is no refusal."""

FLOW: dict[Stage, Stage] = {
    Stage.PRECHECK: Stage.TARGET_LOG,
    Stage.TARGET_LOG: Stage.CONFIRM,
    Stage.CONFIRM: Stage.END,
    Stage.END: Stage.DRAIN,
    Stage.DRAIN: Stage.STILL,
    Stage.STILL: Stage.OPEN,
    Stage.OPEN: Stage.PROVE,
    Stage.PROVE: Stage.STILL_AGAIN,
    Stage.STILL_AGAIN: Stage.STOP_FORWARD,
    Stage.STOP_FORWARD: Stage.OBJECTS,
    Stage.OBJECTS: Stage.REVERSE,
    Stage.REVERSE: Stage.DONE,
}
"""Stage → the one behind it."""

ONLY_REVERSE = frozenset({Stage.TARGET_LOG, Stage.OPEN, Stage.REVERSE})
"""Stages that are passed over where no changes flow back."""

WRITTEN = "switchover.source_written"
"""The error at which the switchover goes back: apply follows again, and the operator confirms anew."""

DIFFERENCES = "switchover.differences"
"""The error at which the operator may go on all the same; another try compares anew."""


class Act(enum.Enum):
    """The acts, each one transaction."""

    NEXT = "next"
    """Enter the stage behind this one."""
    AWAIT = "await"
    """Say what is waited for."""
    FAIL = "fail"
    """Stay, and say why; the operator decides."""
    BACK = "back"
    """Let apply follow again, and ask the operator to confirm anew."""
    DRAIN = "drain"
    """Tell apply where to end."""
    OPEN = "open"
    """Begin to spool the target's log."""
    PROVE = "prove"
    """Begin the verification anew."""
    FOLLOW = "follow"
    """Let the target's changes be applied to the source."""
    PAUSE = "pause"
    """The project rests: so does the one that moves changes back."""
    RESUME = "resume"
    TELL_FAILURE = "tell-failure"
    """The reverse project has failed: so has the step."""
    MIRROR = "mirror"
    """Show the status of the reverse project's apply as the step's."""
    CLEAN = "clean"
    """Free the reverse projects of attempts that were given up."""
    END = "end"
    """All is freed: the switchover is cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchState:
    """What is observed of a switchover.

    Attributes:
        halted: Whether it waits for the operator, who was told why.
        reverses: Whether changes shall flow back.
        answered: Whether the task has answered what it was asked in this round.
        answer_code: The error it answered with, empty for none.
        follows: Whether the project's apply follows, and nothing else is left to do.
        awaiting: Whether it was said that this stage waits.
        waited: Seconds since the stage was entered.
        latency: Its seconds behind.
        told_to_end: Whether apply knows where to end.
        apply, capture, verify: Statuses of the project's steps; `None` where there is none.
        differences: Rows that the verification has found to differ.
        unsettled: Rows (or tables) of which it could say neither that they are equal nor that they differ.
        reverse_step: Status of the step that shows the reverse project.
        guest: Status of the reverse project; `None`: there is none.
        guest_spools: Whether its capture has reported.
        guest_apply: Status of its apply; `None`: it has none yet.
        stale: Whether reverse projects of earlier attempts are left.
        stale_due: Whether one of those can be brought on now.
    """

    stage: Stage
    project: ProjectStatus = ProjectStatus.RUNNING
    halted: bool = False
    reverses: bool = False
    answered: bool = False
    answer_code: str = ""
    confirmed: bool = False
    accepted: bool = False
    proof: Proof = Proof.VERIFY
    proving: bool = False
    follows: bool = False
    awaiting: bool = False
    waited: float = 0.0
    latency: float = 0.0
    told_to_end: bool = False
    apply: StepStatus | None = None
    capture: StepStatus | None = None
    verify: StepStatus | None = None
    differences: int = 0
    unsettled: int = 0
    reverse_step: StepStatus | None = None
    reverse_failed: bool = False
    guest: ProjectStatus | None = None
    guest_spools: bool = False
    guest_apply: StepStatus | None = None
    stale: bool = False
    stale_due: bool = False


def following(stage: Stage, *, reverses: bool) -> Stage:
    """Return the stage behind one."""
    after = FLOW[stage]
    return after if reverses or after not in ONLY_REVERSE else following(after, reverses=reverses)


def next_act(state: SwitchState) -> Act | None:
    """Return what to do now, or `None` to wait."""
    if state.stale_due:
        return Act.CLEAN
    if state.stage is Stage.CANCELLING:
        return None if state.stale else Act.END
    if (pace := _keep_pace(state)) is not None:
        return pace
    if state.project is not ProjectStatus.RUNNING or state.halted or state.stage in OVER:
        return None
    if state.stage in BY_TASK:
        return _by_task(state)
    return _RULES[state.stage](state)


def may_cancel(stage: Stage) -> bool:
    """Whether everything can still be as it was before."""
    return stage in STOPPED or stage in {
        Stage.PRECHECK,
        Stage.TARGET_LOG,
        Stage.CONFIRM,
        Stage.END,
        Stage.DRAIN,
    }


# Stages ---------------------------------------------------------------------------------------------------------------


def _by_task(state: SwitchState) -> Act | None:
    if state.stage is Stage.STOP_FORWARD and state.capture not in {StepStatus.FINISHED, None}:
        return None
    if not state.answered:
        return None
    if state.answer_code:
        return Act.BACK if state.answer_code == WRITTEN else Act.FAIL
    if state.stage is Stage.PRECHECK and (not state.follows or state.latency > LATENCY_SECONDS):
        return _catch_up(state)
    if state.stage is Stage.STILL_AGAIN and _differs(state):
        return Act.FAIL
    return Act.NEXT


def _catch_up(state: SwitchState) -> Act | None:
    if state.waited >= PATIENCE_SECONDS:
        return Act.FAIL
    return None if state.awaiting else Act.AWAIT


def _confirm(state: SwitchState) -> Act | None:
    """Wait for the operator, and for what is left of an attempt before."""
    return Act.NEXT if state.confirmed and not state.stale else None


def _drain(state: SwitchState) -> Act | None:
    if not state.told_to_end:
        return Act.DRAIN
    return Act.NEXT if state.apply is StepStatus.FINISHED else None


def _open(state: SwitchState) -> Act | None:
    if state.guest is ProjectStatus.INIT:
        return Act.OPEN
    return Act.NEXT if state.guest_spools else None


def _prove(state: SwitchState) -> Act | None:
    if state.proof is Proof.NONE or state.accepted:
        return Act.NEXT
    if state.proof is Proof.VERIFY and not state.proving:
        return Act.PROVE
    if state.verify is not StepStatus.FINISHED:
        return None if state.proving else Act.FAIL
    if state.unsettled and not state.proving:
        return Act.PROVE  # what was compared earlier says nothing of rows that moved then
    return Act.NEXT


def _differs(state: SwitchState) -> bool:
    """Whether rows differ, or moved, though nothing was written to the source: a write there would have shown as both."""
    proven = not state.differences and not state.unsettled
    return not proven and state.proof is not Proof.NONE and not state.accepted


def _reverse(state: SwitchState) -> Act | None:
    if state.guest_apply is None:
        return Act.FOLLOW
    return Act.NEXT if state.guest_apply in _GOES else None


_GOES = frozenset({StepStatus.RUNNING, StepStatus.MONITORING})

_RULES = {
    Stage.CONFIRM: _confirm,
    Stage.DRAIN: _drain,
    Stage.OPEN: _open,
    Stage.PROVE: _prove,
    Stage.REVERSE: _reverse,
}


# The reverse project --------------------------------------------------------------------------------------------------


def _keep_pace(state: SwitchState) -> Act | None:
    """Let the reverse project run, rest and fail with the project."""
    if state.project is ProjectStatus.SUSPEND and state.guest is ProjectStatus.RUNNING:
        return Act.PAUSE
    if state.project is not ProjectStatus.RUNNING:
        return None
    if state.guest is ProjectStatus.SUSPEND:
        return Act.RESUME
    if state.guest is ProjectStatus.FAILED and state.reverse_step is not StepStatus.FAILED:
        return Act.RESUME if state.reverse_failed else Act.TELL_FAILURE
    if state.stage is Stage.DONE and state.guest_apply in _GOES and state.reverse_step is not state.guest_apply:
        return Act.MIRROR
    return None
