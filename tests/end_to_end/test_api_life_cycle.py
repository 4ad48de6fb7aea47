"""A real service, real servers, the OMS operations from CreateProject to DeleteProject; every answer is validated."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "api"))  # the validator is shared with the unit tests

from oms_schema import emitted, validate

from ferryman.embedded import MariaDb, OceanBase, Server

pytestmark = [pytest.mark.mariadb, pytest.mark.oceanbase]

PASSWORD = "tr0ub4dor"
LIMIT_SECONDS = 180.0
LATER = {"AdvanceProject", "UpdateProjectConfig", "SubmitPreCheck", "GetPreCheckResult", "DeleteDataSource"}
"""Operations of later editions, which the contract does not describe."""
OLDER = {"sync": "GetSyncProjectProgress", "migrations": "GetMigrationProjectProgress"}


class Service:
    """``ferryman serve`` in a process of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "ferryman", "serve", "--port", "0", "--data-dir", str(self.directory)]
        environment = os.environ | {"FERRYMAN_ADMIN_PASSWORD": PASSWORD}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        found = re.search(r"http://\S+", self.process.stdout.readline())
        assert found, "the service did not come up"
        self.url = found[0]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def request(self, method: str, path: str, body: Any = None, password: str = PASSWORD) -> tuple[int, dict[str, Any]]:
        login = base64.b64encode(f"admin:{password}".encode()).decode()
        request = urllib.request.Request(self.url + path, method=method, headers={"Authorization": f"Basic {login}"})
        request.data = json.dumps(body).encode() if body is not None else None
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def call(self, action: str, **body: Any) -> dict[str, Any]:
        status, answer = self.request("POST", f"/api/v2?Action={action}", body)
        assert status == 200, answer
        if action not in LATER:
            validate(action, answer)
        return answer

    def do(self, action: str, **body: Any) -> Any:
        answer = self.call(action, **body)
        assert answer["success"], answer
        return answer["data"]

    def look(self, project: str) -> dict[str, Any]:
        """Ask every operation that shows the project, validate all, and return the newer progress."""
        for action in ("DescribeProject", "DescribeProjectSteps"):
            self.do(action, id=project)
        self.do("ListProjects", searchKey=project)
        self.do("ListProjectFullVerifyResult", projectId=project)
        for kind, name in OLDER.items():
            status, answer = self.request("GET", f"/api/omsp/v2/{kind}/{project}/progress")
            assert status == 200
            validate(name, answer)
            assert set(answer["data"]) == set(emitted(name))
        return self.do("DescribeProjectProgress", id=project)

    def steps(self, project: str) -> dict[str, str]:
        return {step["name"]: step["status"] for step in self.do("DescribeProjectSteps", id=project)}

    def verified(self, project: str) -> bool:
        """Whether verification is done: it stays RUNNING at 100 beside changes that flow."""
        steps = {step["name"]: step for step in self.do("DescribeProjectSteps", id=project)}
        return bool(steps["FULL_VERIFIER"]["progress"] == 100)


def until(what: Callable[[], Any], why: str) -> Any:
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {LIMIT_SECONDS:.0f} s for {why}")


def execute(server: Server, *statements: str) -> list[tuple[Any, ...]]:
    connection = pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        password=server.password,
        autocommit=True,
        charset="utf8mb4",
    )
    with connection, connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)
        return list(cursor.fetchall())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    found = Service(tmp_path / "data")
    yield found
    if found.process.poll() is None:
        found.end()


@pytest.fixture
def shop(mariadb: MariaDb, database_name: str) -> str:
    execute(
        mariadb,
        f"CREATE DATABASE {database_name}",
        f"CREATE TABLE {database_name}.t (id INT PRIMARY KEY, v VARCHAR(20), KEY (v))",
        f"CREATE TABLE {database_name}.nokey (a INT, b TEXT)",
        f"INSERT INTO {database_name}.t VALUES (1, 'a'), (2, NULL), (3, 'ü')",
        f"INSERT INTO {database_name}.nokey VALUES (1, 'x'), (1, 'x')",
    )
    return database_name


