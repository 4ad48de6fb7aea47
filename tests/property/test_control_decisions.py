"""`steps.decide` in a world of its own: processes begin, report, end and crash at any time, users pause and resume.

The world does what `decide` says; what must never happen is checked after each move, and at the end, left alone, every
project comes to rest where it should.
"""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.control.endings import (
    CRASH_LIMIT,
    DELAYS,
    HEALTHY_SECONDS,
    PATIENCE_SECONDS,
    Again,
    Ending,
    Failed,
    Finished,
    Health,
    Stopped,
    judge,
)
from ferryman.control.steps import (
    TAIL,
    Drain,
    Launch,
    ProjectState,
    SetProject,
    SetStep,
    StepState,
    Stop,
    decide,
    enabled_steps,
)
from ferryman.model.project import Endpoint, ProjectSpec, ProjectStatus, StepName, StepStatus, StopWhen

S, P, N = StepStatus, ProjectStatus, StepName
FOLLOWING = {N.CAPTURE, N.APPLY}
CHOICES = [
    (N.PRECHECK, N.SCHEMA, N.CAPTURE, N.LOAD, N.APPLY, N.VERIFY),
    (N.PRECHECK, N.SCHEMA, N.LOAD),
    (N.SCHEMA,),
    (N.LOAD, N.VERIFY),
    (N.CAPTURE, N.LOAD, N.APPLY),
    (N.PRECHECK, N.CAPTURE, N.APPLY, N.VERIFY),
    (N.VERIFY,),
]


@dataclass
class World:
    """A project and its processes; `order` is what has begun, in order."""

    project: ProjectState
    loaded: bool = False
    order: list[StepName] = field(default_factory=list)
    monitored: bool = False

    @classmethod
    def of(cls, steps, stop_when):
        spec = ProjectSpec(name="x", source=Endpoint(scheme="a"), target=Endpoint(scheme="b"), steps=steps)
        states = tuple(StepState(name=name) for name in enabled_steps(spec))
        has_both = {N.LOAD, N.APPLY} <= set(steps)
        return cls(ProjectState(status=P.RUNNING, steps=states, stop_when=stop_when, consistent=not has_both))

    def change(self, name, **values):
        steps = tuple(replace(step, **values) if step.name is name else step for step in self.project.steps)
        self.project = replace(self.project, steps=steps)

    def round(self):
        """Do what `decide` says, once; returns what it said."""
        commands = decide(self.project)
        for command in commands:
            self.obey(command)
        return commands

    def obey(self, command):
        if isinstance(command, Launch):
            self.launch(command.task)
        elif isinstance(command, Stop):
            step = self.project.step(N(command.task))
            assert step.alive, "only what runs can be stopped"
            assert not step.stopping, "told once"
            self.change(step.name, stopping=True)
        elif isinstance(command, SetStep):
            self.set_step(command)
        elif isinstance(command, SetProject):
            self.project = replace(self.project, status=command.status)
        elif isinstance(command, Drain):
            assert not self.project.draining
            self.project = replace(self.project, draining=True)

    def launch(self, task):
        if task == "release":
            assert not any(step.alive for step in self.project.steps), "released while something runs"
            self.project = replace(self.project, release_alive=True)
            return
        step = self.project.step(N(task))
        assert not step.alive, "two holders of a task"
        assert not step.held, "backoff is kept"
        assert step.status in {S.RUNNING, S.MONITORING}, "what runs says so"
        assert self.project.status is P.RUNNING or (self.project.status is P.FAILED and step.name is N.CAPTURE)
        self.check_order(step.name)
        self.change(step.name, alive=True, stopping=False, caught_up=False)

    def check_order(self, name):
        if name not in self.order:
            self.order.append(name)
        before = [step for step in self.project.steps if list(N).index(step.name) < list(N).index(name)]
        for step in before:
            if step.name is N.CAPTURE:
                assert step.reported or step.status is S.FINISHED, f"{name} before the log is spooled"
            elif step.name is not N.APPLY:
                assert step.status is S.FINISHED, f"{name} before {step.name}"

    def set_step(self, command):
        step = self.project.step(command.name)
        if step.name is N.APPLY and self.monitored:
            assert command.status is not S.RUNNING, "MONITORING never goes back to RUNNING"
        self.monitored = self.monitored or command.status is S.MONITORING
        assert step.status is not S.FINISHED, "finished is finished"
        self.change(command.name, status=command.status)

    # what processes do

    def report(self, step):
        if not step.alive:
            return
        self.change(step.name, reported=True)
        if step.name is N.APPLY:
            loaded = self.project.step(N.LOAD) is None or self.project.step(N.LOAD).status is S.FINISHED
            self.change(step.name, caught_up=True, caught_up_once=True)
            self.project = replace(self.project, consistent=self.project.consistent or loaded)

    def end(self, step):
        """A process comes to its end, as it should."""
        if not step.alive:
            return
        ends = step.stopping or step.name not in FOLLOWING or (step.name is N.APPLY and self.project.draining)
        if not ends:
            return
        status = step.status if step.stopping else S.FINISHED
        self.change(step.name, alive=False, stopping=False, caught_up=False, status=status)

    def crash(self, step):
        if step.alive:
            self.change(step.name, alive=False, stopping=False, caught_up=False, held=True)

    def fail(self, step):
        if step.alive and not step.stopping:
            self.change(step.name, alive=False, caught_up=False, status=S.FAILED)

    def heal(self, step):
        self.change(step.name, held=False)

    def restart_service(self, _step):
        """kill -9 of the service: all processes die with it, the metadb stays."""
        for step in self.project.steps:
            self.change(step.name, alive=False, stopping=False, caught_up=False, held=False)

    def pause(self, _step):
        if self.project.status is P.RUNNING:
            self.project = replace(self.project, status=P.SUSPEND)

    def resume(self, _step):
        if self.project.status in {P.SUSPEND, P.FAILED}:
            self.project = replace(self.project, status=P.RUNNING)
            for step in self.project.steps:
                if step.status is S.FAILED:
                    self.change(step.name, status=S.INIT, held=False)

    def settle(self):
        """Decide until there is nothing to do; that must come soon."""
        for _ in range(20):
            if not self.round():
                return
        raise AssertionError(f"never at rest: {decide(self.project)}")


