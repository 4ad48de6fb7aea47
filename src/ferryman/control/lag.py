"""Why a project is behind its source: what its tasks report, weighed, and the bottleneck named with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ferryman.control.views import ProjectView, StepView
from ferryman.model.project import ProjectStatus, StepName, StepStatus

CAPTURE_LATE_SECONDS = 5.0
"""A source that is alive is heard of once a second: behind by more, the log itself comes late."""
MANY_RESTARTS = 3
_RUNNING = frozenset({StepStatus.RUNNING, StepStatus.MONITORING})
_STUCK_SECONDS = 2.0
_LOG_STAGES = ("decoding", "planning", "reading")
_NOT_FOLLOWING = frozenset(
    {
        ProjectStatus.INIT,
        ProjectStatus.FINISHED,
        ProjectStatus.RELEASING,
        ProjectStatus.RELEASED,
        ProjectStatus.DELETED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """The verdict and what it rests on.

    Attributes:
        reason: ``not-following``, ``caught-up``, ``failed``, ``paused``, ``loading``, ``waiting``, ``restarting``, or the
            bottleneck: ``source``, ``log-store``, ``transaction``, ``statement``, ``hot-rows``, ``target``, ``decoding``,
            ``lease``, ``speed-limit``, ``apply``.
        message: One sentence with names and numbers; never a row's value.
        latency_seconds: The target behind the source.
        latency: Of the changes of the last five minutes: ``changes``, ``p50``, ``p99`` (seconds).
        capture_seconds: The log store behind the source.
        apply_seconds: The target behind the log store.
        source_bytes_waiting: Log at the source that has not been read.
        log_bytes_waiting: Log in the store that has not been applied.
        evidence: What the tasks reported: ``stages`` (seconds of the last half minute), ``capture_stages``,
            ``statement``, ``hot_rows``, ``transaction``.
    """

    reason: str
    message: str
    latency_seconds: float | None = None
    latency: Mapping[str, Any] | None = None
    capture_seconds: float | None = None
    apply_seconds: float | None = None
    source_bytes_waiting: int | None = None
    log_bytes_waiting: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


def explain(project: ProjectView, now: float) -> Lag:
    """Name the bottleneck of a project at `now`, Unix seconds."""
    capture, apply = project.step(StepName.CAPTURE), project.step(StepName.APPLY)
    if apply is None:
        return Lag(reason="not-following", message="the project does not follow its source")
    reason, message = _state(project, apply) or _bottleneck(_Measured(project, capture, apply, now))
    return _lag(reason, message, capture, apply, now)


def _state(project: ProjectView, apply: StepView) -> tuple[str, str] | None:
    """What explains it without measuring."""
    load = project.step(StepName.LOAD)
    if project.status in _NOT_FOLLOWING:
        return "not-following", f"the project is {project.status.value}: it does not follow its source now"
    if project.status is ProjectStatus.FAILED:
        error = project.error or apply.error
        return "failed", f"the project has stopped: {error.message if error else 'see its events'}"
    if project.status is ProjectStatus.SUSPEND:
        return "paused", "the project is paused; `resume` lets it go on"
    if apply.status not in _RUNNING:
        if load is not None and load.status is StepStatus.RUNNING:
            return "loading", "rows are still being loaded; changes wait in the log store"
        return "waiting", f"apply is {apply.status.value}"
    if apply.progress.latency_seconds is None:
        return "waiting", "apply has not reported a latency yet"
    return None


class _Measured:
    """Figures of a project that follows its source."""

    def __init__(self, project: ProjectView, capture: StepView | None, apply: StepView, now: float) -> None:
        self.apply = apply
        self.info = apply.progress.info
        self.capture_info = capture.progress.info if capture is not None else {}
        self.late = _capture_seconds(capture, now)
        self.waits = _apply_seconds(capture, apply)
        self.latency = apply.progress.latency_seconds or 0.0
        self.restarts = max(apply.restarts, capture.restarts if capture is not None else 0)
        self.limit = project.spec.apply.caught_up_seconds

    def share(self, *stages: str) -> float:
        """Return the share of the last half minute that stages of apply took."""
        spent = self.info.get("stages") or {}
        return float(sum(spent.get(stage, 0.0) for stage in stages)) / (spent.get("all") or 1.0)

    def capture_share(self, stage: str) -> float:
        """Return the share that a stage of capture took."""
        spent = self.capture_info.get("stages") or {}
        return float(spent.get(stage, 0.0)) / (spent.get("all") or 1.0)


def _bottleneck(found: _Measured) -> tuple[str, str]:
    for judge in _JUDGES:
        if verdict := judge(found):
            return verdict
    return "apply", f"apply takes what comes, {found.apply.progress.rows_per_second:.0f} changes/s, and is still behind"


def _transaction(found: _Measured) -> tuple[str, str] | None:
    at = found.info.get("transaction")
    if not at:
        return None
    left = "" if at["seconds_left"] is None else f", about {at['seconds_left']:.0f} s to go"
    return "transaction", (
        f"one transaction behind {at['position']} is applied in parts: {at['rows']} rows ({_bytes(at['bytes'])}) are in,"
        f" {_bytes(at['log_bytes_left'])} of log are left{left}"
    )


def _stuck(found: _Measured) -> tuple[str, str] | None:
    at = found.info.get("statement")
    if not at or not at["running"] or at["seconds"] < _STUCK_SECONDS:
        return None
    if at["operation"] == "lease":
        return (
            "lease",
            f"apply has waited {at['seconds']:.0f} s for its lease at the target: another holder has it locked",
        )
    return "statement", f"{_statement(at)} has been running for {at['seconds']:.0f} s: a lock, or no index for it"


def _caught_up(found: _Measured) -> tuple[str, str] | None:
    if found.latency > found.limit or (found.late or 0.0) > CAPTURE_LATE_SECONDS + found.limit:
        return None
    return "caught-up", f"it is not behind: changes reach the target within {found.latency:.1f} s"


def _restarting(found: _Measured) -> tuple[str, str] | None:
    if found.restarts < MANY_RESTARTS:
        return None
    return "restarting", f"a step was started {found.restarts} times again: the events say why"


def _capture(found: _Measured) -> tuple[str, str] | None:
    late = found.late or 0.0
    if late <= CAPTURE_LATE_SECONDS or late < (found.waits or 0.0):
        return None
    waiting = found.capture_info.get("source_bytes_waiting")
    told = "" if waiting is None else f", {_bytes(waiting)} behind its end"
    if found.capture_share("storing") > found.capture_share("source"):
        return (
            "log-store",
            f"the log is read {late:.0f} s behind the source{told}: writing it to the local disk takes most",
        )
    return (
        "source",
        f"the log comes {late:.0f} s behind the source{told}: the source or the network sends it too slowly",
    )


def _speed_limit(found: _Measured) -> tuple[str, str] | None:
    if found.share("held") < 0.3:
        return None
    return "speed-limit", f"apply was held back {found.share('held'):.0%} of the time by the project's limit of speed"


def _target(found: _Measured) -> tuple[str, str] | None:
    share = found.share("lanes", "writing", "committing", "lease")
    if share < 0.5 or share < found.share(*_LOG_STAGES):  # the log is read on meanwhile: both may take most of the time
        return None
    crowd, at = found.info.get("hot_rows"), found.info.get("statement")
    slowest = f"; the slowest: {_statement(at)}, {at['seconds']:.2f} s" if at else ""
    if crowd:
        return "hot-rows", (
            f"{crowd['changes']} changes in one window met {crowd['rows']} rows of {crowd['table']}"
            f" (key {', '.join(crowd['key'])}), and the target takes {share:.0%} of the time{slowest}"
        )
    if found.share("lease") > 0.3:
        return "lease", f"locking the lease at the target takes {found.share('lease'):.0%} of the time"
    return "target", f"the target takes {share:.0%} of the time{slowest}"


def _decoding(found: _Measured) -> tuple[str, str] | None:
    share = found.share(*_LOG_STAGES)
    if share < 0.5:
        return None
    return (
        "decoding",
        f"reading, decoding and compacting the log takes {share:.0%} of the time: this machine is the limit",
    )


_JUDGES: tuple[Callable[[_Measured], tuple[str, str] | None], ...] = (
    _stuck,
    _transaction,
    _caught_up,
    _restarting,
    _capture,
    _speed_limit,
    _target,
    _decoding,
)
"""In order: what holds everything up now, then what is slow."""


def _lag(reason: str, message: str, capture: StepView | None, apply: StepView, now: float) -> Lag:
    info, captured = apply.progress.info, capture.progress.info if capture is not None else {}
    evidence = {name: info.get(name) for name in ("stages", "statement", "hot_rows", "transaction")}
    return Lag(
        reason=reason,
        message=message,
        latency_seconds=apply.progress.latency_seconds,
        latency=info.get("latency"),
        capture_seconds=_capture_seconds(capture, now),
        apply_seconds=_apply_seconds(capture, apply),
        source_bytes_waiting=captured.get("source_bytes_waiting"),
        log_bytes_waiting=info.get("log_bytes_waiting"),
        evidence=evidence | {"capture_stages": captured.get("stages"), "log_store": captured.get("log_store")},
    )


def _capture_seconds(capture: StepView | None, now: float) -> float | None:
    seconds = capture.progress.checkpoint_seconds if capture is not None else None
    return max(0.0, now - seconds) if seconds else None


def _apply_seconds(capture: StepView | None, apply: StepView) -> float | None:
    captured = capture.progress.checkpoint_seconds if capture is not None else None
    applied = apply.progress.checkpoint_seconds
    return float(max(0, captured - applied)) if captured and applied else None


def _statement(at: Mapping[str, Any]) -> str:
    by = f" by {', '.join(at['key'])}" if at["key"] else ""
    rows = f" of {at['rows']} rows" if at["rows"] else ""
    return f"{at['operation']}{rows} at {at['table']}{by}"


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.0f} TB"
