"""OMS operations on projects: shapes in every state, and liberal reading."""

from __future__ import annotations

import pytest
from fake_service import FAILURE
from oms_schema import emitted, validate

from ferryman.model.mismatch import Mismatch, MismatchKind
from ferryman.model.names import TableName
from ferryman.model.project import ProjectStatus, StepName, StepProgress, StepStatus, TableProgress

SHOWING = ("DescribeProject", "DescribeProjectSteps", "DescribeProjectProgress")
OLDER = {"sync": "GetSyncProjectProgress", "migrations": "GetMigrationProjectProgress"}


def older(client, kind: str, project_id: str) -> dict:
    answer = client.get(f"/api/omsp/v2/{kind}/{project_id}/progress")
    assert answer.status_code == 200
    return answer.json()


@pytest.fixture
def project_id(call, project_request) -> str:
    answer = call("CreateProject", **project_request)
    validate("CreateProject", answer)
    return answer["data"]


@pytest.mark.parametrize("type_", ["MIGRATION", "SYNC"])
@pytest.mark.parametrize("status", list(ProjectStatus))
@pytest.mark.parametrize("step_status", list(StepStatus))
def test_every_answer_fits_its_schema_in_every_state(
    call, client, service, project_request, status, step_status, type_
):
    project_id = call("CreateProject", **project_request | {"type": type_})["data"]
    error = FAILURE if step_status is StepStatus.FAILED else None
    service.put(project_id, status=status, error=error, finished_at=service.project(project_id).created_at)
    for step in service.project(project_id).steps:
        progress = StepProgress(
            percent=142, rows=5, rows_total=9, rows_per_second=3.4, latency_seconds=1.5, checkpoint_seconds=1661241223
        )
        tables = (TableProgress(table="shop.orders", rows=3, rows_total=9, mismatches=0, state="running"),)
        service.put_step(project_id, step.name, status=step_status, progress=progress, error=error, tables=tables)
    for action in SHOWING:
        validate(action, call(action, id=project_id))
    validate("ListProjects", call("ListProjects", status=[status.value]))
    validate("ListProjectFullVerifyResult", call("ListProjectFullVerifyResult", projectId=project_id))
    for kind, name in OLDER.items():
        answer = older(client, kind, project_id)
        validate(name, answer)
        assert set(answer["data"]) == set(emitted(name))
        assert answer["data"]["status"] == status.value


def test_the_users_document_field_by_field(call, client, service, project_request):
    project_id = call("CreateProject", **project_request | {"type": "SYNC"})["data"]
    data = older(client, "sync", project_id)["data"]
    assert data["currentStep"] == "PRE_CHECK"
    assert data["incrSyncCheckpoint"] == "0"
    service.put(project_id, status=ProjectStatus.RUNNING)
    for name, percent in ((StepName.SCHEMA, 100), (StepName.LOAD, 42)):
        status = StepStatus.FINISHED if percent == 100 else StepStatus.RUNNING
        service.put_step(project_id, name, status=status, progress=StepProgress(percent=percent))
    service.put_step(project_id, StepName.PRECHECK, status=StepStatus.FINISHED)
    flowing = StepProgress(checkpoint_seconds=1700000000)
    service.put_step(project_id, StepName.CAPTURE, status=StepStatus.RUNNING, progress=flowing)
    answer = older(client, "sync", project_id)
    assert answer["code"] == "success"
    assert answer["data"] == {
        "status": "RUNNING",
        "importance": "MEDIUM",
        "enableStructSync": True,
        "enableFullSync": True,
        "enableIncrSync": True,
        "currentStep": "FULL_TRANSFER",
        "structMigrationProgress": 100,
        "structSyncProgress": 100,
        "fullMigrationProgress": 42,
        "fullSyncProgress": 42,
        "incrSyncCheckpoint": "0",
    }
    service.put_step(project_id, StepName.LOAD, status=StepStatus.FINISHED)
    service.put_step(project_id, StepName.INDEX, status=StepStatus.FINISHED)
    applying = StepProgress(checkpoint_seconds=1661241223)
    service.put_step(project_id, StepName.APPLY, status=StepStatus.MONITORING, progress=applying)
    data = older(client, "sync", project_id)["data"]
    assert (data["currentStep"], data["incrSyncCheckpoint"]) == ("CONNECTOR_INCR_SYNC", "1661241223")


