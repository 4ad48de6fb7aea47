"""Items of a project that publishes messages: what a consumer would not see, or not see as it is."""

from __future__ import annotations

from collections import Counter

from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.project import ProjectSpec, StepName, Subjects
from ferryman.model.schema import ReferenceAction, Schema
from ferryman.model.types import Kind
from ferryman.serializers.contract import Checked
from ferryman.serializers.registry import serializer_for
from ferryman.spi.precheck import CheckResult, Verdict
from ferryman.spi.publishing import topic_of

_ACTING = frozenset({ReferenceAction.CASCADE, ReferenceAction.SET_NULL, ReferenceAction.SET_DEFAULT})
_SHOWN = 5


def publishing_checks(spec: ProjectSpec, schema: Schema) -> list[CheckResult]:
    """Look at format, foreign keys, keys and types."""
    return [_format(spec, schema), _cascades(spec, schema), _keys(spec, schema), _digits(spec, schema)]


def _format(spec: ProjectSpec, schema: Schema) -> CheckResult:
    title = "the format can be written"
    try:
        serializer = serializer_for(spec.publish, spec.target)
        if isinstance(serializer, Checked):
            serializer.check()
            _one_table_a_subject(spec, schema)
    except FerrymanError as error:
        return _item("MQ_FORMAT", Verdict.FAILED, title, error.message, code=error.code)
    return _item("MQ_FORMAT", Verdict.PASSED, title)


def _one_table_a_subject(spec: ProjectSpec, schema: Schema) -> None:
    """Refuse tables that would be versions of one schema in the registry."""
    topics = Counter(topic_of(spec.publish, spec.selection.target_name(table.name)) for table in schema.tables)
    shared = [topic for topic, count in topics.items() if count > 1]
    if shared and spec.publish.subjects is Subjects.TOPIC:
        raise UsageError(
            "usage.wrong_option",
            f"several tables go to the topic {shared[0]}, whose subject holds one schema",
            hint="use subjects=topic-record",
        )


def _cascades(spec: ProjectSpec, schema: Schema) -> CheckResult:
    """InnoDB's ON DELETE and ON UPDATE actions are in no binary log: their changes would never reach the queue."""
    title = "all changes are in the log"
    acting = [
        str(table.name)
        for table in schema.tables
        if any(key.on_delete in _ACTING or key.on_update in _ACTING for key in table.foreign_keys)
    ]
    if not acting or StepName.APPLY not in spec.steps:
        return _item("MQ_CASCADES", Verdict.PASSED, title)
    message = (
        f"foreign keys change rows of {_listed(acting)} without a trace in the log: such changes are not published"
    )
    hint = "leave these tables out, or change their foreign keys to RESTRICT"
    return _item("MQ_CASCADES", Verdict.FAILED, title, message, hint, skippable=True)


def _keys(spec: ProjectSpec, schema: Schema) -> CheckResult:
    title = "repetitions can be told"
    keyless = [str(table.name) for table in schema.tables if table.row_key is None]
    if not keyless or spec.publish.exactly_once or StepName.LOAD not in spec.steps:
        return _item("MQ_KEYS", Verdict.PASSED, title)
    message = f"{_listed(keyless)} have no key: a load that is interrupted publishes their rows again"
    return _item("MQ_KEYS", Verdict.FAILED, title, message, "use delivery=exactly-once", skippable=True)


def _digits(spec: ProjectSpec, schema: Schema) -> CheckResult:
    """The Debezium family writes DATETIME as milliseconds."""
    title = "the format has room for all values"
    short = [
        f"{table.name}.{column.name}"
        for table in schema.tables
        for column in table.written_columns
        if column.type.kind is Kind.DATETIME and column.type.fraction > 3
    ]
    if not short or not spec.publish.format.startswith("DEBEZIUM"):
        return _item("MQ_VALUES", Verdict.PASSED, title)
    message = f"{spec.publish.format} writes milliseconds: digits behind them are cut off in {_listed(short)}"
    return _item("MQ_VALUES", Verdict.FAILED, title, message, "use another format", skippable=True)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _item(
    item: str,
    verdict: Verdict,
    title: str,
    message: str = "",
    hint: str = "",
    *,
    code: str = "precheck.failed",
    skippable: bool = False,
) -> CheckResult:
    return CheckResult(
        item=item,
        side="both",
        verdict=verdict,
        title=title,
        message=message,
        hint=hint,
        skippable=skippable,
        code=code,
    )
