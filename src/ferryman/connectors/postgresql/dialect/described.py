"""Schema changes that a source tells as models (`ferryman.spi.dialect.TableChange`), for a PostgreSQL target."""

from __future__ import annotations

from ferryman.connectors.mysql_family.dialect.columns import Notes
from ferryman.connectors.postgresql.dialect import statements
from ferryman.connectors.postgresql.dialect.altering import alter_table
from ferryman.connectors.postgresql.dialect.kindred import type_statements
from ferryman.connectors.postgresql.dialect.tables import convert_table
from ferryman.connectors.postgresql.quoting import quote_table
from ferryman.model.schema import Schema
from ferryman.model.selection import Selection
from ferryman.spi.dialect import Conversion, DdlEffect, TableChange


def effect_of(schema: Schema, selection: Selection, change: TableChange) -> DdlEffect:
    """Say what a described change does to the schema and to the target."""
    if change.after is None:
        return _truncation(schema, selection, change)
    before = schema.table(change.name)
    if before is None or not selection.includes(change.name):
        return DdlEffect(schema=schema)
    notes, old_notes = Notes(str(change.after.name)), Notes(str(before.name))
    after = schema.with_table(change.after)
    old = convert_table(before, selection, {table.name: table for table in schema.tables}, old_notes)
    new = convert_table(change.after, selection, {table.name: table for table in after.tables}, notes)
    made = [statement.sql for statement in type_statements([new])]
    made += alter_table(old, new, change.renamed, {})
    conversions = [note for note in notes.conversions if note not in old_notes.conversions]
    path = str(change.after.name)
    conversions += [Conversion(path=path, message=reason, lossy=True) for reason in change.reasons]
    return DdlEffect(
        schema=after,
        statements=(statements.joined(made),) if made else (),
        touched=(change.name,),
        conversions=tuple(conversions),
        known=not change.reasons,
    )


def _truncation(schema: Schema, selection: Selection, change: TableChange) -> DdlEffect:
    """All tables that were emptied at once are emptied at once: foreign keys may bind them together."""
    names = [name for name in change.truncated if selection.includes(name) and schema.table(name) is not None]
    listed = ", ".join(quote_table(selection.target_name(name)) for name in names)
    return DdlEffect(schema=schema, statements=(f"TRUNCATE TABLE {listed}",) if names else (), touched=tuple(names))