def test_older_migration_operation_never_names_verification(call, client, service, project_id):
    for name in StepName:
        service.put_step(project_id, name, status=StepStatus.FINISHED)
    service.put_step(project_id, StepName.APPLY, status=StepStatus.MONITORING)
    service.put_step(project_id, StepName.VERIFY, status=StepStatus.RUNNING)
    assert older(client, "migrations", project_id)["data"]["currentStep"] == "INCR_TRANSFER"
    assert call("DescribeProjectProgress", id=project_id)["data"]["currentStep"] == "FULL_VERIFIER"


def test_steps_keep_their_order_numbers(call, project_request):
    request = project_request | {"enableFullTransfer": False, "enableStructTransfer": False}
    project_id = call("CreateProject", **request)["data"]
    steps = call("DescribeProjectSteps", id=project_id)["data"]
    assert [(step["order"], step["name"]) for step in steps] == [
        (1, "TRANSFER_PRECHECK"),
        (3, "TRANSFER_INCR_LOG_PULL"),
        (6, "INCR_TRANSFER"),
        (7, "FULL_VERIFIER"),
    ]


def test_a_failed_step_says_why(call, service, project_id):
    service.put_step(project_id, StepName.LOAD, status=StepStatus.FAILED, error=FAILURE)
    step = next(s for s in call("DescribeProjectSteps", id=project_id)["data"] if s["name"] == "FULL_TRANSFER")
    assert step["extraInfo"]["errorCode"] == "GHANA-PCHKNP000010"
    assert step["extraInfo"]["errorMsg"] == "no answer from db:3306"
    assert step["extraInfo"]["failedTime"] == "2026-01-02T03:04:05"


def test_the_life_cycle_by_the_api(call, service, project_id):
    for action, status in (
        ("StartProject", "RUNNING"),
        ("StopProject", "SUSPEND"),
        ("ResumeProject", "RUNNING"),
        ("StopProject", "SUSPEND"),
        ("ReleaseProject", "RELEASED"),
        ("DeleteProject", "DELETED"),
    ):
        answer = call(action, id=project_id)
        validate(action, answer)
        assert answer["success"], answer
        assert service.project(project_id).status.value == status


@pytest.mark.parametrize(
    ("action", "status"),
    [("StartProject", "RUNNING"), ("StopProject", "INIT"), ("ResumeProject", "INIT"), ("DeleteProject", "RUNNING")],
)
def test_a_forbidden_status_is_told(call, service, project_id, action, status):
    service.put(project_id, status=ProjectStatus[status])
    answer = call(action, id=project_id)
    validate(action, answer)
    assert not answer["success"]
    assert answer["errorDetail"]["extraContext"]["code"] == "project.wrong_status"
    assert service.project(project_id).status.value == status


def test_list_projects_filters_and_pages(call, service, project_request):
    for number in range(12):
        kind = "SYNC" if number % 2 else "MIGRATION"
        assert call("CreateProject", **project_request | {"name": f"p{number}", "type": kind})["success"]
    first = call("ListProjects", pageSize="5", pageNumber="2", order=1)
    validate("ListProjects", first)
    assert [p["name"] for p in first["data"]] == ["p6", "p5", "p4", "p3", "p2"]
    assert (first["pageNumber"], first["pageSize"], first["totalCount"]) == (2, 5, 12)
    assert call("ListProjects", type="sync")["totalCount"] == 6
    assert call("ListProjects", status="INIT", sourceEndpointTypes="MYSQL", sinkEndpointTypes=[])["totalCount"] == 12
    assert call("ListProjects", sinkEndpointTypes=["KAFKA"])["totalCount"] == 0
    assert call("ListProjects", status=["RUNNING_MODIFYING"])["totalCount"] == 0
    assert call("ListProjects", pageSize=10_000)["pageSize"] == 150
    assert [p["name"] for p in call("ListProjects", order="asc", pageSize=1)["data"]] == ["p0"]
    assert call("ListProjects", status="SLEEPING")["code"] == "PARAM_ERROR"


def test_keys_without_case_and_blanks(client, source_id, target_id, project_request):
    loud = {f" {key.upper()} ": value for key, value in project_request.items()}
    answer = client.post("/api/v2?action= createPROJECT ", json=loud).json()
    validate("CreateProject", answer)
    assert answer["success"], answer


