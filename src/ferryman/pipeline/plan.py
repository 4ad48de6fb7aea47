"""The notes every step stands on: the source's schema, and what it becomes at the target.

The schema step writes them as it runs. A project without one (``--types full,incremental``) gets them here, from the
target's tables as they are. It lies below the steps because they cannot import each other.
"""

from __future__ import annotations

from dataclasses import replace

from ferryman.foundation.errors import FerrymanError, UsageError
from ferryman.model.names import TableName
from ferryman.model.position import Position
from ferryman.model.project import StepName
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection, exact_pattern
from ferryman.model.serial import from_json, to_json
from ferryman.pipeline.logstore import join_at, last_position
from ferryman.pipeline.logstore.joining import claim_of, reader_of
from ferryman.pipeline.rules.rules import rules_of
from ferryman.spi import ends
from ferryman.spi.connector import connector_for
from ferryman.spi.dialect import Dialect, SchemaPlan
from ferryman.spi.source import MovingSource, Source
from ferryman.spi.target import Target
from ferryman.spi.task import TaskContext


def read_source(context: TaskContext) -> Schema:
    """Read the source's schema once, and take its place in the log before and after (algorithms.md §1).

    The place before is taken first and never again: what changes between it and the catalog is in the log. Whoever
    replays the log skips the schema statements up to ``schema.known``, whose effect the catalog already shows.
    """
    noted = context.note("schema.source")
    if noted is not None and context.note("schema.known") is not None:
        return from_json(Schema, noted)
    source = source_of(context)
    try:
        starts = _take_start(context, source)
        schema = source.read_schema(context.spec.selection)
        refuse_twins(schema)
        known = to_json(source.current_position()) if starts else {}
    finally:
        source.close()
    context.set_note("schema.source", to_json(schema))
    context.set_note("schema.known", known)
    return schema


def refuse_twins(schema: Schema) -> None:
    """Refuse tables with columns that differ in case alone, which PostgreSQL can have: names are paired without case.

    Raises:
        FerrymanError: ``schema.name_collision``.
    """
    for table in schema.tables:
        seen: dict[str, str] = {}
        for column in table.columns:
            other = seen.setdefault(column.name.casefold(), column.name)
            if other != column.name:
                raise FerrymanError(
                    "schema.name_collision",
                    f"columns {other} and {column.name} of {table.name} differ in case alone",
                    hint="rename one of them at the source, or leave the table out (--exclude)",
                )


def _take_start(context: TaskContext, source: Source) -> bool:
    """Note the place in the source's log at which following would begin; returns whether there is one.

    It is taken even when nobody follows yet, where the source has a log: then following can be added later. An older
    place that was asked for by time counts only without a load, which shows what is there now.
    """
    spec = context.spec
    if context.note("schema.start") is not None:
        return True
    follows = StepName.CAPTURE in spec.steps or StepName.APPLY in spec.steps
    try:
        if follows and spec.apply.start_position:
            position = ends.naming(source, spec.source).position_named(spec.apply.start_position)
        elif follows and spec.apply.start_timestamp and StepName.LOAD not in spec.steps:
            position = _position_at(context, source)
        elif follows:
            position = source.keep_log(context.project_id, spec.selection)
        else:
            position = source.current_position()
    except FerrymanError:
        if follows:
            raise
        return False  # a source without a log: its rows can be copied all the same
    context.set_note("schema.start", to_json(position))
    return True


def _position_at(context: TaskContext, source: Source) -> Position:
    """Return the place in the log at the second asked for: where the source has it, or where a log store has kept it."""
    seconds = context.spec.apply.start_timestamp
    try:
        return source.position_at(seconds)
    except FerrymanError as error:
        reader = reader_of(context, source)
        if error.code != "position.purged" or reader.log_name is None:
            raise
        kept = join_at(reader, seconds, claim_of(context))
        if kept is None:
            raise
    context.event(
        "info", f"the source has no log of second {seconds} any more; the log store has kept it: from {kept} on"
    )
    return kept


def ensure_plan(context: TaskContext) -> None:
    """Make the notes ``schema.start``, ``schema.source``, ``schema.known`` and ``schema.plan`` where they are missing.

    For projects without a schema step: the plan's tables are the target's own, so that rows are written as its columns
    are. With a schema step the notes are its business and this does nothing but wait for none.

    Raises:
        FerrymanError: ``target.table_missing``, ``target.table_differs`` (a column of the source is not there),
            ``schema.nothing_selected``.
    """
    if context.note("schema.plan") is not None:
        return
    schema = rules_of(context.spec).schema(read_source(context))
    if not schema.tables:
        raise UsageError("schema.nothing_selected", "no table of the source matches the objects of the project")
    target = target_of(context)
    try:
        there = target.read_schema(Selection(objects=_patterns(schema, context.spec.selection)))
    finally:
        target.close()
    tables = {table.name: _adopted(table, there, context.spec.selection) for table in schema.tables}
    context.set_note("schema.plan", to_json(SchemaPlan(tables=tables)))


def ensure_start(context: TaskContext) -> None:
    """Make the notes where they are missing, for projects whose first step is capture.

    Nothing else runs before capture has begun to spool, so nobody makes them at the same time. The place in the log may
    stand already: that of a project that moves changes back was taken by the switchover.

    Raises:
        FerrymanError: As `ensure_plan`.
    """
    if StepName.SCHEMA in context.spec.steps:
        return
    if connector_for(context.spec.target).sink is not None:
        read_source(context)
    else:
        ensure_plan(context)


def _patterns(schema: Schema, selection: Selection) -> tuple[str, ...]:
    return tuple(exact_pattern(selection.target_name(table.name)) for table in schema.tables)


def _adopted(table: Table, there: Schema, selection: Selection) -> Table:
    """Return the target's table for a source table, if it has all its columns."""
    name = selection.target_name(table.name)
    found = find_table(there, name)
    if found is None:
        raise FerrymanError("target.table_missing", f"the target has no table {name} for {table.name}")
    known = {column.name.casefold() for column in found.columns}
    absent = [column.name for column in table.written_columns if column.name.casefold() not in known]
    if absent:
        raise FerrymanError("target.table_differs", f"{name} at the target lacks the columns {', '.join(absent)}")
    return replace(found, name=name)


def find_table(schema: Schema, name: TableName) -> Table | None:
    """Return the table of that name as that server compares names."""
    found = schema.table(name)
    if found is not None or schema.traits.lower_case_names == 0:
        return found
    return schema.folded_table(name)


def source_of(context: TaskContext) -> Source:
    """Open the project's source, as it is: `rules.source.ruled_source` puts it behind the project's rules."""
    source = ends.source_of(context.spec)
    if isinstance(source, MovingSource):
        return source.following(lambda: last_position(context.data_dir, context.project_id))
    return source


def target_of(context: TaskContext) -> Target:
    """Open the project's target."""
    return ends.target_of(context.spec)


def dialect_of(context: TaskContext) -> Dialect:
    """Return the dialect of the project's target, before it knows the very server."""
    dialect = connector_for(context.spec.target).dialect
    if dialect is None:
        raise UsageError("usage.bad_url", f"{context.spec.target.scheme} has no schema")
    return dialect