def endpoints(service: Service, mariadb: MariaDb, oceanbase: OceanBase) -> tuple[str, str]:
    def register(action: str, name: str, server: Server) -> str:
        secret = base64.b64encode(server.password.encode()).decode()
        login = {"username": server.user, "password": secret, "ip": "127.0.0.1", "port": str(server.port)}
        return service.do(action, name=name, **login)

    return register("CreateMySqlDataSource", "shop", mariadb), register(
        "CreateOceanBaseDataSource", "the target", oceanbase
    )


def project_request(name: str, database: str, ids: tuple[str, str], type_: str = "MIGRATION") -> dict[str, Any]:
    return {
        "name": name,
        "type": type_,
        "sourceEndpointId": ids[0],
        "sinkEndpointId": ids[1],
        "transferMapping": {"mode": "SPECIFIC", "databases": [{"name": database, "mappedName": f"{database}_new"}]},
        "enableStructTransfer": True,
        "enableFullTransfer": True,
        "enableFullVerify": True,
        "enableIncrTransfer": True,
        "fullTransferConfig": {"fullTransferSpeedMode": "NORMAL", "fullVerifySpeedMode": "NORMAL"},
        "incrTransferConfig": {"recordTypeWhiteList": ["INSERT", "UPDATE", "DELETE"], "storeLogKeptHour": 24},
    }


@pytest.mark.parametrize("type_", ["MIGRATION", "SYNC"])
def test_from_create_to_delete(service: Service, mariadb: MariaDb, oceanbase: OceanBase, shop: str, type_: str) -> None:
    label = service.do("CreateLabel", name="night")
    request = project_request("life", shop, endpoints(service, mariadb, oceanbase), type_) | {"labelIds": [label]}
    assert service.do("ListDataSource")[0]["type"] in {"MYSQL", "OB_MYSQL"}
    project = service.do("CreateProject", **request)
    assert service.look(project)["status"] == "INIT"
    assert service.look(project)["currentStep"] == "PRE_CHECK"
    assert not service.call("StopProject", id=project)["success"]
    assert not service.call("CreateProject", **request)["success"], "the name is taken"

    assert service.do("StartProjectsByLabel", id=label)["succeedProjectIds"] == [project]
    following = {"TRANSFER_INCR_LOG_PULL": "FINISHED", "INCR_TRANSFER": "MONITORING", "FULL_VERIFIER": "RUNNING"}
    until(lambda: service.look(project) and service.verified(project), "verification")
    assert following.items() <= service.steps(project).items()
    assert service.do("AdvanceProject", id=project) == "INCR_TRANSFER"
    assert service.steps(project)["FULL_VERIFIER"] == "FINISHED"
    progress = service.look(project)
    assert (progress["status"], progress["structTransferProgress"], progress["fullTransferProgress"]) == (
        "RUNNING",
        100,
        100,
    )
    assert service.do("ListProjectFullVerifyResult", projectId=project)["differentNumber"] == 0

    now = int(time.time())
    execute(mariadb, f"INSERT INTO {shop}.t VALUES (100, 'log')", f"DELETE FROM {shop}.nokey LIMIT 1")
    until(lambda: service.look(project)["incrSyncCheckpoint"] > now, "the checkpoint to pass the change")
    _, older = service.request("GET", f"/api/omsp/v2/sync/{project}/progress")
    assert older["code"] == "success"
    assert int(older["data"]["incrSyncCheckpoint"]) > now
    assert older["data"]["currentStep"] == ("CONNECTOR_INCR_SYNC" if type_ == "SYNC" else "INCR_TRANSFER")
    assert execute(oceanbase, f"SELECT v FROM {shop}_new.t WHERE id = 100") == [("log",)]
    assert execute(oceanbase, f"SELECT COUNT(*) FROM {shop}_new.nokey") == [(1,)]

    service.do("StopProject", id=project)
    assert service.look(project)["status"] == "SUSPEND"
    service.do("ResumeProject", id=project)
    assert service.look(project)["status"] == "RUNNING"
    service.do("StopProject", id=project)
    service.do("ReleaseProject", id=project)
    assert service.look(project)["status"] in {"RELEASING", "RELEASED"}
    until(lambda: service.look(project)["status"] == "RELEASED", "the release")
    service.do("DeleteProject", id=project)
    assert service.look(project)["status"] == "DELETED"
    assert service.do("ListProjects") == []