def test_labels(call, service, project_request):
    label = call("CreateLabel", name="urgent")
    validate("CreateLabel", label)
    assert not call("CreateLabel", name="urgent")["success"]
    assert not call("CreateLabel", name="two words")["success"]
    listing = call("ListAllLabels")
    validate("ListAllLabels", listing)
    assert listing["data"] == [{"id": label["data"], "name": "urgent"}]
    project_id = call("CreateProject", **project_request | {"labelIds": label["data"]})["data"]
    assert call("DescribeProject", id=project_id)["data"][0]["labels"] == listing["data"]
    for action, status in (("StartProjectsByLabel", "RUNNING"), ("StopProjectsByLabel", "SUSPEND")):
        answer = call(action, id=label["data"])
        validate(action, answer)
        assert answer["data"] == {"total": 1, "succeedProjectIds": [project_id], "failedProjectIds": []}
        assert service.project(project_id).status.value == status
    assert call("CreateProject", **project_request | {"name": "x", "labelIds": ["l_nope"]})["success"] is False


def test_describe_answers_with_what_was_created(call, project_request):
    mapping = {
        "mode": "SPECIFIC",
        "databases": [{"name": "shop", "mappedName": "store", "tables": [{"name": "orders", "whereClause": "id > 7"}]}],
    }
    project_id = call("CreateProject", **project_request | {"transferMapping": mapping})["data"]
    project = call("DescribeProject", id=project_id)["data"][0]
    assert project["transferMapping"]["databases"][0]["mappedName"] == "store"
    assert project["transferMapping"]["databases"][0]["tables"][0]["whereClause"] == "id > 7"
    assert project["sourceConnectInfo"]["port"] == 3306
    assert project["sinkEndpointType"] == "OB_MYSQL"
    assert project["sinkConnectInfo"]["username"] == "root@t1#c1"


def test_verification_results(call, service, project_id):
    tables = (
        TableProgress(table="shop.orders", rows=10, rows_total=10, mismatches=3, state="done"),
        TableProgress(table="shop.empty", rows=0, rows_total=0, mismatches=0, state="done"),
        TableProgress(table="shop.big", rows=50, rows_total=200, state="running"),
    )
    service.put(project_id, status=ProjectStatus.RUNNING)
    service.put_step(project_id, StepName.VERIFY, status=StepStatus.RUNNING, tables=tables)
    name = TableName("shop", "orders")
    service.kept_mismatches["shop.orders"] = [
        Mismatch(
            table=name, kind=MismatchKind.MASTER_ONLY, key={"id": "1"}, source={"a": "x"}, target={}, correction="S1"
        ),
        Mismatch(table=name, kind=MismatchKind.MISMATCHED, key={"id": "2"}, source={"a": "x"}, target={"a": None}),
        Mismatch(
            table=name, kind=MismatchKind.IMAGE_ONLY, key={"id": "3"}, source={}, target={"a": "y"}, correction="S3"
        ),
    ]
    answer = call("ListProjectFullVerifyResult", projectId=project_id, sourceSchemas=None, pageSize=2)
    validate("ListProjectFullVerifyResult", answer)
    assert answer["data"]["differentNumber"] == 3
    assert answer["totalCount"] == 3
    first, second = answer["data"]["fullVerifyTableStatistics"]
    assert (first["sourceOnlyCount"], first["destOnlyCount"], first["mismatchedCount"], first["consistentCount"]) == (
        1,
        1,
        1,
        7,
    )
    assert (first["resultType"], second["resultType"]) == ("INCONSISTENT", "BOTH_EMPTY")
    running = call("ListProjectFullVerifyResult", projectId=project_id, status="RUNNING")["data"]
    assert [t["progress"] for t in running["fullVerifyTableStatistics"]] == ["0.25"]
    rows = call("ListFullVerifyInconsistenciesResult", projectId=project_id, schema="shop", table="orders")
    validate("ListFullVerifyInconsistenciesResult", rows)
    assert rows["data"][1] == {
        "failedRecordDetails": [{"columnName": "a", "sourceValue": "x", "destValue": None}],
        "failedRecordUniqueKeys": [{"columnName": "id", "columnValue": "2"}],
        "type": "MISMATCHED",
    }
    corrections = call("ListFullVerifyCorrectionsResult", projectId=project_id, schema="shop", table="orders")
    validate("ListFullVerifyCorrectionsResult", corrections)
    assert corrections["data"] == ["S1", "S3"]
