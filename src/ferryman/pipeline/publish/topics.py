"""Structure synchronization: the topics of a project, made or found; their partitions are fixed from then on."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.names import TableName
from ferryman.model.project import StepName, StepProgress, TableProgress
from ferryman.model.schema import Schema, Table
from ferryman.model.serial import to_json
from ferryman.pipeline.plan import read_source
from ferryman.pipeline.publish.routing import Router
from ferryman.pipeline.rules.rules import rules_of
from ferryman.pipeline.rules.tables import RuledTable
from ferryman.serializers.registry import serializer_for
from ferryman.spi.connector import connector_for
from ferryman.spi.dialect import SchemaPlan
from ferryman.spi.publishing import topic_of
from ferryman.spi.sink import Sink, TopicPlan
from ferryman.spi.task import TaskContext

NOTE = "publish.topics"
"""Topic → partitions used, as they were when the topic was first seen: a key must never move."""


def run(context: TaskContext) -> None:
    """Make the topics of all tables; those that exist are taken as they are."""
    schema = _schema(context)
    with closing(sink_of(context)) as sink:
        sink.prepare()
        names = _topics(context, schema)
        there = sink.topics(names)
        made = ("made", "was there")
        for number, name in enumerate(names, 1):
            if name not in there:
                sink.make_topic(_plan(context, name))
            _report(context, TableProgress(table=name, state="done", message=made[name in there]), number, len(names))
        _fix(context, sink, names)
    ensure(context)


def _plan(context: TaskContext, name: str) -> TopicPlan:
    options = context.spec.publish
    return TopicPlan(
        name=name,
        partitions=options.partitions,
        replication=options.replication,
        options=options.topic_options,
    )


def _report(context: TaskContext, topic: TableProgress, done: int, total: int) -> None:
    context.report(StepProgress(percent=100 * done // total, message=f"{done} of {total} topics"), [topic])


def ensure(context: TaskContext) -> None:
    """Make the notes every step stands on, for a project without structure synchronization, too.

    Raises:
        FerrymanError: ``sink.topic_missing``, ``schema.nothing_selected``.
    """
    schema = _schema(context)
    if context.note("schema.plan") is None:
        tables = {table.name: _published(context, table.name, schema) for table in schema.tables}
        context.set_note("schema.plan", to_json(SchemaPlan(tables=tables)))
    names = _topics(context, schema)
    if all(name in (context.note(NOTE) or {}) for name in names):
        return
    with closing(sink_of(context)) as sink:
        _fix(context, sink, names)


def _published(context: TaskContext, name: TableName, schema: Schema) -> Table:
    table = schema.table(name)
    assert table is not None
    plain = table.plain() if isinstance(table, RuledTable) else table
    return replace(plain, name=context.spec.selection.target_name(name))


def _fix(context: TaskContext, sink: Sink, names: list[str]) -> None:
    known: dict[str, int] = dict(context.note(NOTE) or {})
    found = sink.topics(name for name in names if name not in known)
    missing = [name for name in names if name not in known and name not in found]
    if missing:
        raise FerrymanError(
            "sink.topic_missing",
            f"the target has no topic {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}",
        )
    context.set_note(NOTE, known | found)


def admit(context: TaskContext, sink: Sink, name: TableName) -> dict[str, int]:
    """Return topics and partitions with that of a table that came while the project runs; makes it if allowed."""
    topic = topic_of(context.spec.publish, name)
    if topic not in (context.note(NOTE) or {}):
        if not sink.topics([topic]) and makes_topics(context):
            sink.make_topic(_plan(context, topic))
        _fix(context, sink, [topic])
    return dict(context.note(NOTE) or {})


def makes_topics(context: TaskContext) -> bool:
    """Whether the project makes topics: that is structure synchronization."""
    return StepName.SCHEMA in context.spec.steps


def router_of(context: TaskContext, sink: Sink) -> Router:
    """Return the project's router.

    Raises:
        FerrymanError: ``sink.topic_shrunk`` when a topic has fewer partitions than it had: keys would move.
    """
    known: dict[str, int] = context.note(NOTE) or {}
    there = sink.topics(known)
    for name, count in known.items():
        if there.get(name, count) < count:  # one that is gone is refused by its writer
            message = f"topic {name} has {there[name]} partitions now, and had {count} when the project began"
            raise FerrymanError("sink.topic_shrunk", message)
    options = context.spec.publish
    return Router(options, serializer_for(options, context.spec.target), known, named=not sink.exactly_once)


def sink_of(context: TaskContext) -> Sink:
    """Open the project's sink."""
    make = connector_for(context.spec.target).sink
    if make is None:
        raise UsageError("usage.bad_url", f"{context.spec.target.scheme} takes no messages")
    return make(context.spec.target, context.spec.publish)


def forget(context: TaskContext) -> None:
    """Remove the project's marks from the sink."""
    with closing(sink_of(context)) as sink:
        sink.forget(context.project_id)


def _schema(context: TaskContext) -> Schema:
    schema = rules_of(context.spec).schema(read_source(context))
    if not schema.tables:
        raise UsageError("schema.nothing_selected", "no table of the source matches the objects of the project")
    return schema


def _topics(context: TaskContext, schema: Schema) -> list[str]:
    selection = context.spec.selection
    topics = (topic_of(context.spec.publish, selection.target_name(table.name)) for table in schema.tables)
    return list(dict.fromkeys(topics))