def test_a_failed_project_says_why(service: Service, mariadb: MariaDb, oceanbase: OceanBase, shop: str) -> None:
    request = project_request("fails", shop, endpoints(service, mariadb, oceanbase))
    mapping = {"mode": "SPECIFIC", "databases": [{"name": shop, "tables": [{"name": "nosuch"}]}]}
    project = service.do("CreateProject", **request | {"transferMapping": mapping})
    service.do("StartProject", id=project)
    until(lambda: service.look(project)["status"] == "FAILED", "the precheck to fail")
    step = service.do("DescribeProjectSteps", id=project)[0]
    assert (step["name"], step["status"]) == ("TRANSFER_PRECHECK", "FAILED")
    assert "nosuch" in step["extraInfo"]["errorMsg"]
    service.do("ReleaseProject", id=project)
    until(lambda: service.look(project)["status"] == "RELEASED", "the release")


def test_a_wrong_password_keeps_nothing(service: Service, mariadb: MariaDb) -> None:
    login = {"username": mariadb.user, "password": "wrong", "ip": "127.0.0.1", "port": mariadb.port}
    answer = service.call("CreateMySqlDataSource", name="shop", **login)
    assert (answer["success"], answer["code"]) == (False, "PARAM_ERROR")
    assert answer["message"].startswith("Connectivity test failed")
    assert service.do("ListDataSource") == []
    status, answer = service.request("POST", "/api/v2?Action=ListDataSource", {}, password="wrong")
    assert status == 401
    validate("ListDataSource", answer)


def test_a_running_project_goes_on_after_a_restart(
    service: Service, mariadb: MariaDb, oceanbase: OceanBase, shop: str
) -> None:
    project = service.do("CreateProject", **project_request("lasts", shop, endpoints(service, mariadb, oceanbase)))
    service.do("StartProject", id=project)
    assert service.end() == 0, "told to end is success"
    service.start()
    assert service.look(project)["status"] == "RUNNING"
    until(lambda: service.verified(project), "verification")
    assert service.end(signal.SIGINT) == 0
    execute(mariadb, f"INSERT INTO {shop}.t VALUES (200, 'meanwhile')")
    service.start()
    arrived = f"SELECT COUNT(*) FROM {shop}_new.t WHERE id = 200"
    until(lambda: execute(oceanbase, arrived) == [(1,)], "the change made while the service was away")


