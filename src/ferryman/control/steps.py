"""What a project needs next: a pure function from what is observed to commands.

precheck → schema → capture (goes on beside all later steps) → load → index → apply (goes on) → verify (beside apply)
→ switchover (when an operator asks for it, `switching`) → reverse (a project of its own does the work)

A step may begin when every enabled step before it is *satisfied* (`satisfied`). Nothing is remembered between two calls:
`decide` looks at the whole project each time, so it does not matter at which instant the service was killed (I8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ferryman.model.project import ProjectSpec, ProjectStatus, StepName, StepStatus, StopWhen
from ferryman.spi.connector import is_sink

LONG_RUNNING = frozenset({StepName.CAPTURE, StepName.APPLY})
"""Steps that follow the source and end only when told to."""

TAIL = frozenset({StepName.SWITCHOVER, StepName.REVERSE})
"""Steps behind what a project does by itself."""

UNDER_WAY = frozenset({StepStatus.RUNNING, StepStatus.MONITORING})

RELEASE = "release"
"""The task that frees what a project holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """What is observed of an enabled step.

    Attributes:
        reported: Whether it has ever reported since it was set to INIT (CAPTURE: the log is being spooled).
        caught_up: APPLY: whether the task under way says so.
        caught_up_once: APPLY: whether any task of it has said so.
        alive: Whether its process runs, or has ended and nobody has judged that yet.
        stopping: Whether its process has been told to end.
        held: Whether its restart has to wait (backoff).
    """

    name: StepName
    status: StepStatus = StepStatus.INIT
    reported: bool = False
    caught_up: bool = False
    caught_up_once: bool = False
    alive: bool = False
    stopping: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectState:
    """What is observed of a project.

    Attributes:
        steps: The enabled ones, in running order.
        consistent: Whether apply has passed the position at which the load ended (true where there is no load).
        draining: Whether apply has been told to end at the source's position of that moment.
        switching: Whether a switchover is under way.
        keeps_log: Whether capture goes on though apply has ended: a switchover may still be cancelled.
        release: The release task, as `StepState` would say it.
    """

    status: ProjectStatus
    steps: tuple[StepState, ...]
    stop_when: StopWhen = StopWhen.NEVER
    consistent: bool = True
    draining: bool = False
    switching: bool = False
    keeps_log: bool = False
    release_alive: bool = False
    release_held: bool = False

    def step(self, name: StepName) -> StepState | None:
        """Return an enabled step, or `None`."""
        return next((step for step in self.steps if step.name is name), None)


@dataclass(frozen=True, slots=True)
class Launch:
    """Start the process of a task."""

    task: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Tell the process of a task to end."""

    task: str


@dataclass(frozen=True, slots=True)
class SetStep:
    """Change a step's status."""

    name: StepName
    status: StepStatus


@dataclass(frozen=True, slots=True)
class SetProject:
    """Change the project's status; for FAILED, `because` names the step."""

    status: ProjectStatus
    because: StepName | None = None


@dataclass(frozen=True, slots=True)
class Drain:
    """Tell apply to end at the source's position now (note ``apply.drain``)."""


Command = Launch | Stop | SetStep | SetProject | Drain


def enabled_steps(spec: ProjectSpec) -> tuple[StepName, ...]:
    """Return the steps that take part, in running order; some come by themselves.

    INDEX where tables and rows are made, SWITCHOVER where changes are to flow back.
    """
    chosen = set(spec.steps) - {StepName.INDEX}
    if {StepName.SCHEMA, StepName.LOAD} <= chosen and not is_sink(spec.target):
        chosen.add(StepName.INDEX)
    if StepName.REVERSE in chosen:
        chosen.add(StepName.SWITCHOVER)
    return tuple(name for name in StepName if name in chosen)


def decide(project: ProjectState) -> list[Command]:
    """Return what to do now, in order; nothing when all is as it should be."""
    if project.status is ProjectStatus.RUNNING:
        return list(_running(project))
    if project.status is ProjectStatus.FAILED:
        return list(_failed(project))
    if project.status is ProjectStatus.RELEASING:
        return list(_releasing(project))
    return list(_resting(project, keep=frozenset()))