MOVES = ("report", "end", "crash", "fail", "heal", "restart_service", "pause", "resume")
QUIET_MOVES = ("report", "end", "heal")
moves = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 6), st.booleans()), max_size=60)


head_starts = st.integers(0, 12)


def left_alone(world, times):
    """Let everything go as it should for a while."""
    for _ in range(times):
        world.settle()
        for place in range(len(world.project.steps)):
            for what in QUIET_MOVES:
                move(world, what, place)


def move(world, what, place, *, rounds=True):
    step = world.project.steps[place % len(world.project.steps)]
    getattr(world, what)(step)
    if rounds:
        world.round()


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(CHOICES), st.sampled_from(StopWhen), head_starts, moves)
def test_whatever_happens_the_rules_hold_and_the_project_ends_where_it_should(steps, stop_when, head_start, played):
    world = World.of(steps, stop_when)
    left_alone(world, head_start)
    for what, place, rounds in played:
        move(world, what, place, rounds=rounds)
    world.resume(None)
    for _ in range(60):  # with a user who resumes it
        left_alone(world, 1)
        world.resume(None)
    world.settle()
    follows = N.APPLY in steps and stop_when is StopWhen.NEVER and not world.project.draining
    assert world.project.status is (P.RUNNING if follows else P.FINISHED)
    finite = [step for step in world.project.steps if not follows or step.name not in FOLLOWING]
    assert all(step.status is S.FINISHED for step in finite)
    if follows:
        assert world.project.step(N.APPLY).status is S.MONITORING
        assert world.project.step(N.CAPTURE).alive


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CHOICES), head_starts, moves)
def test_a_paused_project_comes_to_rest_and_a_failed_one_keeps_only_capture(steps, head_start, played):
    world = World.of(steps, StopWhen.NEVER)
    left_alone(world, head_start)
    for what, place, rounds in played:
        move(world, what, place, rounds=rounds)
    world.pause(None)
    for _ in range(3):
        world.settle()
        for step in world.project.steps:
            if world.project.step(step.name).stopping:
                world.end(world.project.step(step.name))
    world.settle()
    alive = {step.name for step in world.project.steps if step.alive}
    assert alive <= ({N.CAPTURE} if world.project.status is P.FAILED else set())
    under_way = {step.name for step in world.project.steps if step.status in {S.RUNNING, S.MONITORING}}
    assert under_way <= ({N.CAPTURE} if world.project.status is P.FAILED else set())


def test_steps_begin_in_order_and_capture_before_the_load():
    world = World.of(CHOICES[0], StopWhen.CAUGHT_UP)
    left_alone(world, 40)
    assert world.project.status is P.FINISHED
    assert world.order == [name for name in N if name not in TAIL]


def test_capture_is_kept_alive_in_a_failed_project():
    world = World.of(CHOICES[0], StopWhen.NEVER)
    left_alone(world, 12)
    assert world.project.step(N.APPLY).status is S.MONITORING
    world.fail(world.project.step(N.APPLY))
    world.settle()
    assert world.project.status is P.FAILED
    world.crash(world.project.step(N.CAPTURE))
    world.heal(world.project.step(N.CAPTURE))
    world.settle()
    assert [step.name for step in world.project.steps if step.alive] == [N.CAPTURE]


