"""The operations that look closer and that change what is there; all answers by the contract, in every status."""

from __future__ import annotations

import time

import pytest
from oms_schema import document, validate

from ferryman.api.oms.operations import OPERATIONS
from ferryman.metadb.samples import Sample
from ferryman.model.project import ProjectStatus, SpeedMode, StepName, StepProgress, StepStatus, TableProgress

HOUR = {"beginTimestamp ": "0", "endTimestamp": "3600"}


@pytest.fixture
def project_id(call, project_request):
    return call("CreateProject", **project_request)["data"]


@pytest.fixture
def running(service, project_id):
    """A project in which everything has begun."""
    for name in StepName:
        service.put_step(
            project_id,
            name,
            status=StepStatus.MONITORING if name is StepName.APPLY else StepStatus.RUNNING,
            started_at=service.project(project_id).created_at,
            progress=StepProgress(percent=40, rows=10, rows_total=25, checkpoint_seconds=1_700_000_000),
            tables=(TableProgress(table="shop.orders", rows=10, rows_total=25, mismatches=0, state="done"),),
        )
    service.put(project_id, status=ProjectStatus.RUNNING)
    return project_id


def test_every_documented_operation_is_there():
    documented = {op["name"] for op in document()["operations"] if op["path"].startswith("/api/v2")}
    assert len(documented) == 26
    assert documented <= set(OPERATIONS)


@pytest.mark.parametrize("status", list(ProjectStatus))
def test_answers_keep_the_contract_in_every_status(call, service, running, status):
    service.put(running, status=status)
    for action in (
        "DescribeProject",
        "DescribeProjectSteps",
        "DescribeProjectProgress",
        "DescribeProjectComponents",
    ):
        answer = call(action, id=running)
        validate(action, answer)
        assert answer["success"], action
    for action in ("StartProject", "StopProject", "ResumeProject", "ReleaseProject", "DeleteProject"):
        validate(action, call(action, id=running))
        service.put(running, status=status)
    validate("ListProjects", call("ListProjects", status=[status.value]))
    validate("ListProjectFullVerifyResult", call("ListProjectFullVerifyResult", projectId=running))


def test_components(call, running):
    data = call("DescribeProjectComponents", id=running)["data"]
    assert [len(data[name]) for name in data] == [0, 0, 1, 1, 1, 1]
    store, load = data["storeList"][0], data["fullImportComponents"][0]
    apply, verify = data["incrSyncComponents"][0], data["fullVerifyComponents"][0]
    assert store["status"] == "ACTIVE"
    assert store["config"] == {"store.clearer.outdated": "604800"}
    assert load["identity"] == running
    assert load["progress"] == 40
    assert load["config"]["source"]["password"] == "******"
    assert apply["status"] == "RUNNING"
    assert apply["subtopics"] == [store["subtopic"]]
    assert verify["consistentQuantity"] == 1


def test_components_of_a_project_that_never_began_are_empty_lists(call, project_id):
    assert set(map(len, call("DescribeProjectComponents", id=project_id)["data"].values())) == {0}


@pytest.mark.parametrize(
    ("action", "list_name", "config", "read"),
    [
        ("UpdateStore", "storeList", {"store.clearer.outdated": "7200"}, lambda s: s.apply.log_kept_hours == 2),
        (
            "UpdateFullImport",
            "fullImportComponents",
            {"source": {"workerNum": 3}, "Coordinator": {"throttleRps": "100", "throttleIOPS": 1000}},
            lambda s: (s.load.streams, s.load.rows_per_second, s.load.bytes_per_second) == (3, 100, 1000),
        ),
        ("UpdateIncrSync", "incrSyncComponents", {"sink": {"workerNum": 999}}, lambda s: s.apply.lanes == 32),
        (
            "UpdateFullVerification",
            "fullVerifyComponents",
            {"limitator.platform.threads.number": 5, "limitator.oom.avoid": "true"},
            lambda s: s.verify.streams == 5,
        ),
    ],
)
def test_updating_a_component(call, service, running, action, list_name, config, read):
    name = call("DescribeProjectComponents", id=running)["data"][list_name][0]["name"]
    answer = call(action, dimension="name", key=f" {name}", cmRegion="default", config=config)
    validate(action, answer)
    assert isinstance(answer["data"], int)
    assert read(service.project(running).spec)
    validate("DescribeProjectComponents", call("DescribeProjectComponents", id=running))


