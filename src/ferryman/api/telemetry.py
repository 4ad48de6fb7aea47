"""What ``/metrics`` shows, sent by OpenTelemetry's protocol (OTLP over HTTP) where the operator has named a collector.

The variables are OpenTelemetry's own: ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or ``…_METRICS_ENDPOINT``) turns it on; headers,
certificates, compression, time limits, the interval and attributes of the resource are read by its SDK. The figures are
parsed from the same text that is scraped, so that both ways tell the same under the same names.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from ferryman import __version__
from ferryman.foundation.errors import FerrymanError, UsageError

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric, MetricsData

ENDPOINTS = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"
SPOKEN = "http/protobuf"
_LOGGER = logging.getLogger("ferryman.telemetry")


@dataclass(frozen=True, slots=True)
class Settings:
    """How often figures are sent, in seconds; where to is the SDK's business."""

    interval: float = 60.0


def settings_of(environment: Mapping[str, str] = os.environ) -> Settings | None:
    """Return the settings of the environment, `None` where nothing is sent.

    Raises:
        UsageError: ``telemetry.settings`` for variables that cannot be.
        FerrymanError: ``telemetry.not_installed``.
    """
    off = (
        environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or environment.get("OTEL_METRICS_EXPORTER") == "none"
    )
    if off or not any(environment.get(name) for name in ENDPOINTS):
        return None
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), SPOKEN)
    if protocol != SPOKEN:
        raise UsageError("telemetry.settings", f"OTLP is sent by {SPOKEN} only, not by {protocol!r}")
    try:
        import opentelemetry.exporter.otlp.proto.http  # noqa: F401
    except ImportError:
        raise FerrymanError("telemetry.not_installed", "an OTLP endpoint is named, but the SDK is missing") from None
    return Settings(_interval(environment.get(INTERVAL, "60000")))


def _interval(text: str) -> float:
    if not (text.isascii() and text.isdigit() and 100 <= int(text[:10]) <= 86_400_000):
        raise UsageError("telemetry.settings", f"{INTERVAL} must be milliseconds from 100 to a day")
    return int(text) / 1000


class Telemetry:
    """Sends the figures in a thread of its own, until closed."""

    def __init__(
        self, settings: Settings, render: Callable[[], bytes], leads: Callable[[], bool] = lambda: True
    ) -> None:
        """Prepare.

        Args:
            settings: From `settings_of`.
            render: Returns the text of ``/metrics``.
            leads: Of several services on one metadb, the one that controls sends.
        """
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it tells every failure anew; `_send` tells one
        self._settings, self._render, self._leads = settings, render, leads
        self._exporter = OTLPMetricExporter()
        self._resource = _resource()
        self._began = time.time_ns()
        self._failed = False
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self) -> None:
        """Send no more; what is under way is given up."""
        self._closed.set()
        self._exporter.shutdown()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._closed.wait(self._settings.interval):
            if self._leads():
                self._send()

    def _send(self) -> None:
        """Send once; a failure is told when it begins, and when it is over."""
        from opentelemetry.sdk.metrics.export import MetricExportResult

        try:
            sent = self._exporter.export(self._data()) is MetricExportResult.SUCCESS
        except FerrymanError as error:
            _LOGGER.warning("figures could not be read: %s", error)
            return
        except (OSError, ValueError):  # of the SDK; a collector that does not answer is a result
            sent = False
        if self._failed == sent and not self._closed.is_set():
            _LOGGER.warning("figures reach the OTLP collector again" if sent else "the OTLP collector takes no figures")
        self._failed = not sent

    def _data(self) -> MetricsData:
        from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        metrics = list(metrics_of(self._render().decode(), self._began, time.time_ns()))
        scope = ScopeMetrics(InstrumentationScope("ferryman", __version__), metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])


def _resource() -> Any:
    """Return what sends: ``ferryman`` unless the operator calls it something else."""
    from opentelemetry.sdk.resources import Resource

    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({"service.version": __version__} | ({} if named else {"service.name": "ferryman"}))


def metrics_of(text: str, began: int, now: int) -> Iterator[Metric]:
    """Yield the metrics of Prometheus's text: counters as growing sums since `began`, gauges as they are (nanoseconds)."""
    from opentelemetry.sdk.metrics.export import AggregationTemporality, Gauge, Metric, NumberDataPoint, Sum

    def points(family: Family) -> Iterable[tuple[str, NumberDataPoint]]:
        for sample in family.samples:
            yield sample.name, NumberDataPoint(dict(sample.labels), began, now, float(sample.value))

    for family in text_string_to_metric_families(text):
        if family.type not in {"counter", "gauge", "unknown"}:
            continue
        by_name: dict[str, list[NumberDataPoint]] = {}
        for name, point in points(family):
            by_name.setdefault(name, []).append(point)
        for name, found in by_name.items():
            data = Sum(found, AggregationTemporality.CUMULATIVE, True) if family.type == "counter" else Gauge(found)
            yield Metric(name, family.documentation, "", data)
