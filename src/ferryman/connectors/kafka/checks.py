"""Precheck items of a Kafka cluster."""

from __future__ import annotations

from ferryman.foundation.errors import FerrymanError
from ferryman.model.project import Endpoint, ProjectSpec, StepName
from ferryman.model.schema import Schema
from ferryman.spi.precheck import CheckResult, Verdict


class KafkaChecks:
    """Looks whether the cluster answers, and whether the topics are there."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def source_checks(self, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Refuse: Kafka is no source."""
        raise FerrymanError("usage.bad_url", "kafka cannot be a source")

    def target_checks(self, spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
        """Ask for the topics."""
        from ferryman.connectors.kafka.sink import KafkaSink

        sink = KafkaSink(self._endpoint, spec.publish)
        names = {_topic(spec, schema, place) for place in range(len(schema.tables))}
        try:
            there = sink.topics(names)
        except FerrymanError as error:
            return [_item("RDB_CONNECT", Verdict.FAILED, "the cluster answers", error)]
        connected = _item("RDB_CONNECT", Verdict.PASSED, "the cluster answers")
        return [connected, _existence(sorted(names - there.keys()), spec)]


def _topic(spec: ProjectSpec, schema: Schema, place: int) -> str:
    name = spec.selection.target_name(schema.tables[place].name)
    return spec.publish.topic.replace("{database}", name.database).replace("{table}", name.table)


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