def test_settings_without_an_effect_are_kept_and_answered(call, running):
    def update(**more):
        key = f"x-9000:connector_v2:{running}-full_trans-1-0:0000000004"
        config = {"source": {"retryIntervalTime": 7, "jdbcPassword": "hunter22"}, "sink": {"isolation": "RC"}}
        call(
            "UpdateFullImport", dimension="NAME", key=key, cmRegion="r", config=config | more.pop("config", {}), **more
        )
        return call("DescribeProjectComponents", id=running)["data"]["fullImportComponents"][0]["config"]

    shown = update()
    assert shown["source"]["retryIntervalTime"] == 7
    assert shown["source"]["jdbcPassword"] == "******"
    assert "isolation" in update(config={"sink": {}})["sink"]
    assert "isolation" not in update(config={"sink": {}}, allowDelete=True)["sink"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"key": "no such thing"}, "component.unknown"),
        ({"key": "np_nope-incr_trans"}, "project.unknown"),
        ({"dimension": "IP", "key": "10.9.9.9"}, "component.unknown"),
        ({"dimension": "HOST"}, "api.wrong_parameter"),
        ({"config": {"sink": {"workerNum": "many"}}}, "api.wrong_parameter"),
        ({"config": {"sink": 7}}, "api.wrong_parameter"),
        ({"config": {"drain": {}}}, "api.wrong_parameter"),
        ({"config": None}, "api.wrong_parameter"),
        ({"cmRegion": ""}, "api.wrong_parameter"),
    ],
)
def test_wrong_updates(call, running, body, code):
    good = {"dimension": "TASK_NAME", "key": f"{running}-incr_trans-1-0", "cmRegion": "r", "config": {}}
    answer = call("UpdateIncrSync", **(good | body))
    validate("UpdateIncrSync", answer)
    assert answer["errorDetail"]["extraContext"]["code"] == code


def test_all_incremental_components_of_an_address(call, service, running):
    answer = call("UpdateIncrSync", dimension="IP", key="127.0.0.1", cmRegion="r", config={"sink": {"workerNum": 7}})
    assert answer["success"], answer
    assert service.project(running).spec.apply.lanes == 7


def test_a_completed_import_cannot_be_changed(call, service, running):
    service.put_step(running, StepName.LOAD, status=StepStatus.FINISHED)
    answer = call("UpdateFullImport", dimension="NAME", key=f"{running}-full_trans", cmRegion="r", config={})
    assert answer["errorDetail"]["extraContext"]["code"] == "project.wrong_status"


# Metrics


def samples(count, spacing=10):
    return [Sample(1000 + place * spacing, place, place * 10.0, place / 2) for place in range(count)]


def test_a_metric_over_time(call, service, running):
    service.kept_samples[StepName.APPLY] = samples(100)
    body = {"projectId": running, "stepName": "INCR_TRANSFER", "metricType": "DELAY", **HOUR, "maxPointNum": "10"}
    answer = call("DescribeProjectStepMetric", **body)
    validate("DescribeProjectStepMetric", answer)
    series = answer["data"]["metrics"][0]
    assert len(series["dataPoints"]) == 10
    assert series["dataPoints"][0] == {"timestamp": 1090, "value": 4.5}
    averaged = call("DescribeProjectStepMetric", **body, aggregator="avg")["data"]
    assert averaged["aggregator"] == "AVG"
    assert averaged["metrics"][0]["dataPoints"][0] == {"timestamp": 1090, "value": 2.25}


