"""A synchronization through the service: the user's own progress operation answers right through its whole life."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pymysql
import pytest
from test_api_life_cycle import PASSWORD, Service, execute

from ferryman.embedded import MariaDb

pytestmark = [pytest.mark.mariadb]
LIMIT_SECONDS = 180.0


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    found = Service(tmp_path / "data")
    yield found
    found.end()


def endpoint(service: Service, name: str, url: str) -> str:
    login = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    body = json.dumps({"name": name, "url": url}).encode()
    request = urllib.request.Request(f"{service.url}/api/v1/endpoints", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.loads(answer.read())["id"])


def progress(service: Service, project: str) -> dict[str, Any]:
    status, answer = service.request("GET", f"/api/omsp/v2/sync/{project}/progress")
    assert status == 200, answer
    data = answer["data"]
    assert data["structMigrationProgress"] == data["structSyncProgress"]
    assert data["fullMigrationProgress"] == data["fullSyncProgress"]
    assert 0 <= data["structSyncProgress"] <= 100
    assert 0 <= data["fullSyncProgress"] <= 100
    assert data["incrSyncCheckpoint"].isdigit()
    assert (data["enableStructSync"], data["enableFullSync"], data["enableIncrSync"]) == (True, True, True)
    assert data["currentStep"] in {
        "PRE_CHECK", "STRUCT_TRANSFER", "TRANSFER_INCR_LOG_PULL", "FULL_TRANSFER", "CONNECTOR_INCR_SYNC",
    }  # fmt: skip
    return dict(data)


ENVELOPE = {
    "success", "errorDetail", "code", "message", "advice", "requestId", "pageNumber", "pageSize", "totalCount", "cost", "data",
}  # fmt: skip


def exactly(service: Service, project: str, **expected: Any) -> dict[str, Any]:
    """Hold every field of the user's document against what is expected, its envelope and types too."""
    status, answer = service.request("GET", f"/api/omsp/v2/sync/{project}/progress")
    assert (status, answer["success"], answer["code"]) == (200, True, "success")
    assert set(answer) == ENVELOPE
    assert answer["requestId"]
    assert answer["cost"].endswith("ms")
    data = dict(answer["data"])
    assert isinstance(data["incrSyncCheckpoint"], str)
    struct, full = expected.pop("struct"), expected.pop("full")
    wanted = {
        "importance": "MEDIUM", "structMigrationProgress": struct, "structSyncProgress": struct,
        "fullMigrationProgress": full, "fullSyncProgress": full,
    }  # fmt: skip
    assert data == {**wanted, **expected}
    return data


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def lines(directory: Path) -> list[dict[str, Any]]:
    files = sorted(directory.glob("*/*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


def test_every_state_answers_the_documents_call_field_by_field(
    service: Service, mariadb: MariaDb, tmp_path: Path, database_name: str
) -> None:
    """A synchronization that fails in its incremental step, one that ends, and one that fails in its full step."""
    execute(
        mariadb,
        "SET sql_mode = ''",
        f"CREATE DATABASE {database_name}",
        f"USE {database_name}",
        f"CREATE TABLE {database_name}.t (id INT PRIMARY KEY, d DATE)",
        f"INSERT INTO {database_name}.t SELECT seq, '2024-02-29' FROM seq_1_to_100",
    )
    source = endpoint(service, "source", mariadb.url)
    target = endpoint(service, "target", f"file://{tmp_path}/out?format=PARQUET")
    steps = {"enableStructSync": True, "enableFullSync": True, "enableIncrSync": True}

    def make(name: str, sink: str, *, incremental: bool = True) -> str:
        project = service.do(
            "CreateProject",
            name=name,
            type="SYNC",
            sourceEndpointId=source,
            sinkEndpointId=sink,
            workerGradeId="",
            transferMapping={"mode": "SPECIFIC", "databases": [{"name": database_name}]},
            enableStructTransfer=True,
            enableFullTransfer=True,
            enableIncrTransfer=incremental,
            enableFullVerify=False,
            enableReverseIncrTransfer=False,
        )
        return str(project)

    def status(project: str, wanted: str) -> Callable[[], bool]:
        return lambda: progress(service, project)["status"] == wanted

    flowing = make("flowing", target)
    never = {**steps, "currentStep": "PRE_CHECK", "struct": 0, "full": 0, "incrSyncCheckpoint": "0"}
    exactly(service, flowing, status="INIT", **never)
    begun = int(time.time())
    service.do("StartProject", id=flowing)
    until(lambda: int(progress(service, flowing)["incrSyncCheckpoint"]) >= begun)
    done = {**steps, "currentStep": "CONNECTOR_INCR_SYNC", "struct": 100, "full": 100}
    running = progress(service, flowing)["incrSyncCheckpoint"]
    exactly(service, flowing, status="RUNNING", **done, incrSyncCheckpoint=ANY)
    execute(mariadb, "SET sql_mode = ''", f"UPDATE {database_name}.t SET d = '0000-00-00' WHERE id = 7")
    until(status(flowing, "FAILED"))
    failed = exactly(service, flowing, status="FAILED", **done, incrSyncCheckpoint=ANY)["incrSyncCheckpoint"]
    assert int(running) <= int(failed) <= time.time(), "it stands before the change that cannot be published"
    assert int(failed) > 0

    service.do("ReleaseProject", id=flowing)
    until(status(flowing, "RELEASED"))
    exactly(service, flowing, status="RELEASED", **done, incrSyncCheckpoint=failed)
    service.do("DeleteProject", id=flowing)
    exactly(service, flowing, status="DELETED", **done, incrSyncCheckpoint=failed)

    other = endpoint(service, "other", f"file://{tmp_path}/other")
    ending = make("ending", other, incremental=False)
    service.do("DeleteProject", id=make("unused", target))
    service.do("StartProject", id=ending)
    ended = {
        **steps, "enableIncrSync": False, "currentStep": "FULL_TRANSFER", "struct": 100, "full": 100, "incrSyncCheckpoint": "0",
    }  # fmt: skip
    look = service.request
    until(lambda: look("GET", f"/api/omsp/v2/sync/{ending}/progress")[1]["data"]["status"] == "FINISHED")
    exactly(service, ending, status="FINISHED", **ended)
    service.do("ReleaseProject", id=ending)
    until(lambda: look("GET", f"/api/omsp/v2/sync/{ending}/progress")[1]["data"]["status"] == "RELEASED")
    exactly(service, ending, status="RELEASED", **ended)

    second = make("second", other)
    service.do("StartProject", id=second)
    until(status(second, "FAILED"))
    broken = {**steps, "currentStep": "FULL_TRANSFER", "struct": 100, "full": 0, "incrSyncCheckpoint": "0"}
    exactly(service, second, status="FAILED", **broken)
    service.do("ReleaseProject", id=second)
    until(status(second, "RELEASED"))
    exactly(service, second, status="RELEASED", **broken)


def test_a_synchronization_from_creation_to_release(
    service: Service, mariadb: MariaDb, tmp_path: Path, database_name: str
) -> None:
    with pymysql.connect(
        host="127.0.0.1", port=mariadb.port, user="root", password=mariadb.password, autocommit=True
    ) as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE DATABASE {database_name}")
        cursor.execute(f"USE {database_name}")
        cursor.execute(f"CREATE TABLE {database_name}.t (id INT PRIMARY KEY, v VARCHAR(9))")
        cursor.execute(f"INSERT INTO {database_name}.t SELECT seq, 'a' FROM seq_1_to_100")
        source = endpoint(service, "source", mariadb.url)
        target = endpoint(service, "target", f"file://{tmp_path}/out")
        project = service.do(
            "CreateProject",
            name="sync",
            type="SYNC",
            sourceEndpointId=source,
            sinkEndpointId=target,
            workerGradeId="",
            transferMapping={"mode": "SPECIFIC", "databases": [{"name": database_name}]},
            commonTransferConfig={"mqSerializerType": "CANAL", "mqPartitionMode": "HASH"},
            enableStructTransfer=True,
            enableFullTransfer=True,
            enableIncrTransfer=True,
            enableFullVerify=False,
            enableReverseIncrTransfer=False,
        )
        assert progress(service, project)["status"] == "INIT"
        service.do("StartProject", id=project)
        until(lambda: progress(service, project)["currentStep"] == "CONNECTOR_INCR_SYNC")
        cursor.execute(f"UPDATE {database_name}.t SET v = 'b' WHERE id = 7")
        until(lambda: any(line["type"] == "UPDATE" for line in lines(tmp_path / "out")))
    found = progress(service, project)
    assert (found["status"], found["structSyncProgress"], found["fullSyncProgress"]) == ("RUNNING", 100, 100)
    until(lambda: abs(int(progress(service, project)["incrSyncCheckpoint"]) - time.time()) < 60)
    steps = service.do("DescribeProjectSteps", id=project)
    assert [(step["order"], step["name"]) for step in steps] == list(
        enumerate(
            ("TRANSFER_PRECHECK", "STRUCT_TRANSFER", "TRANSFER_INCR_LOG_PULL", "FULL_TRANSFER", "INCR_TRANSFER"), 1
        )
    )
    changed = [line for line in lines(tmp_path / "out") if line["type"] == "UPDATE"]
    assert [(line["data"], line["old"]) for line in changed] == [([{"id": 7, "v": "b"}], [{"v": "a"}])]
    service.do("StopProject", id=project)
    assert progress(service, project)["status"] == "SUSPEND"
    service.do("ReleaseProject", id=project)
    until(lambda: progress(service, project)["status"] == "RELEASED")
    assert len([line for line in lines(tmp_path / "out") if line["type"] == "INSERT"]) == 100
    refused = service.call(
        "CreateProject",
        name="wrong",
        type="MIGRATION",
        sourceEndpointId=source,
        sinkEndpointId=target,
        workerGradeId="",
        transferMapping={"mode": "SPECIFIC", "databases": [{"name": database_name}]},
        enableStructTransfer=True,
        enableFullTransfer=True,
        enableIncrTransfer=True,
        enableFullVerify=False,
        enableReverseIncrTransfer=False,
    )
    assert not refused["success"]
