"""A switchover: the application moves from the source to the target, and changes may flow back (`docs/switchover.md`)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any


class Stage(enum.Enum):
    """Where a switchover stands, in running order."""

    PRECHECK = "precheck"
    """Can it be done: latency, privileges at the source, the log of the target."""
    TARGET_LOG = "target-log"
    """The target's log can be read."""
    CONFIRM = "confirm"
    """The operator says that nobody writes to the source any more."""
    END = "end"
    """Where does the source's log end."""
    DRAIN = "drain"
    """Apply goes to that place and ends."""
    STILL = "still"
    """Nothing was written to the source behind it; the target's place, from which changes will flow back."""
    OPEN = "open"
    """The target's log is being spooled from that place on."""
    PROVE = "prove"
    """Every row is compared, while neither side moves."""
    STILL_AGAIN = "still-again"
    """Nothing was written to the source meanwhile: then differences are what they seem."""
    STOP_FORWARD = "stop-forward"
    """The point of no return: capture of the source ends, its log is let go."""
    OBJECTS = "objects"
    """Numbers that the target gives by itself go on behind those of the source."""
    REVERSE = "reverse"
    """Changes of the target flow to the source."""
    DONE = "done"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class SubStep(enum.Enum):
    """The eight sub-steps of OMS's forward switchover."""

    START = "start"
    PRECHECK = "precheck"
    TARGET_LOG = "target-log"
    CONFIRM = "confirm"
    REACHED = "reached"
    STOP_FORWARD = "stop-forward"
    OBJECTS = "objects"
    REVERSE = "reverse"


SUB_STEP: dict[Stage, SubStep] = {
    Stage.PRECHECK: SubStep.PRECHECK,
    Stage.TARGET_LOG: SubStep.TARGET_LOG,
    Stage.CONFIRM: SubStep.CONFIRM,
    Stage.END: SubStep.REACHED,
    Stage.DRAIN: SubStep.REACHED,
    Stage.STILL: SubStep.REACHED,
    Stage.OPEN: SubStep.REACHED,
    Stage.PROVE: SubStep.REACHED,
    Stage.STILL_AGAIN: SubStep.REACHED,
    Stage.STOP_FORWARD: SubStep.STOP_FORWARD,
    Stage.OBJECTS: SubStep.OBJECTS,
    Stage.REVERSE: SubStep.REVERSE,
}

BY_TASK = frozenset(
    {
        Stage.PRECHECK,
        Stage.TARGET_LOG,
        Stage.END,
        Stage.STILL,
        Stage.STILL_AGAIN,
        Stage.STOP_FORWARD,
        Stage.OBJECTS,
    }
)
"""Stages of which the switchover's task does the work; the others are control's or the operator's."""

STOPPED = frozenset({Stage.STILL, Stage.OPEN, Stage.PROVE, Stage.STILL_AGAIN})
"""Stages in which apply has ended and can still be called back."""

NO_RETURN = frozenset({Stage.STOP_FORWARD, Stage.OBJECTS, Stage.REVERSE, Stage.DONE})
"""From here on the target is the application's: nothing flows forward any more."""

OVER = frozenset({Stage.DONE, Stage.CANCELLED})


class Proof(enum.Enum):
    """What has to stand before the application may go over."""

    VERIFY = "verify"
    """Every row compared after the source has come to rest."""
    EARLIER = "earlier"
    """The verification that the project has done already, with 0 differences."""
    NONE = "none"
    """Nothing: the operator knows better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switchover:
    """One switchover of a project.

    Attributes:
        reverse_id: The project that moves changes back; empty where none is asked for, or not made yet.
        round: Raised with each stage that is entered: an answer of the task belongs to one round.
        confirmed: Whether the operator has said that nobody writes to the source.
        accepted: Whether the operator has accepted differences.
        skip: Items of the precheck whose failure the operator has accepted.
        error: What keeps it at its stage until the operator decides: code, message, hint.
        source_end: Where the source's log ended, as JSON of a position.
        target_start: From where the target's changes flow back, likewise.
        selection: What flows back, as JSON of a selection.
        reverse_failed: Whether the failure of the reverse project has been told.
        proving: Whether the verification has been begun anew.
        awaiting: Whether it has been told that this stage waits for what passes by itself.
        stale: Reverse projects of attempts that were given up; they are being freed.
        reached: Stage → when it was entered last, Unix seconds.
    """

    id: str
    project_id: str
    stage: Stage = Stage.PRECHECK
    reverse_id: str = ""
    reverses: bool = False
    round: int = 1
    proof: Proof = Proof.VERIFY
    confirmed: bool = False
    accepted: bool = False
    skip: tuple[str, ...] = ()
    error: dict[str, Any] | None = None
    source_end: dict[str, Any] | None = None
    target_start: dict[str, Any] | None = None
    selection: dict[str, Any] | None = None
    reverse_failed: bool = False
    proving: bool = False
    awaiting: bool = False
    stale: tuple[str, ...] = ()
    reached: dict[str, float] = field(default_factory=dict)
    created_at: float = 0.0
    changed_at: float = 0.0