@pytest.mark.parametrize(
    ("span", "most", "stamps"),
    [
        ((1000, 1000), None, [1000]),
        ((1001, 1009), None, []),
        ((0, 999), None, []),
        ((1990, 2000), None, [1990]),
        ((0, 2**53), 4, [1240, 1490, 1740, 1990]),
        ((0, 2**53), 1, [1990]),
        ((0, 2**53), 2**40, [1000 + 10 * place for place in range(100)]),
    ],
)
def test_a_metric_over_any_span(call, service, running, span, most, stamps):
    service.kept_samples[StepName.APPLY] = samples(100)
    body = {"projectId": running, "stepName": "INCR_TRANSFER", "metricType": "RPS"}
    extra = {} if most is None else {"maxPointNum": most}
    answer = call("DescribeProjectStepMetric", **body, beginTimestamp=span[0], endTimestamp=span[1], **extra)
    validate("DescribeProjectStepMetric", answer)
    assert [point["timestamp"] for point in answer["data"]["metrics"][0]["dataPoints"]] == stamps


def test_a_metric_has_a_thousand_points_unless_more_are_asked_for_and_never_more_than_a_week_of_minutes(
    call, service, running
):
    service.kept_samples[StepName.APPLY] = samples(25_000)
    body = {"projectId": running, "stepName": "INCR_TRANSFER", "metricType": "RPS", "beginTimestamp": 0}
    for asked, most in ({}, 1000), ({"maxPointNum": "2000000"}, 10_080):
        answer = call("DescribeProjectStepMetric", **body, endTimestamp=2**40, **asked)
        points = answer["data"]["metrics"][0]["dataPoints"]
        assert most // 2 < len(points) <= most
        assert points[-1]["timestamp"] == 1000 + 24_999 * 10, "the youngest is always there"


def test_every_metric_of_every_step_answers(call, running):
    for step, metrics in document()["enums"]["metrics_by_step"].items():
        for metric in metrics:
            answer = call("DescribeProjectStepMetric", projectId=running, stepName=step, metricType=metric, **HOUR)
            validate("DescribeProjectStepMetric", answer)
            assert answer["success"], (step, metric)


@pytest.mark.parametrize(
    "body",
    [
        {"stepName": "STRUCT_TRANSFER"},
        {"metricType": "FULL_VERIFY_DEST_RPS"},
        {"endTimestamp": "x"},
        {"beginTimestamp": 10, "endTimestamp": 5},
        {"maxPointNum": 0},
        {"aggregator": "SUM"},
    ],
)
def test_wrong_metrics(call, running, body):
    good = {
        "projectId": running,
        "stepName": "FULL_TRANSFER",
        "metricType": "RPS",
        "beginTimestamp": 1,
        "endTimestamp": 9,
    }
    answer = call("DescribeProjectStepMetric", **(good | body))
    validate("DescribeProjectStepMetric", answer)
    assert answer["code"] == "PARAM_ERROR"


# Settings


def test_limits_of_speed_change_and_are_shown(call, service, running):
    answer = call(
        "UpdateProjectConfig",
        id=running,
        fullTransferConfig={"throttleRps": 500, "throttleIOPS": "4096", "fullTransferSpeedMode": "fast"},
        incrTransferConfig={"throttleRps": 50},
    )
    assert answer["success"], answer
    spec = service.project(running).spec
    assert (spec.load.rows_per_second, spec.load.bytes_per_second, spec.load.mode) == (500, 4096, SpeedMode.FAST)
    assert (spec.apply.rows_per_second, spec.apply.bytes_per_second) == (50, 0)
    shown = call("DescribeProject", id=running)["data"][0]
    assert shown["fullTransferConfig"]["throttleIOPS"] == 4096
    assert shown["fullTransferConfig"]["fullVerifySpeedMode"] == "NORMAL"  # said at the making, kept
    call("UpdateProjectConfig", id=running, fullTransferConfig={"throttleRps": 0})
    assert service.project(running).spec.load.rows_per_second == 0
    assert service.project(running).spec.load.bytes_per_second == 4096


def test_the_second_to_begin_at(call, service, project_request):
    only_changes = {"enableStructTransfer": False, "enableFullTransfer": False, "enableFullVerify": False}
    project_id = call("CreateProject", **(project_request | only_changes))["data"]
    answer = call("ResetIncrStartTimestamp", id=project_id, startTimestamp="1700000000")
    assert isinstance(answer["data"], int)
    assert service.project(project_id).spec.apply.start_timestamp == 1_700_000_000
    service.put(project_id, status=ProjectStatus.SUSPEND)
    again = call("ResetIncrStartTimestamp", id=project_id, startTimestamp=1)
    assert again["errorDetail"]["extraContext"]["code"] == "project.wrong_status"


