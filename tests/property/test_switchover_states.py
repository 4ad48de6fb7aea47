"""Switchovers in a world where everything comes in any order: processes work, fail, die, the service dies, people decide.

Told to the application: it may write to the source until the operator has confirmed that it does not, and to the target
once control says so. What must never happen is looked at after each move; at the end, with everybody doing what is asked
of them, a switchover that was cancelled follows its source, and any other is done.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ferryman.control.observation import STOP_NOTE
from ferryman.control.switching import DIFFERENCES, may_cancel
from ferryman.foundation.errors import UsageError
from ferryman.metadb.tasks import TaskKey
from ferryman.model.project import ProjectStatus, StepName, StepStatus
from ferryman.model.switchover import NO_RETURN, Proof, Stage
from switch_world import PROJECT, World

MAY_WRITE = frozenset({Stage.REVERSE, Stage.DONE})
FORWARD = {TaskKey(PROJECT, StepName.CAPTURE.value), TaskKey(PROJECT, StepName.APPLY.value)}
QUICK = Path("/dev/shm")


class Switching(RuleBasedStateMachine):
    """Any order of everything."""

    def __init__(self) -> None:
        super().__init__()
        root = QUICK if QUICK.is_dir() else None
        self.world = World(Path(tempfile.mkdtemp(prefix="ferryman-world-", dir=root)))
        self.went_over = self.accepted = False
        self.said_still = False

    @initialize(proof=st.sampled_from(Proof), stopped=st.booleans(), moves=st.integers(0, 24))
    def begin(self, proof: Proof, stopped: bool, moves: int) -> None:
        """A switchover has begun, and has come some way already."""
        self.world.switchovers.start(PROJECT, proof=proof, source_stopped=stopped)
        self.said_still = stopped
        self.go_on(moves)

    # control and its processes

    @rule(times=st.integers(1, 3))
    def round(self, times: int) -> None:
        for _ in range(times):
            self.world.round()

    @rule(which=st.integers(0, 20))
    def work(self, which: int) -> None:
        self.world.work(self.process(which))

    @rule(times=st.integers(1, 8))
    def go_on(self, times: int) -> None:
        """Nothing special happens for a while."""
        for _ in range(times):
            for key in list(self.world.processes.epochs):
                self.world.work(key)
            self.world.round()
            self.looks_right()

    @rule(moves=st.integers(4, 20))
    def begin_again(self, moves: int) -> None:
        if self.world.switchover is None:
            self.decide("begin")
            self.go_on(moves)

    @rule()
    def mend(self) -> None:
        """Somebody does what is asked for."""
        if self.world.status is ProjectStatus.RUNNING:
            self.help()
        else:
            self.world.set_project("resume")

    @rule(which=st.integers(0, 20))
    def die(self, which: int) -> None:
        self.world.processes.end(self.process(which), None)

    @rule(which=st.integers(0, 20))
    def fail(self, which: int) -> None:
        self.world.fail(self.process(which))

    @rule()
    def restart(self) -> None:
        self.world.restart()

    def process(self, which: int) -> TaskKey:
        order = self.world.projects()
        keys = sorted(self.world.processes.epochs, key=lambda key: (order.index(key.project_id), key.name))
        return keys[which % len(keys)] if keys else TaskKey(PROJECT, StepName.APPLY.value)

    # people

    @rule(what=st.sampled_from(("confirm", "retry", "accept", "begin", "stop", "resume")))
    def decide(self, what: str) -> None:
        before = self.world.switchover
        try:
            if what in {"stop", "resume"}:
                self.world.set_project(what)
            elif what == "begin":
                self.world.switchovers.start(PROJECT, source_stopped=True)
                self.said_still, self.accepted = True, False
            else:
                getattr(self.world.switchovers, what)(PROJECT)
                self.said_still = self.said_still or what == "confirm"
                self.accepted = self.accepted or what == "accept"
        except UsageError as refused:
            expected = refused.code in {"switchover.wrong_stage", "switchover.not_ready", "project.wrong_status"}
            if not expected or before != self.world.switchover:
                raise

    @rule(sure=st.sampled_from((False, False, False, True)))
    def cancel(self, sure: bool) -> None:
        found = self.world.switchover
        if sure and found is not None and may_cancel(found.stage):
            self.world.switchovers.cancel(PROJECT)

    @rule(honest=st.booleans())
    def write(self, honest: bool) -> None:
        """The application writes to the source; one that was said to be still does so by mistake."""
        if not self.went_over and not (self.said_still and honest):
            self.world.written += 1

    @rule(damaged=st.booleans())
    def damage(self, damaged: bool) -> None:
        self.world.damaged = damaged and not self.went_over

    # what must be so

    @invariant()
    def looks_right(self) -> None:
        found = self.world.switchover
        stage = found.stage if found else None
        if stage is Stage.CONFIRM and found is not None and not found.confirmed:
            self.said_still = self.accepted = False
        if self.went_over:
            assert stage in NO_RETURN, "the application was told that it may write to the target"
        if stage in NO_RETURN and not self.went_over:
            assert found is not None
            self.crossed(found.proof)
        if stage in MAY_WRITE:
            assert not FORWARD & self.world.processes.epochs.keys(), "both ways at once"

    def crossed(self, proof: Proof) -> None:
        """The point of no return is behind it."""
        self.went_over = True
        assert self.said_still, "nobody has confirmed that the source is still"
        assert self.world.steps()[StepName.APPLY].status is StepStatus.FINISHED
        if not self.accepted and proof is not Proof.NONE:
            assert self.world.compared is not None, "nothing was compared"
            seen, differed = self.world.compared
            assert not differed, "rows differed when it was compared last"
            assert proof is Proof.EARLIER or seen == self.world.applied, "compared before apply had ended"

    def teardown(self) -> None:
        try:
            self.come_to_its_end()
        finally:
            self.world.close()

    def come_to_its_end(self) -> None:
        """Everybody does what is asked: it comes to rest, and where it should."""
        self.world.damaged = False
        for _ in range(12):
            self.world.settle()
            if self.world.status is not ProjectStatus.RUNNING:
                self.world.set_project("resume")
            self.help()
            self.looks_right()
        found = self.world.switchover
        assert self.world.status is ProjectStatus.RUNNING
        if found is None:
            assert self.world.follows(), f"cancelled, and does not follow: {self.world.fingerprint()}"
            assert self.world.note(STOP_NOTE) is None
            return
        assert found.stage is Stage.DONE, f"it does not end: {found}"
        assert not found.stale
        assert {TaskKey(found.reverse_id, "capture"), TaskKey(found.reverse_id, "apply")} <= (
            self.world.processes.epochs.keys()
        )
        assert self.world.steps()[StepName.REVERSE].status is StepStatus.MONITORING
        assert not self.world.steps()[StepName.SWITCHOVER].error

    def help(self) -> None:
        found = self.world.switchover
        if found is None or found.stage is Stage.DONE:
            return
        if found.stage is Stage.CONFIRM and not found.confirmed:
            self.world.switchovers.confirm(PROJECT)
            self.said_still = True
        elif found.error is not None and found.error["code"] == DIFFERENCES and found.proof is Proof.EARLIER:
            self.world.switchovers.accept(PROJECT)
            self.accepted = True
        elif found.error is not None and found.stage is not Stage.CONFIRM:
            self.world.switchovers.retry(PROJECT)


def run(examples: int, moves: int) -> None:
    chosen = settings(
        max_examples=examples,
        stateful_step_count=moves,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(Switching, settings=chosen)


def test_whatever_comes_in_any_order_both_sides_are_never_open_and_it_ends() -> None:
    run(int(os.environ.get("SWITCHES", "10")), 25)
