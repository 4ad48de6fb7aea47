"""What an addition of objects needs next: a pure function from what is observed to one act (`docs/objects.md`)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ferryman.model.object_change import ObjectChangeStatus
from ferryman.model.project import ProjectStatus


class Act(enum.Enum):
    """The acts, each one transaction."""

    BEGIN = "begin"
    """Make and start the sub-project."""
    PAUSE = "pause"
    """The project is paused: so is its sub-project."""
    RESUME = "resume"
    HOLD = "hold"
    """Tell the project's apply to stand still."""
    STOP = "stop"
    """Tell the sub-project's apply to end at the place where the project's stands, or behind it."""
    JOIN = "join"
    """Tell the project's apply to take the tables over where the sub-project's has ended."""
    SETTLE = "settle"
    """The tables are the project's: write it into its spec, and release the sub-project."""
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditionState:
    """What is observed of an addition.

    Attributes:
        parent: The project's status.
        parent_follows: Whether it has caught up and is consistent.
        guest: The sub-project's status; `None`: there is none.
        guest_follows: Whether it has caught up, is consistent, and has nothing else to do.
        held: Whether the project's apply has said where it stands still.
        stopped: Whether the sub-project's apply knows where to end.
        joining: Whether the project's apply knows what to take over.
        joined: Whether it has said that it has.
    """

    status: ObjectChangeStatus
    parent: ProjectStatus
    parent_follows: bool = False
    guest: ProjectStatus | None = None
    guest_follows: bool = False
    held: bool = False
    stopped: bool = False
    joining: bool = False
    joined: bool = False


_LOST = frozenset({ProjectStatus.FAILED, ProjectStatus.RELEASING, ProjectStatus.RELEASED, ProjectStatus.DELETED})


def next_act(state: AdditionState) -> Act | None:
    """Return what to do now, or `None` to wait."""
    if state.status is ObjectChangeStatus.PENDING:
        ready = state.parent is ProjectStatus.RUNNING and state.parent_follows
        return Act.BEGIN if ready else None
    if state.joined:
        return Act.SETTLE
    if state.joining:
        return None  # from here on it cannot fail: the sub-project has done its work, the project's apply does the rest
    if state.guest is None or state.guest in _LOST:
        return Act.FAIL
    if state.status is ObjectChangeStatus.MERGING and state.guest is ProjectStatus.FINISHED:
        return Act.JOIN
    return _keep_pace(state) or (_hand_over(state) if state.parent is ProjectStatus.RUNNING else None)


def _keep_pace(state: AdditionState) -> Act | None:
    if state.parent is ProjectStatus.SUSPEND and state.guest is ProjectStatus.RUNNING:
        return Act.PAUSE
    if state.parent is ProjectStatus.RUNNING and state.guest is ProjectStatus.SUSPEND:
        return Act.RESUME
    return None


def _hand_over(state: AdditionState) -> Act | None:
    if state.status is ObjectChangeStatus.RUNNING:
        return Act.HOLD if state.guest_follows and state.parent_follows else None
    return Act.STOP if state.held and not state.stopped else None
