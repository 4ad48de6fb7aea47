"""The operations that look closer: metrics, components, the outcome of a precheck."""

from __future__ import annotations

from ferryman.api.oms import requests
from ferryman.api.oms.components import component_document
from ferryman.api.oms.envelope import Answer
from ferryman.api.oms.metric_series import metric_document
from ferryman.api.oms.precheck_results import precheck_document
from ferryman.api.oms.surroundings import Body, Operation, Surroundings, identifier
from ferryman.api.oms.wire import parse


def describe_step_metric(here: Surroundings, body: Body) -> Answer:
    """DescribeProjectStepMetric."""
    return Answer(data=metric_document(here.service, parse(requests.Metric, body)))


def describe_components(here: Surroundings, body: Body) -> Answer:
    """DescribeProjectComponents."""
    return Answer(data=component_document(here.service.project(identifier(body))))


def get_precheck_result(here: Surroundings, body: Body) -> Answer:
    """GetPreCheckResult."""
    return Answer(data=precheck_document(here.prechecks.result(identifier(body))))


MONITORING: dict[str, Operation] = {
    "DescribeProjectStepMetric": describe_step_metric,
    "DescribeProjectComponents": describe_components,
    "GetPreCheckResult": get_precheck_result,
}
