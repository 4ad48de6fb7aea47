"""The application around a service in memory."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import pytest
from fake_service import FakeService

from ferryman.api.application import routed_application
from ferryman.api.credentials import open_access
from ferryman.api.labels import Labels
from ferryman.api.oms import endpoint_types
from ferryman.api.protection import Protection
from ferryman.api.repeating import Repeating
from ferryman.control.alerts.book import Alerts
from ferryman.control.prechecks import Prechecks
from ferryman.control.repeats import Repeats
from ferryman.metadb import migration
from ferryman.metadb.store import MetaDb

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for a newer client library than the one in use
    from starlette.testclient import TestClient

PASSWORD = "open sesame"


@pytest.fixture(autouse=True)
def known_connectors(monkeypatch):
    found = {
        "mysql": SimpleNamespace(oms_type="MYSQL"),
        "mariadb": SimpleNamespace(oms_type="MYSQL"),
        "oceanbase": SimpleNamespace(oms_type="OB_MYSQL"),
        "tidb": SimpleNamespace(oms_type="TIDB"),
    }
    monkeypatch.setattr(endpoint_types, "connectors", lambda: found)


@pytest.fixture(scope="session")
def kept_service() -> FakeService:
    return FakeService()


@pytest.fixture
def service(kept_service) -> FakeService:
    """The one service, with nothing in it: making the routes around it takes longer than most tests."""
    vars(kept_service).clear()
    kept_service.__init__()
    return kept_service


@pytest.fixture(scope="session")
def metadb(tmp_path_factory):
    """Accounts and labels, made once: a password hash is slow on purpose."""
    metadb = MetaDb.open(tmp_path_factory.mktemp("state"))
    migration.upgrade(metadb.database)
    return metadb


@pytest.fixture(scope="session")
def opened_access(metadb):
    return open_access(metadb, PASSWORD).access


@pytest.fixture
def access(opened_access):
    opened_access.throttle.forget()
    return opened_access


@pytest.fixture
def labels(metadb):
    with metadb.writing() as tx:
        tx.execute("DELETE FROM label")
    return Labels(metadb)


@pytest.fixture(scope="session")
def routed(kept_service, metadb, opened_access):
    return routed_application(kept_service, Labels(metadb), opened_access, Prechecks(metadb), Alerts(metadb))


@pytest.fixture
def application(service, labels, access, metadb, routed):
    return Protection(Repeating(routed, Repeats(metadb)), access, 100_000)


@pytest.fixture
def client(application) -> TestClient:
    found = TestClient(application, raise_server_exceptions=False)
    found.auth = ("admin", PASSWORD)
    return found


@pytest.fixture
def call(client):
    """Call an OMS operation and return its envelope."""

    def calling(action: str, **body: object) -> dict:
        answer = client.post("/api/v2", params={"Action": action}, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return calling


@pytest.fixture
def source_id(call) -> str:
    body = {"ip": "10.0.0.1", "port": 3306, "username": "mover", "password": "p"}
    return call("CreateMySqlDataSource", name="shop", **body)["data"]


@pytest.fixture
def target_id(call) -> str:
    body = {"ip": "10.0.0.2", "port": "2881", "userName": "root", "tenant": "t1", "cluster": "c1", "password": "p"}
    return call("CreateOceanBaseDataSource", name="shop on oceanbase", **body)["data"]


@pytest.fixture
def project_request(source_id, target_id) -> dict:
    return {
        "name": "shop",
        "type": "MIGRATION",
        "sourceEndpointId": source_id,
        "sinkEndpointId": target_id,
        "transferMapping": {"mode": "SPECIFIC", "databases": [{"name": "shop", "tables": [{"name": "orders"}]}]},
        "enableStructTransfer": True,
        "enableFullTransfer": True,
        "enableFullVerify": True,
        "enableIncrTransfer": True,
        "fullTransferConfig": {"fullTransferSpeedMode": "NORMAL", "fullVerifySpeedMode": "NORMAL"},
    }
