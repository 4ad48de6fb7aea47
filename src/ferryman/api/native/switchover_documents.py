"""What the native API takes and answers about switchovers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ferryman.control.switchovers import actions
from ferryman.model.switchover import NO_RETURN, SUB_STEP, Stage, SubStep, Switchover

Item = Annotated[str, Field(max_length=64)]
Action = Literal["confirm", "retry", "accept", "cancel"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewSwitchover(_Model):
    """How to switch over."""

    source_stopped: bool = Field(
        default=False, description="Nobody writes to the source any more: confirmed at once, so nothing is waited for."
    )
    proof: Literal["verify", "earlier", "none"] = Field(
        default="verify",
        description="What has to stand first: all rows compared at rest, the verification done already, or nothing.",
    )
    skip: list[Item] = Field(default=[], max_length=100, description="Items of the precheck that may fail.")


class SwitchoverDecision(_Model):
    """What goes with an action."""

    skip: list[Item] = Field(default=[], max_length=100, description="retry: items of the precheck that may fail.")


class SubStepDocument(_Model):
    """One of the eight sub-steps."""

    name: Literal["start", "precheck", "target-log", "confirm", "reached", "stop-forward", "objects", "reverse"]
    status: Literal["waiting", "running", "needs-you", "done"]
    by: Literal["operator", "ferryman"]
    reached_at: datetime | None


class SwitchoverProblem(_Model):
    """What keeps a switchover where it is until the operator decides."""

    code: str
    message: str
    hint: str


class SwitchoverDocument(_Model):
    """A switchover as it stands."""

    id: str
    project_id: str
    stage: str = Field(description="Finer than the sub-steps; `done` and `cancelled` are the ends.")
    sub_steps: list[SubStepDocument] = Field(description="Those that take part, in order.")
    actions: list[Action] = Field(description="What may be done now.")
    may_cancel: bool
    application_may_write: bool = Field(description="Whether the application may write to the target now.")
    proof: Literal["verify", "earlier", "none"]
    source_stopped: bool
    error: SwitchoverProblem | None
    reverses: bool = Field(description="Whether changes flow back to the source afterwards.")
    reverse_id: str = Field(description="The project that moves changes back; empty before and without.")
    source_end: dict[str, Any] | None = Field(description="Where the source's log ended.")
    target_start: dict[str, Any] | None = Field(description="From where the target's changes flow back.")
    created_at: datetime
    changed_at: datetime


def switchover_document(found: Switchover) -> SwitchoverDocument:
    """Show a switchover."""
    return SwitchoverDocument(
        id=found.id,
        project_id=found.project_id,
        stage=found.stage.value,
        sub_steps=_sub_steps(found),
        actions=list(actions(found)),  # type: ignore[arg-type]
        may_cancel="cancel" in actions(found),
        application_may_write=found.stage in {Stage.REVERSE, Stage.DONE},
        proof=found.proof.value,
        source_stopped=found.confirmed,
        error=_problem(found),
        reverses=found.reverses,
        reverse_id=found.reverse_id,
        source_end=found.source_end,
        target_start=found.target_start,
        created_at=datetime.fromtimestamp(found.created_at, UTC),
        changed_at=datetime.fromtimestamp(found.changed_at, UTC),
    )


def _problem(found: Switchover) -> SwitchoverProblem | None:
    error = found.error
    if error is None:
        return None
    return SwitchoverProblem(code=error["code"], message=error["message"], hint=error["hint"])


def _sub_steps(found: Switchover) -> list[SubStepDocument]:
    left_out = set() if found.reverses else {SubStep.TARGET_LOG, SubStep.REVERSE}
    names = [name for name in SubStep if name not in left_out]
    return [_sub_step(found, name) for name in names]


def _sub_step(found: Switchover, name: SubStep) -> SubStepDocument:
    at = [found.reached[stage.value] for stage in Stage if SUB_STEP.get(stage) is name and stage.value in found.reached]
    moment = found.created_at if name is SubStep.START else min(at, default=None)
    place = _place(found)
    passed = list(SubStep).index(name) < place
    return SubStepDocument(
        name=name.value,
        status="done" if passed else _status(found) if list(SubStep).index(name) == place else "waiting",
        by="operator" if name in {SubStep.START, SubStep.CONFIRM} else "ferryman",
        reached_at=None if moment is None or list(SubStep).index(name) > place else datetime.fromtimestamp(moment, UTC),
    )


def _place(found: Switchover) -> int:
    """Return the sub-step it is at, counted from 0; 8 when all are done."""
    if found.stage is Stage.DONE:
        return len(SubStep)
    return list(SubStep).index(SUB_STEP.get(found.stage, SubStep.START))


def _status(found: Switchover) -> Literal["running", "needs-you"]:
    asks = found.error is not None or (found.stage is Stage.CONFIRM and not found.confirmed)
    return "needs-you" if asks and found.stage not in NO_RETURN - {Stage.STOP_FORWARD, Stage.OBJECTS} else "running"
