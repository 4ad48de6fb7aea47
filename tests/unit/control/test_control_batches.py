"""Many projects at once, clones and new names, on a real metadb; and what becomes of changed objects before the start."""

import pytest

from ferryman.control.batches import act_on, ids_with_label
from ferryman.control.service import Service
from ferryman.foundation.errors import UsageError
from ferryman.model.object_change import ObjectChangeStatus
from ferryman.model.project import Endpoint, ProjectSpec, ProjectStatus
from ferryman.model.selection import Selection


@pytest.fixture
def service(tmp_path):
    service = Service(tmp_path / "data")  # not started: nothing runs
    yield service
    service.close()


def spec(name, **members):
    ends = {"source": Endpoint(scheme="mysql"), "target": Endpoint(scheme="oceanbase")}
    return ProjectSpec(name=name, selection=Selection(objects=("shop.a",)), **(ends | members))


def test_each_project_of_a_batch_answers_for_itself(service):
    ids = [service.create_project(spec(f"p{n}", labels=("l_1",))).id for n in range(3)]
    service.start_project(ids[1])
    assert ids_with_label(service, "l_1") == ids
    found = act_on(service, "start", [*ids, "np_none", ids[0]])
    assert [item.project_id for item in found] == [*ids, "np_none"]
    assert [item.error and item.error.code for item in found] == [None, "project.wrong_status", None, "project.unknown"]
    assert {service.project(each).status for each in ids} == {ProjectStatus.RUNNING}
    with pytest.raises(UsageError, match="at most"):
        act_on(service, "stop", [f"np_{n}" for n in range(1001)])


def test_objects_of_a_project_that_was_never_started_just_change(service):
    project = service.create_project(spec("p")).id
    assert (
        service.objects.add(project, ["shop.b", "other.*"], {"shop.b": "shop.c"}).status is ObjectChangeStatus.SUCCESS
    )
    service.objects.remove(project, ["shop.a"])
    selection = service.project(project).spec.selection
    assert selection.objects == ("shop.b", "other.*")
    assert selection.rename == {"shop.b": "shop.c"}
    assert [change.kind.value for change in service.objects.of_project(project)] == [
        "DECREASE_OBJECT",
        "INCREASE_OBJECT",
    ]


def test_one_change_at_a_time_and_what_can_be_done_to_it(service):
    project = service.create_project(spec("p")).id
    service.start_project(project)
    first = service.objects.add(project, ["shop.b"])
    assert first.status is ObjectChangeStatus.PENDING, "it has not caught up"
    for refused in (
        lambda: service.objects.add(project, ["shop.c"]),
        lambda: service.objects.remove(project, ["shop.a"]),
    ):
        with pytest.raises(UsageError, match="being changed already"):
            refused()
    for action in (service.objects.stop, service.objects.retry):
        with pytest.raises(UsageError, match="is PENDING"):
            action(first.id)
    assert service.objects.cancel(first.id).status is ObjectChangeStatus.CANCEL
    assert service.project(project).spec.selection.objects == ("shop.a",)
    second = service.objects.add(project, ["shop.b"])
    service.stop_project(project)
    service.release_project(project)
    assert service.objects.get(second.id).status is ObjectChangeStatus.CANCEL, "released: nothing joins any more"


@pytest.mark.parametrize(
    ("source", "target"), [("postgresql", "oceanbase"), ("oceanbase", "mysql"), ("mysql", "kafka")]
)
def test_where_nothing_can_join_under_way(service, source, target):
    from ferryman.model.project import ProjectType, StepName

    steps = (StepName.SCHEMA, StepName.CAPTURE, StepName.LOAD, StepName.APPLY)
    type_ = ProjectType.SYNC if target == "kafka" else ProjectType.MIGRATION
    ends = {"source": Endpoint(scheme=source), "target": Endpoint(scheme=target)}
    project = service.create_project(spec("p", steps=steps, type=type_, **ends)).id
    service.start_project(project)
    with pytest.raises(UsageError) as caught:
        service.objects.add(project, ["shop.b"])
    assert caught.value.code == "project.invalid"
