"""Figures by OTLP over HTTP, into a receiver that decodes them."""

from __future__ import annotations

import gzip
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from ferryman.api.metrics import Exposition
from ferryman.api.telemetry import Settings, Telemetry, settings_of
from ferryman.control.alerts.book import Alerts
from ferryman.control.service import Service
from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.project import Endpoint, ProjectSpec

NOWHERE = Endpoint(scheme="mysql", host="127.0.0.1", port=1)


class Receiver(ThreadingHTTPServer):
    """A collector; `status` is what it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[ExportMetricsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.came = threading.Condition()

    def wait_for(self, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.requests) >= count, timeout=60)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        found = ExportMetricsServiceRequest.FromString(body)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()
        with self.server.came:
            self.server.headers.append({"path": self.path, **self.headers})
            self.server.requests.append(found)
            self.server.came.notify_all()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector(monkeypatch) -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.server_port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=sesame")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    yield receiver
    receiver.shutdown()
    receiver.server_close()
    thread.join()


@pytest.fixture
def exposition(tmp_path) -> Iterator[Exposition]:
    service = Service(tmp_path)
    service.create_project(ProjectSpec(name='shop "1"', source=NOWHERE, target=NOWHERE))
    yield Exposition(Alerts(service.metadb))
    service.close()


@pytest.fixture
def sending(exposition) -> Iterator[Telemetry]:
    telemetry = Telemetry(Settings(0.1), exposition.render)
    telemetry.start()
    yield telemetry
    telemetry.close()


def shown(request: ExportMetricsServiceRequest) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = {}
    for metric in request.resource_metrics[0].scope_metrics[0].metrics:
        for point in (metric.sum if metric.HasField("sum") else metric.gauge).data_points:
            labels = frozenset((each.key, each.value.string_value) for each in point.attributes)
            found[metric.name, labels] = point.as_double
    return found


def test_what_is_scraped_is_what_is_sent(collector, exposition, sending):
    collector.wait_for(1)
    found, headers = shown(collector.requests[0]), collector.headers[0]
    assert (headers["path"], headers["api-key"]) == ("/v1/metrics", "sesame")
    state = frozenset({("project", 'shop "1"'), ("state", "INIT")})
    assert found["ferryman_project_state", state] == 1
    assert found["ferryman_project_failures_total", frozenset({("project", 'shop "1"')})] == 0
    names = {line.split("{")[0].split(" ")[0] for line in exposition.render().decode().splitlines() if line[:1] != "#"}
    assert {name for name, _ in found} == {name for name in names if name}
    resource = {
        each.key: each.value.string_value for each in collector.requests[0].resource_metrics[0].resource.attributes
    }
    assert (resource["service.name"], resource["deployment.environment"]) == ("ferryman", "test")
    sums = {m.name for m in collector.requests[0].resource_metrics[0].scope_metrics[0].metrics if m.HasField("sum")}
    assert "ferryman_project_failures_total" in sums
    assert "ferryman_project_state" not in sums


def test_a_collector_that_is_away_is_told_once_and_once_when_it_is_back(collector, exposition, caplog):
    caplog.set_level(logging.WARNING, logger="ferryman.telemetry")
    telemetry = Telemetry(Settings(0.05), exposition.render)
    collector.status = 400  # of the statuses that are not tried again by the SDK
    telemetry.start()
    collector.wait_for(3)
    assert [record.message for record in caplog.records] == ["the OTLP collector takes no figures"]
    collector.status = 200
    collector.wait_for(len(collector.requests) + 2)
    telemetry.close()
    assert [record.message for record in caplog.records][1:] == ["figures reach the OTLP collector again"]


def test_of_several_services_the_one_that_controls_sends(collector, exposition):
    asked = threading.Event()
    telemetry = Telemetry(Settings(0.05), exposition.render, lambda: asked.set() or False)
    telemetry.start()
    assert asked.wait(20)
    telemetry.close()
    assert collector.requests == []


def test_variables():
    place = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318"}
    assert settings_of({}) is None
    assert settings_of(place | {"OTEL_SDK_DISABLED": "true"}) is None
    assert settings_of(place | {"OTEL_METRICS_EXPORTER": "none"}) is None
    assert settings_of(place) == Settings(60.0)
    assert settings_of(
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "h"} | {"OTEL_METRIC_EXPORT_INTERVAL": "500"}
    ) == Settings(0.5)
    for wrong in ({"OTEL_METRIC_EXPORT_INTERVAL": "soon"}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}):
        with pytest.raises(UsageError) as caught:
            settings_of(place | wrong)
        assert caught.value.code == "telemetry.settings"


def test_a_missing_sdk_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    with pytest.raises(FerrymanError) as caught:
        settings_of({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:4318"})
    assert caught.value.code == "telemetry.not_installed"


def test_serve_refuses_variables_that_cannot_be(tmp_path):
    command = [sys.executable, "-m", "ferryman", "serve", "--port", "0", "--data-dir", str(tmp_path / "d")]
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "telemetry.settings" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "d").exists()