def test_moving_on_from_verification(call, service, running):
    service.put_step(running, StepName.VERIFY, status=StepStatus.FINISHED, progress=StepProgress(percent=100))

    def verifier():
        steps = call("DescribeProjectSteps", id=running)["data"]
        return next((s["status"], s["progress"]) for s in steps if s["name"] == "FULL_VERIFIER")

    assert verifier() == ("RUNNING", 100)
    assert call("AdvanceProject", id=running)["data"] == "INCR_TRANSFER"
    assert verifier() == ("FINISHED", 100)


def test_a_verification_without_changes_beside_it_is_finished(call, service, project_request):
    project_id = call("CreateProject", **(project_request | {"enableIncrTransfer": False}))["data"]
    service.put(project_id, status=ProjectStatus.RUNNING)
    service.put_step(project_id, StepName.VERIFY, status=StepStatus.FINISHED)
    assert call("DescribeProjectSteps", id=project_id)["data"][-1]["status"] == "FINISHED"


# Data sources and prechecks


def test_deleting_a_data_source(call, project_id, source_id):
    answer = call("DeleteDataSource", id=source_id)
    assert answer["errorDetail"]["extraContext"]["code"] == "endpoint.in_use"
    call("DeleteProject", id=project_id)


def test_a_postgresql_data_source(call, service):
    body = {"ip": "10.0.0.3", "port": 5432, "username": "u", "password": "p", "schema": "shop"}
    made = call("CreateRdsPostgreSQLDataSource", name="pg", **body)["data"]
    assert service.endpoint(made).endpoint.scheme == "postgresql"
    assert call("DeleteDataSource", id=made)["success"]
    assert not call("DeleteDataSource", id=made)["success"]


def test_a_precheck_is_submitted_and_answers(call, project_request, monkeypatch):
    from ferryman.model.schema import Schema
    from ferryman.pipeline.precheck import Assessment, assessment
    from ferryman.pipeline.precheck.estimate import estimate_of
    from ferryman.pipeline.precheck.risks import Risk, RiskLevel
    from ferryman.spi.precheck import CheckResult, Verdict

    asked = []

    def assess(spec):
        asked.append(spec)
        result = CheckResult(item="RDB_CONNECT", side="target", verdict=Verdict.FAILED, title="reach", message="no")
        risks = (
            Risk(level=RiskLevel.BLOCKS, subject="RDB_CONNECT", message="target: no", is_item=True),
            Risk(level=RiskLevel.MEDIUM, subject="no-key", message="one stream", objects=("shop.t",), hint="a key"),
        )
        return Assessment(results=(result,), estimate=estimate_of(spec, Schema(), 2e6), risks=risks)

    monkeypatch.setattr(assessment, "assess_project", assess)
    made = call("SubmitPreCheck", **project_request)["data"]
    deadline = time.monotonic() + 30
    while (result := call("GetPreCheckResult", id=made)["data"])["preCheckStatus"] in {"PENDING", "RUNNING"}:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert result["preCheckStatus"] == "FAILED"
    assert result["preCheckResults"][0]["endpointType"] == "DEST"
    assert result["preCheckResults"][0]["checkType"] == "RDB_CONNECT"
    notes = {item["checkType"]: item for item in result["preCheckResults"][1:]}
    assert list(notes) == ["ESTIMATE", "RISK_NO_KEY"], "a risk that is an item is told once"
    assert "grows by 2.000 MB/s" in notes["ESTIMATE"]["message"]
    assert notes["RISK_NO_KEY"]["message"] == "MEDIUM: one stream; shop.t; a key"
    assert all(item["status"] == "FINISHED" and item["skippable"] for item in notes.values())
    assert asked[0].name == project_request["name"]
    unknown = call("GetPreCheckResult", id="pc_nope")
    assert unknown["errorDetail"]["extraContext"]["code"] == "precheck.unknown"
