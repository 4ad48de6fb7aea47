"""What follows when a task's process has ended: a pure function, and the patience it has with restarts."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from typing import Any

from ferryman.executor.child import EXIT_DISK_FULL, EXIT_LEASE_LOST, EXIT_METADB_AWAY
from ferryman.foundation.errors import FerrymanError

DELAYS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before the first, second … restart; the last one for all later ones."""

HEALTHY_SECONDS = 60.0
"""A task that ran so long was well: failures before are forgotten."""

CRASH_LIMIT = 10
"""So many crashes in a row, each before it was well and none with progress: the step has failed."""

PATIENCE_SECONDS = 300.0
"""So long an error that mends itself (a lost connection) is waited for."""

REACHED_BEFORE = frozenset({"endpoint.unreachable"})
"""Codes that are the operator's matter at first, but mend themselves at an endpoint that was reached before."""

Mark = tuple[float, ...]
"""How far a step is; a greater one is progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is remembered of a task between restarts (in memory: a restarted service begins with full patience).

    Attributes:
        failures: Failures in a row, without progress between.
        since: When the first of them was, by the monotonic clock.
        not_before: No restart earlier, likewise.
        best: The furthest the task has come.
    """

    failures: int = 0
    since: float = 0.0
    not_before: float = 0.0
    best: Mark = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a process ended.

    Attributes:
        outcome: ``finished``, ``stopped``, ``failed`` as it said itself; `None`: it said nothing.
        error: Of a failed one: code, message, hint, retry.
        exit_code: Of the process; negative: the signal that ended it.
        ran_seconds: How long it ran.
        mark: How far the step is now.
        endless: Whether the step ends only when told to, and nobody has.
        reached_before: Whether its endpoints were reached earlier in the project.
        last_line: Of its log.
    """

    outcome: str | None
    error: dict[str, Any] | None = None
    exit_code: int = 0
    ran_seconds: float = 0.0
    mark: Mark = ()
    endless: bool = False
    reached_before: bool = False
    last_line: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The step's work is done."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """It ended because it was told to."""


@dataclass(frozen=True, slots=True)
class Again:
    """Start it again from its checkpoint once `health.not_before` has come."""

    health: Health
    error: dict[str, Any]
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The step has failed."""

    error: dict[str, Any]


Verdict = Finished | Stopped | Again | Failed


def judge(ending: Ending, health: Health, now: float) -> Verdict:
    """Say what follows from an ending."""
    if ending.outcome == "finished" and not ending.endless:
        return Finished()
    if ending.outcome == "stopped":
        return Stopped()
    told = ending.error if ending.outcome == "failed" else None
    worse = worsened(health, ending, now)
    if _given_up(ending, told or _crash(ending), worse, now):
        return Failed(told or _crash(ending))
    # Of a restart that is no news: the last line is kept for who has to look.
    return Again(worse, told or _crash(replace(ending, last_line="")), worse.not_before - now)


def worsened(health: Health, ending: Ending, now: float) -> Health:
    """Count a failure; one after a time of health, or after progress, is the first."""
    progressed = ending.mark > health.best
    if ending.ran_seconds >= HEALTHY_SECONDS or progressed or not health.failures:
        health = replace(health, failures=0, since=now, best=max(ending.mark, health.best))
    delay = DELAYS[min(health.failures, len(DELAYS) - 1)]
    return replace(health, failures=health.failures + 1, not_before=now + delay)


def _given_up(ending: Ending, error: dict[str, Any], health: Health, now: float) -> bool:
    if error["code"] == "task.crashed":
        return health.failures >= CRASH_LIMIT
    if error["retry"] == "auto" or (error["code"] in REACHED_BEFORE and ending.reached_before):
        return now - health.since > PATIENCE_SECONDS
    return True


def _crash(ending: Ending) -> dict[str, Any]:
    if ending.exit_code == EXIT_DISK_FULL:
        return FerrymanError("disk.full", "the disk of the data directory is full").to_json()
    if ending.exit_code == EXIT_METADB_AWAY:
        return FerrymanError("metadb.unreachable", "the process could not reach the metadb").to_json()
    if ending.exit_code == EXIT_LEASE_LOST:
        return FerrymanError("lease.lost", "the process had lost its lease").to_json()
    how = "by itself, unasked" if ending.outcome == "finished" else how_ended(ending.exit_code)
    last = f"; last line of its log: {ending.last_line}" if ending.last_line else ""
    return FerrymanError("task.crashed", f"the process ended {how}{last}").to_json()


def how_ended(exit_code: int) -> str:
    """Return an exit code in words."""
    if exit_code >= 0:
        return f"with exit code {exit_code}"
    try:
        return f"by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"by signal {-exit_code}"
