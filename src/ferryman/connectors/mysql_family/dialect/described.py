"""Schema changes that a source tells as models (`ferryman.spi.dialect.TableChange`), for targets of the MySQL family."""

from __future__ import annotations

from ferryman.connectors.mysql_family.ddl.writer import full_name
from ferryman.connectors.mysql_family.ddl.writer_alter import alter_sql
from ferryman.connectors.mysql_family.dialect.columns import Notes
from ferryman.connectors.mysql_family.dialect.rules import Rules
from ferryman.connectors.mysql_family.dialect.tables import convert_table
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection
from ferryman.spi.dialect import Conversion, DdlEffect, TableChange


def effect_of(rules: Rules, schema: Schema, selection: Selection, change: TableChange) -> DdlEffect:
    """Say what a described change does to the schema and to the target."""
    if change.after is None:
        return _truncation(schema, selection, change)
    before = schema.table(change.name)
    if before is None or not selection.includes(change.name):
        return DdlEffect(schema=schema)
    return _alteration(rules, schema, selection, change, before, change.after)


def _truncation(schema: Schema, selection: Selection, change: TableChange) -> DdlEffect:
    names = [name for name in change.truncated if selection.includes(name) and schema.table(name) is not None]
    statements = tuple(f"TRUNCATE TABLE {full_name(selection.target_name(name))}" for name in names)
    return DdlEffect(schema=schema, statements=statements, touched=tuple(names))


def _alteration(
    rules: Rules, schema: Schema, selection: Selection, change: TableChange, before: Table, after: Table
) -> DdlEffect:
    known = {table.name for table in schema.tables}
    notes, old_notes = Notes(str(after.name)), Notes(str(before.name))
    old = convert_table(rules, before, selection, known, old_notes)
    new = convert_table(rules, after, selection, known, notes)
    reasons = [*change.reasons, *_unfilled(before, after, new)]
    reasons += [f"{rules.name} has no type for {each}" for each in notes.unsupported]
    conversions = [note for note in notes.conversions if note not in old_notes.conversions]
    conversions += [Conversion(path=str(after.name), message=reason, lossy=True) for reason in reasons]
    statements = () if notes.unsupported else alter_sql(old, new, change.renamed, one_action=rules.one_action)
    return DdlEffect(
        schema=schema.with_table(after),
        statements=tuple(statements),
        touched=(change.name,),
        conversions=tuple(conversions),
        known=not reasons,
    )


def _unfilled(before: Table, after: Table, new: Table) -> list[str]:
    """Name new columns whose existing rows have a value that the target's column cannot have as its default."""
    there = {column.name for column in before.columns}
    return [
        f"existing rows have a value in {column.name} that no default can give them there"
        for column in after.columns
        if column.name not in there and column.default is not None and new.column(column.name).default is None
    ]
