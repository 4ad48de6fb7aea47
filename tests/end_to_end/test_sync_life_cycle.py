"""A synchronization through the service: the user's own progress operation answers right through its whole life."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from test_api_life_cycle import PASSWORD, Service

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


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def lines(directory: Path) -> list[dict[str, Any]]:
    files = sorted(directory.glob("*/*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


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
