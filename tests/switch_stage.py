"""A project on real servers that is switched over while an application writes: first to the source, then to the target."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferryman.control.service import Service
from ferryman.control.views import ProjectView
from ferryman.model.project import ProjectSpec, ProjectStatus, StepName, StepStatus
from ferryman.model.selection import Selection
from ferryman.model.switchover import Stage, Switchover
from switch_databases import Database

PATIENCE = 60.0
SEED = int(os.environ.get("SEED", random.randrange(1 << 30)))
STEPS = (
    StepName.PRECHECK,
    StepName.SCHEMA,
    StepName.CAPTURE,
    StepName.LOAD,
    StepName.APPLY,
    StepName.VERIFY,
    StepName.REVERSE,
)


def until(condition: Callable[[], Any], what: Callable[[], object]) -> Any:
    """Wait for something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited for: {what()}"
        time.sleep(0.05)
    return found


class Application(threading.Thread):
    """Writes to one database without a pause."""

    def __init__(self, database: Database, seed: int) -> None:
        super().__init__(daemon=True)
        self.database, self.chance = database, random.Random(seed)
        self.ended = threading.Event()
        self.problem: BaseException | None = None
        self.count = 0

    def run(self) -> None:
        """Write until told to end."""
        try:
            while not self.ended.wait(0.003):
                self.database.run(self.database.statement(self.chance))
                self.count += 1
        except BaseException as problem:
            self.problem = problem

    def stop(self) -> None:
        """End, with the last statement committed."""
        self.ended.set()
        self.join(60)
        assert self.problem is None, self.problem


@dataclass
class SwitchStage:
    """A service with one project that follows."""

    directory: Path
    source: Database
    target: Database
    steps: tuple[StepName, ...] = STEPS
    service: Service = field(init=False)
    id: str = field(init=False)

    def open(self, selection: Selection | None = None) -> SwitchStage:
        """Make the project and wait until it has caught up and is verified."""
        self.service = Service(self.directory)
        self.service.start()
        chosen = selection or Selection(objects=(f"{self.source.name}.*",), rename={self.source.name: self.target.name})
        spec = ProjectSpec(
            name="shop", source=self.source.endpoint, target=self.target.endpoint, selection=chosen, steps=self.steps
        )
        self.id = self.service.create_project(spec).id
        self.service.start_project(self.id)
        until(self.follows, self.told)
        return self

    def restart(self) -> None:
        """End the service and begin another."""
        self.service.close()
        self.service = Service(self.directory)
        self.service.start()

    def close(self) -> None:
        """End the service."""
        self.service.close()
        self.source.close()
        self.target.close()

    @property
    def project(self) -> ProjectView:
        """The project as it stands."""
        return self.service.project(self.id)

    @property
    def switchover(self) -> Switchover:
        """The switchover as it stands."""
        found = self.service.switchovers.of_project(self.id)
        assert found is not None
        return found

    def status(self, name: StepName) -> StepStatus | None:
        """Return a step's status."""
        step = self.project.step(name)
        return step.status if step else None

    def follows(self) -> bool:
        """Whether it has caught up and is verified."""
        assert self.project.status is ProjectStatus.RUNNING, self.told()
        verify = self.status(StepName.VERIFY)
        return self.status(StepName.APPLY) is StepStatus.MONITORING and verify in {StepStatus.FINISHED, None}

    def until_stage(self, *stages: Stage) -> Switchover:
        """Wait until the switchover is at one of these stages, or waits for the operator."""
        return until(
            lambda: self.switchover if self.switchover.stage in stages or self.switchover.error else None, self.told
        )

    def until_equal(self) -> None:
        """Wait until both databases hold the same rows."""
        until(self.equal, self.told)

    def equal(self) -> bool:
        """Whether both databases hold the same rows."""
        return self.source.contents() == self.target.contents()

    def told(self) -> object:
        """Return what a person would want to know when it does not go on."""
        found = self.service.switchovers.of_project(self.id)
        guest = found.reverse_id if found else ""
        events = [
            f"{each['level']} {each['step']} {each['message']}"
            for project in (self.id, guest)
            if project
            for each in self.service.events(project)[-25:]
        ]
        shown = [(step.name.value, step.status.value, step.error) for step in self.project.steps]
        return "\n".join([str(found), str(shown), *events])
