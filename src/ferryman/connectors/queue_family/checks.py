"""Precheck items of any message queue."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint, ProjectSpec, PublishOptions, StepName
from ferryman.model.schema import Schema
from ferryman.spi.precheck import CheckResult, Verdict
from ferryman.spi.publishing import topic_of
from ferryman.spi.sink import Sink


class QueueChecks:
    """Looks whether the cluster answers, and whether the topics are there."""

    def __init__(self, endpoint: Endpoint, sink: Callable[[Endpoint, PublishOptions], Sink]) -> None:
        self._endpoint, self._sink = endpoint, sink

    def source_checks(self, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Refuse: a queue is no source."""
        raise FerrymanError("usage.bad_url", f"{self._endpoint.scheme} cannot be a source")

    def target_checks(self, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Ask for the topics."""
        names = {_topic(spec, schema, place) for place in range(len(schema.tables))}
        try:
            with closing(self._sink(self._endpoint, spec.publish)) as sink:
                sink.check()
                there = sink.topics(names)
        except FerrymanError as error:
            return [_item("RDB_CONNECT", Verdict.FAILED, "the cluster answers", error)]
        connected = _item("RDB_CONNECT", Verdict.PASSED, "the cluster answers")
        return [connected, _existence(sorted(names - there.keys()), spec)]


def _topic(spec: ProjectSpec, schema: Schema, place: int) -> str:
    name = spec.selection.target_name(schema.tables[place].name)
    return topic_of(spec.publish, name)


def _existence(missing: list[str], spec: ProjectSpec) -> CheckResult:
    title = "the topics exist, or are made"
    if not missing or StepName.SCHEMA in spec.steps:
        return _item("MQ_TOPIC_EXIST", Verdict.PASSED, title)
    shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
    error = FerrymanError("sink.topic_missing", f"the cluster has no topic {shown}")
    return _item("MQ_TOPIC_EXIST", Verdict.FAILED, title, error)


def _item(item: str, verdict: Verdict, title: str, error: FerrymanError | None = None) -> CheckResult:
    return CheckResult(
        item=item,
        side="target",
        verdict=verdict,
        title=title,
        message=error.message if error else "",
        hint=error.hint if error else "",
        code=error.code if error else "precheck.failed",
    )
