"""Schema statements of the log, as far as messages are concerned: what they do to the schema, and whom they touch."""

from __future__ import annotations

import re
from dataclasses import replace

from ferryman.foundation.errors import UsageError
from ferryman.model.changes import SchemaStatement
from ferryman.model.position import Position
from ferryman.model.schema import Schema
from ferryman.model.serial import from_json
from ferryman.pipeline.apply.statement import Decision, Statements
from ferryman.pipeline.rules.dialect import ruled_dialect
from ferryman.pipeline.rules.rules import rules_of
from ferryman.spi.connector import connector_for
from ferryman.spi.dialect import DdlEffect
from ferryman.spi.task import TaskContext

_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*\n|#[^\n]*\n", re.DOTALL)
_VERBS = (
    (re.compile(r"create\s+(or\s+replace\s+)?(unique\s+|fulltext\s+|spatial\s+)?index\b"), "CREATE_INDEX"),
    (re.compile(r"drop\s+index\b"), "DROP_INDEX"),
    (re.compile(r"create\b"), "CREATE"),
    (re.compile(r"drop\b"), "DROP"),
    (re.compile(r"truncate\b"), "TRUNCATE"),
    (re.compile(r"rename\b"), "RENAME"),
)


class PublishedStatements(Statements):
    """Follows a statement whose effect on existing *values* is unknown: nothing is run, and rows come by the log."""

    def _replay(self, schema: Schema, statement: SchemaStatement) -> DdlEffect:
        effect = super()._replay(schema, statement)
        follows = not effect.known and not effect.blocked and effect.schema != schema
        return replace(effect, known=True) if follows else effect


def statements_of(context: TaskContext) -> Statements:
    """Return the decider of a project: the source's own dialect reads its statements."""
    dialect = connector_for(context.spec.source).dialect
    if dialect is None:
        raise UsageError("usage.bad_url", f"{context.spec.source.scheme} has no dialect of its own")
    schema = from_json(Schema, context.note("schema.source"))
    known = context.note("schema.known")
    return PublishedStatements(
        ruled_dialect(dialect.fitted(schema.traits), rules_of(context.spec)),
        replace(context.spec.selection, rename={}),
        from_json(Position, known) if known else None,
        lambda: Decision.of(context.note("apply.choice")),
    )


def verb_of(sql: str) -> str:
    """Return what a statement does, in one word; ``ALTER`` where nothing else fits."""
    text = _COMMENT.sub(" ", sql).strip().casefold()
    return next((verb for pattern, verb in _VERBS if pattern.match(text)), "ALTER")