def satisfied(step: StepState, *, consistent: bool) -> bool:
    """Whether steps behind this one may begin.

    CAPTURE: once it spools the log, for the load must not outlive the source's own log. APPLY: once it has caught up and
    has passed the end of the load (verification of a target that is still converging would only find what is on its way).
    """
    if step.status is StepStatus.FINISHED:
        return True
    if step.name is StepName.CAPTURE:
        return step.reported
    if step.name is StepName.APPLY:
        return step.status is StepStatus.MONITORING and step.caught_up and consistent
    return False


# By status of the project -------------------------------------------------------------------------------------------


def _running(project: ProjectState) -> Iterator[Command]:
    failed = next((step for step in project.steps if step.status is StepStatus.FAILED), None)
    if failed is not None:
        yield SetProject(ProjectStatus.FAILED, failed.name)
        return
    if all(step.status is StepStatus.FINISHED and not step.alive for step in project.steps):
        yield SetProject(ProjectStatus.FINISHED)
        return
    yield from _end_capture(project)
    may_begin = True
    for step in project.steps:
        if _wanted(project, step, may_begin=may_begin):
            yield from _keep_going(step)
        elif step.alive and not step.stopping:
            yield Stop(step.name.value)
        may_begin = may_begin and satisfied(step, consistent=project.consistent)
    if _ready_to_drain(project):
        yield Drain()


def _wanted(project: ProjectState, step: StepState, *, may_begin: bool) -> bool:
    if step.status is StepStatus.FINISHED:
        return False
    if step.name in TAIL:
        return step.name is StepName.SWITCHOVER and project.switching
    if step.name is StepName.CAPTURE and _log_is_done_with(project):
        return False
    return step.status in UNDER_WAY or may_begin


def _keep_going(step: StepState) -> Iterator[Command]:
    """Yield what brings a wanted step to run: its status, its process."""
    if step.alive:
        if step.status is StepStatus.RUNNING and step.caught_up_once:
            yield SetStep(step.name, StepStatus.MONITORING)
        return
    wanted = StepStatus.MONITORING if step.caught_up_once else StepStatus.RUNNING
    if step.status is not wanted:
        yield SetStep(step.name, wanted)
    if not step.held:
        yield Launch(step.name.value)


def _end_capture(project: ProjectState) -> Iterator[Command]:
    capture = project.step(StepName.CAPTURE)
    if capture and _log_is_done_with(project) and not capture.alive and capture.status is not StepStatus.FINISHED:
        yield SetStep(StepName.CAPTURE, StepStatus.FINISHED)


def _log_is_done_with(project: ProjectState) -> bool:
    """Whether nobody will apply the source's log any more."""
    apply = project.step(StepName.APPLY)
    return apply is not None and apply.status is StepStatus.FINISHED and not project.keeps_log


def _ready_to_drain(project: ProjectState) -> bool:
    """Whether apply may end: all else is done, it has caught up, and the user asked for an end."""
    apply = project.step(StepName.APPLY)
    if apply is None or project.draining or project.stop_when is not StopWhen.CAUGHT_UP:
        return False
    others = (step for step in project.steps if step.name not in LONG_RUNNING)
    return all(step.status is StepStatus.FINISHED for step in others) and (
        apply.status is StepStatus.MONITORING and apply.caught_up and project.consistent
    )


def _failed(project: ProjectState) -> Iterator[Command]:
    """Capture goes on in a failed project, so that the source's log is not lost while somebody mends the cause."""
    capture = project.step(StepName.CAPTURE)
    if capture is None or capture.status is not StepStatus.RUNNING:
        yield from _resting(project, keep=frozenset())
        return
    yield from _keep_going(capture)
    yield from _resting(project, keep=frozenset({StepName.CAPTURE}))


def _resting(project: ProjectState, keep: frozenset[StepName]) -> Iterator[Command]:
    """Stop what runs; what is not finished waits as SUSPEND."""
    for step in project.steps:
        if step.name in keep:
            continue
        if step.alive and not step.stopping:
            yield Stop(step.name.value)
        if not step.alive and step.status in UNDER_WAY:
            yield SetStep(step.name, StepStatus.SUSPEND)


def _releasing(project: ProjectState) -> Iterator[Command]:
    if any(step.alive for step in project.steps):
        yield from _resting(project, keep=frozenset())
    elif not project.release_alive and not project.release_held:
        yield Launch(RELEASE)