def test_as_a_real_client_drives_it(service: Service, mariadb: MariaDb, oceanbase: OceanBase, shop: str) -> None:
    """The way of ODC's online schema change: Base64 passwords, all defaults said, throttles, its own rule of done."""
    rows = ", ".join(f"({number}, 'row {number}')" for number in range(1000, 9000))
    execute(mariadb, f"INSERT INTO {shop}.t VALUES {rows}")
    ids = endpoints(service, mariadb, oceanbase)
    request = project_request("odc", shop, ids) | {
        "uid": "1001",
        "enableStructTransfer": True,
        "commonTransferConfig": {
            "tableCategory": "ALL",
            "activeActive": False,
            "mqSerializerType": "DEFAULT",
            "mqPartitionMode": "HASH",
            "datahubTopicType": "TUPLE",
            "dataWorksBusinessName": None,
        },
        "fullTransferConfig": {
            "nonePkUkTruncateDstTable": True,
            "allowDestTableNotEmpty": True,
            "fullTransferSpeedMode": "STEADY",
            "fullVerifySpeedMode": "STEADY",
            "throttleRps": 100_000,
            "throttleIOPS": 100_000_000,
        },
        "incrTransferConfig": {
            "startTimestamp": None,
            "recordTypeWhiteList": ["INSERT", "UPDATE", "DELETE"],
            "storeLogKeptHour": 168,
            "enableSequencingWithinTxn": True,
            "incrSyncConcurrency": 64,
            "enableIncrSyncStatistics": False,
            "throttleRps": 50,
        },
    }
    precheck = service.do("SubmitPreCheck", **request)
    outcome = until(lambda: _precheck(service, precheck), "the precheck")
    assert outcome["preCheckStatus"] == "FINISHED", outcome
    estimate = next(item for item in outcome["preCheckResults"] if item["checkType"] == "ESTIMATE")
    assert "rows and" in estimate["message"]
    project = service.do("CreateProject", **request)
    service.do("StartProject", id=project)
    until(lambda: _is_done(service, project), "the client's rule of done")

    # 400 changes at 50 a second: the limit holds them back, until it is lifted in the running project.
    execute(mariadb, f"UPDATE {shop}.t SET v = CONCAT(v, '!') WHERE id BETWEEN 1000 AND 1399")
    execute(mariadb, f"INSERT INTO {shop}.t VALUES (20001, 'late')")
    late = f"SELECT COUNT(*) FROM {shop}_new.t WHERE id = 20001"
    assert execute(oceanbase, late) == [(0,)]
    service.do("UpdateProjectConfig", id=project, incrTransferConfig={"throttleRps": 0})
    until(lambda: execute(oceanbase, late) == [(1,)], "the change behind the limit")
    components = service.do("DescribeProjectComponents", id=project)
    incremental = components["incrSyncComponents"][0]
    assert incremental["config"]["coordinator"]["throttleRps"] == 0

    # another number of connections: the component begins again by itself
    service.do(
        "UpdateIncrSync", dimension="NAME", key=incremental["name"], cmRegion="x", config={"sink": {"workerNum": 2}}
    )
    execute(mariadb, f"INSERT INTO {shop}.t VALUES (20002, 'later')")
    arrived = f"SELECT COUNT(*) FROM {shop}_new.t WHERE id = 20002"
    until(lambda: execute(oceanbase, arrived) == [(1,)], "the change after the restart of apply")
    now = int(time.time())
    metric = {"stepName": "INCR_TRANSFER", "metricType": "RPS", "beginTimestamp": now - 3600, "endTimestamp": now + 60}
    assert service.do("DescribeProjectStepMetric", projectId=project, **metric)["metrics"][0]["dataPoints"]

    service.do("StopProject", id=project)
    service.do("UpdateProjectConfig", id=project, fullTransferConfig={"throttleRps": 5000})
    service.do("ResumeProject", id=project)
    until(lambda: _is_done(service, project), "the client's rule of done after a pause")
    service.do("StopProject", id=project)
    assert not service.call("DeleteDataSource", id=ids[0])["success"], "a project uses it"
    service.do("ReleaseProject", id=project)
    until(lambda: service.look(project)["status"] == "RELEASED", "the release")
    service.do("DeleteDataSource", id=ids[0])


def _precheck(service: Service, precheck: str) -> dict[str, Any] | None:
    found: dict[str, Any] = service.do("GetPreCheckResult", id=precheck)
    return None if found["preCheckStatus"] in {"INIT", "PENDING", "RUNNING"} else found


def _is_done(service: Service, project: str) -> bool:
    """The rule a real client goes by (oms-behaviour §1.16)."""
    steps = {step["name"]: step for step in service.do("DescribeProjectSteps", id=project)}
    progress = service.do("DescribeProjectProgress", id=project)
    failed = [step for step in steps.values() if step["status"] == "FAILED"]
    assert not failed, failed
    full = [(steps[name]["status"], steps[name]["progress"]) for name in ("TRANSFER_INCR_LOG_PULL", "FULL_TRANSFER")]
    return (
        [status for status, _ in full] == ["FINISHED", "FINISHED"]
        and steps["FULL_TRANSFER"]["progress"] == 100
        and steps["INCR_TRANSFER"]["status"] == "MONITORING"
        and abs(time.time() - progress["incrSyncCheckpoint"]) <= 25
        and (steps["FULL_VERIFIER"]["status"], steps["FULL_VERIFIER"]["progress"]) == ("RUNNING", 100)
        and service.do("ListProjectFullVerifyResult", projectId=project)["differentNumber"] == 0
    )
