"""Objects join a running project of fake tasks: to the end, through pauses, restarts of the service, failures, and given up."""

import sys
import time
from pathlib import Path

import pytest

from ferryman.control.service import Service
from ferryman.foundation.errors import UsageError
from ferryman.metadb import notes
from ferryman.model.object_change import ObjectChangeStatus as C
from ferryman.model.project import Endpoint, ProjectSpec, StepName
from ferryman.model.project import ProjectStatus as P
from ferryman.model.selection import Selection

FAKE_TASK = Path(__file__).with_name("fake_task.py")
SPEC = ProjectSpec(
    name="shop",
    source=Endpoint(scheme="mysql"),
    target=Endpoint(scheme="oceanbase"),
    selection=Selection(objects=("shop.a",)),
)
PATIENCE = 120.0


class Stage:
    def __init__(self, directory):
        self.directory = directory
        self.open()
        self.project = self.service.create_project(SPEC).id
        self.service.start_project(self.project)

    def open(self):
        self.service = Service(self.directory, task_command=(sys.executable, "-P", str(FAKE_TASK)))
        self.service.start()

    def misbehave(self, task, how):
        (self.directory / f"misbehave.{task}").write_text(how)

    def change(self):
        return self.service.objects.of_project(self.project)[0]

    def guest(self):
        return self.service.project(self.change().sub_project_id)

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited for: {what}"
            time.sleep(0.02)

    def until_change(self, status):
        self.until(lambda: self.change().status is status, f"the change to be {status.value}, not {self.change()}")


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path / "data")
    yield stage
    stage.service.close()


def test_objects_join_through_a_pause_and_a_restart_of_the_service(stage):
    stage.until(lambda: stage.service.project(stage.project).step(StepName.VERIFY).status.value == "FINISHED", "verify")
    stage.service.stop_project(stage.project)
    change = stage.service.objects.add(stage.project, ["shop.b"], {"shop.b": "shop.c"})
    stage.service.close()
    stage.open()
    assert stage.change() == change, "nothing begins while the project is paused"
    assert change.status is C.PENDING
    stage.service.resume_project(stage.project)
    stage.until(lambda: stage.change().status is not C.PENDING, "it to begin")
    assert stage.service.projects(search="oc_").total == 0, "sub-projects are not listed"
    assert stage.service.projects(search="oc_", sub_projects=True).total == 1
    stage.service.stop_project(stage.project)
    stage.until(lambda: stage.guest().status is not P.RUNNING, "the sub-project to pause or to be done")
    stage.service.close()
    stage.open()
    stage.service.resume_project(stage.project)
    stage.until_change(C.SUCCESS)
    view = stage.service.project(stage.project)
    assert view.status is P.RUNNING
    assert view.spec.selection == Selection(objects=("shop.a", "shop.b"), rename={"shop.b": "shop.c"})
    stage.until(lambda: stage.guest().status is P.RELEASED, "the sub-project to be released")
    with stage.service.metadb.reading() as tx:
        left = {name for name in notes.small(tx, stage.project, 1 << 20) if name.startswith("objects.")}
    assert left == {"objects.selection"}


def test_a_failed_addition_leaves_the_project_alone_and_can_be_retried(stage):
    stage.until(lambda: stage.service.project(stage.project).step(StepName.VERIFY).status.value == "FINISHED", "verify")
    stage.misbehave("load", "fail target.full")
    stage.service.objects.add(stage.project, ["shop.b"])
    stage.until_change(C.FAILED)
    assert stage.change().error["code"] == "target.full"
    assert stage.service.project(stage.project).status is P.RUNNING
    with pytest.raises(UsageError, match="retried or given up"):
        stage.service.objects.add(stage.project, ["shop.c"])
    stage.service.objects.retry(stage.change().id)
    stage.until_change(C.SUCCESS)
    assert stage.service.project(stage.project).spec.selection.objects == ("shop.a", "shop.b")


def test_an_addition_is_given_up(stage):
    stage.until(lambda: stage.service.project(stage.project).step(StepName.VERIFY).status.value == "FINISHED", "verify")
    stage.misbehave("load", "fail target.full")
    change = stage.service.objects.add(stage.project, ["shop.b"])
    stage.until_change(C.FAILED)
    assert stage.service.objects.stop(change.id).status is C.TERMINATED
    stage.until(lambda: stage.guest().status is P.RELEASED, "the sub-project to be released")
    assert stage.service.project(stage.project).spec.selection == SPEC.selection
    messages = [event["message"] for event in stage.service.events(stage.project)]
    assert any(message.startswith("left at the target") for message in messages)
    stage.service.stop_project(stage.project)
    stage.service.release_project(stage.project)
    stage.until(lambda: stage.service.project(stage.project).status is P.RELEASED, "the release")
    stage.service.delete_project(stage.project)
    assert stage.guest().status is P.DELETED, "sub-projects go with their project"
