"""One metric of a step over time, from the samples of the metadb."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ferryman.api.oms.requests import Metric
from ferryman.control.service import Service
from ferryman.foundation.errors import UsageError
from ferryman.metadb.samples import Sample
from ferryman.model.project import StepName

Reading = Callable[[Sample], float | None]

DEFAULT_POINTS = 1000
MOST_POINTS = 10_080
"""A week of minutes; more are not answered in one call."""


def _rows(sample: Sample) -> float:
    return sample.rows_per_second


def _bytes(sample: Sample) -> float:
    return sample.bytes_per_second


def _delay(sample: Sample) -> float | None:
    return sample.latency_seconds


def _unmeasured(_sample: Sample) -> None:
    """Times within a step are not taken: such a series is answered without points."""


_LOAD: dict[str, Reading] = {
    "RPS": _rows,
    "IOPS": _bytes,
    **dict.fromkeys(("SOURCE_READ_TIME", "SOURCE_SLICE_TIME"), _unmeasured),
}
_APPLY: dict[str, Reading] = {"DELAY": _delay, "RPS": _rows, "IOPS": _bytes, "SINK_COMMIT_TIME": _unmeasured}
_TIME: dict[str, Reading] = {"SINK_EXECUTE_TIME": _unmeasured}
_VERIFY: dict[str, Reading] = {
    "FULL_VERIFY_SOURCE_RPS": _rows,
    "FULL_VERIFY_SOURCE_READ_IOPS": _bytes,
    "FULL_VERIFY_DEST_RPS": _rows,
    "FULL_VERIFY_DEST_READ_IOPS": _bytes,
}

METRICS: dict[str, tuple[StepName, dict[str, Reading]]] = {
    "FULL_TRANSFER": (StepName.LOAD, {**_LOAD, **_TIME}),
    "INCR_TRANSFER": (StepName.APPLY, {**_APPLY, **_TIME}),
    "FULL_VERIFIER": (StepName.VERIFY, _VERIFY),
    "REVERSE_INCR_TRANSFER": (StepName.REVERSE, {**_APPLY, **_TIME}),
}
"""OMS step → our step and its metrics: rates in rows/s and bytes/s, delay in s."""


def metric_document(service: Service, request: Metric) -> dict[str, Any]:
    """Return ``data`` of DescribeProjectStepMetric: at most `maxPointNum` points, oldest first.

    NONE answers single values, AVG the mean of the span each point stands for.
    """
    project_id = service.project(request.project_id.strip(), tables=False).id
    step, reading = _metric(request)
    if request.begin_timestamp > request.end_timestamp:
        raise UsageError("api.wrong_parameter", "parameter endTimestamp: lies before beginTimestamp")
    samples = service.samples(project_id, step, request.begin_timestamp, request.end_timestamp)
    points = [(s.taken_at, value) for s in samples if (value := reading(s)) is not None]
    most = min(request.max_point_num or DEFAULT_POINTS, MOST_POINTS)
    average = request.aggregator == "AVG"
    return {
        "referenceValue": None,
        "metrics": [{"name": request.metric_type, "tags": None, "dataPoints": thinned(points, most, average=average)}],
        "aggregator": request.aggregator or "NONE",
    }


def thinned(points: Sequence[tuple[int, float]], most: int, *, average: bool) -> list[dict[str, Any]]:
    """Return at most so many data points: each stands for as many samples as the others."""
    width = max(1, -(-len(points) // most))
    groups = [points[first : first + width] for first in range(0, len(points), width)]
    return [
        {
            "timestamp": group[-1][0],
            "value": round(sum(value for _, value in group) / len(group) if average else group[-1][1], 3),
        }
        for group in groups
    ]


def _metric(request: Metric) -> tuple[StepName, Reading]:
    if request.step_name not in METRICS:
        raise UsageError("api.wrong_parameter", f"parameter stepName: must be one of {', '.join(METRICS)}")
    step, metrics = METRICS[request.step_name]
    if request.metric_type not in metrics:
        message = f"parameter metricType: {request.step_name} has {', '.join(metrics)}"
        raise UsageError("api.wrong_parameter", message)
    return step, metrics[request.metric_type]