def test_verification_waits_until_the_target_is_consistent():
    def state(**values):
        done = [StepState(name=name, status=S.FINISHED) for name in (N.PRECHECK, N.SCHEMA, N.LOAD, N.INDEX)]
        capture = StepState(name=N.CAPTURE, status=S.RUNNING, alive=True, reported=True)
        apply = StepState(name=N.APPLY, status=S.MONITORING, alive=True, caught_up=True, caught_up_once=True)
        steps = (*done, capture, apply, StepState(name=N.VERIFY))
        return replace(ProjectState(status=P.RUNNING, steps=steps), **values)

    assert decide(state(consistent=False)) == []
    assert decide(state(consistent=True)) == [SetStep(N.VERIFY, S.RUNNING), Launch("verify")]


def test_release_waits_for_all_tasks():
    alive = StepState(name=N.CAPTURE, status=S.RUNNING, alive=True)
    assert decide(ProjectState(status=P.RELEASING, steps=(alive,))) == [Stop("capture")]
    gone = replace(alive, alive=False, status=S.SUSPEND)
    assert decide(ProjectState(status=P.RELEASING, steps=(gone,))) == [Launch("release")]
    assert decide(ProjectState(status=P.RELEASING, steps=(gone,), release_alive=True)) == []


# Endings --------------------------------------------------------------------------------------------------------------

AUTO = {"code": "endpoint.connection_lost", "message": "", "hint": "", "retry": "auto"}
MANUAL = {"code": "target.full", "message": "", "hint": "", "retry": "manual"}
AWAY = {"code": "endpoint.unreachable", "message": "", "hint": "", "retry": "manual"}


def replay(ending, *, step_seconds=0.0):
    """Let the same ending come again and again; returns the delays and the last verdict."""
    health, now, delays = Health(), 1000.0, []
    for _ in range(1000):
        verdict = judge(ending, health, now)
        if not isinstance(verdict, Again):
            return delays, verdict
        delays.append(verdict.delay_seconds)
        health, now = verdict.health, verdict.health.not_before + step_seconds
    return delays, None


def test_crashes_are_restarted_at_once_then_ever_later_and_not_for_ever():
    delays, verdict = replay(Ending(outcome=None, exit_code=-9, last_line="Segmentation fault"))
    assert delays[:5] == list(DELAYS[:5]) == [0, 1, 2, 5, 10]
    assert len(delays) == CRASH_LIMIT - 1
    assert isinstance(verdict, Failed)
    assert verdict.error["code"] == "task.crashed"
    assert "SIGKILL" in verdict.error["message"]
    assert "Segmentation fault" in verdict.error["message"]


def test_an_error_that_mends_itself_is_waited_for_a_few_minutes():
    delays, verdict = replay(Ending(outcome="failed", error=AUTO), step_seconds=0.5)
    assert PATIENCE_SECONDS - DELAYS[-1] <= sum(delays) <= PATIENCE_SECONDS + DELAYS[-1]
    assert verdict == Failed(AUTO)


@pytest.mark.parametrize(("reached", "kind"), [(True, Again), (False, Failed)])
def test_an_unreachable_endpoint_is_waited_for_only_if_it_was_reached_before(reached, kind):
    ending = Ending(outcome="failed", error=AWAY, reached_before=reached)
    assert isinstance(judge(ending, Health(), 1000.0), kind)


def test_the_operators_matters_are_not_tried_again():
    assert judge(Ending(outcome="failed", error=MANUAL), Health(), 1000.0) == Failed(MANUAL)


def test_an_endless_step_that_ends_unasked_is_started_again():
    assert isinstance(judge(Ending(outcome="finished", endless=True), Health(), 1000.0), Again)
    assert judge(Ending(outcome="finished"), Health(), 1000.0) == Finished()
    assert judge(Ending(outcome="stopped", endless=True), Health(), 1000.0) == Stopped()


@given(st.floats(0, 1e9), st.floats(0, HEALTHY_SECONDS - 1), st.integers(1, CRASH_LIMIT - 2))
def test_health_and_progress_make_the_next_failure_the_first(now, ran, failures):
    health = Health(failures=failures, since=now, best=(50.0, 10.0, 0.0))
    stuck = Ending(outcome=None, exit_code=1, ran_seconds=ran, mark=(50.0, 10.0, 0.0))
    assert judge(stuck, health, now).health.failures == failures + 1
    for better in (replace(stuck, ran_seconds=HEALTHY_SECONDS), replace(stuck, mark=(50.0, 11.0, 0.0))):
        verdict = judge(better, health, now)
        assert (verdict.health.failures, verdict.delay_seconds) == (1, 0)


def test_starting_over_is_no_progress():
    """A step that dies at the same row each time, counting from zero again, is not well."""
    health = Health()
    for number in range(CRASH_LIMIT):
        verdict = judge(Ending(outcome=None, exit_code=1, mark=(90.0, 500.0, 0.0)), health, 1000.0 + number)
        health = verdict.health if isinstance(verdict, Again) else health
    assert isinstance(verdict, Failed)
