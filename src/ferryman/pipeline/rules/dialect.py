"""The target's dialect behind the rules: it converts tables as they look behind them, and follows schema statements so."""

from __future__ import annotations

import dataclasses

from ferryman.foundation.errors import UsageError
from ferryman.model.names import TableName
from ferryman.model.schema import Schema, ServerTraits, Table
from ferryman.model.selection import Selection
from ferryman.pipeline.rules.rules import Rules
from ferryman.pipeline.rules.tables import RuledTable
from ferryman.spi.dialect import Conversion, DdlEffect, Dialect, SchemaPlan


class RuledDialect:
    """A dialect behind rules."""

    def __init__(self, real: Dialect, rules: Rules) -> None:
        """Stand before a dialect."""
        self._real = real
        self._rules = rules

    def plan(self, schema: Schema, selection: Selection, *, defer_indexes: bool | None = False) -> SchemaPlan:
        """Convert a schema of the source."""
        return self._real.plan(self._plain(schema), selection, defer_indexes=defer_indexes)

    def target_table(self, table: Table, selection: Selection) -> Table:
        """Convert a table of the source."""
        return self._real.target_table(_plain(self._rules.table(table)), selection)

    def replay(self, schema: Schema, selection: Selection, sql: str, database: str) -> DdlEffect:
        """Read a schema statement: `schema` and the effect's are the source's own, the statements are for the target.

        A statement that touches a table with rules is read against the tables as they look behind them. Where that does
        not lead to what the rules make of the table behind it, or where it concerns a row filter, it is not `known`.
        """
        effect = self._real.replay(schema, selection, sql, database)
        changes = effect.schema != schema or effect.reused
        if not changes or not any(self._rules.concern(name) for name in _touched(schema, effect)):
            return effect
        try:
            reason = self._filter_trouble(schema, effect) or self._reuse_trouble(schema, effect)
            before, after = self._plain(schema), self._plain(effect.schema)
        except UsageError as error:
            return _unknown(effect, error.message, blocked=True)
        if reason or not effect.known:
            return _unknown(effect, reason, blocked=True) if reason else effect
        if before == after and not effect.renamed and not effect.reused:
            return dataclasses.replace(effect, statements=())  # only of columns that stay
        behind = self._real.replay(before, selection, sql, database)
        if not behind.known or not _same(behind.schema, after):
            return _unknown(effect, "it cannot be carried over to a table whose columns have rules")
        return dataclasses.replace(
            effect, statements=behind.statements, steps=behind.steps, conversions=behind.conversions
        )

    def differences(self, wanted: Table, found: Table) -> list[str]:
        """As the dialect."""
        return self._real.differences(wanted, found)

    def fitted(self, traits: ServerTraits) -> Dialect:
        """Return this dialect knowing the very server."""
        return RuledDialect(self._real.fitted(traits), self._rules)

    def quote(self, identifier: str) -> str:
        """As the dialect."""
        return self._real.quote(identifier)

    def numbers_from(self, table: Table, first: int) -> list[str]:
        """As the dialect."""
        return self._real.numbers_from(table, first)

    def _plain(self, schema: Schema) -> Schema:
        ruled = self._rules.schema(schema)
        return dataclasses.replace(ruled, tables=tuple(_plain(table) for table in ruled.tables))

    def _filter_trouble(self, schema: Schema, effect: DdlEffect) -> str:
        """Say why rows may pass a filter otherwise behind a statement than the log will tell; nothing when none does."""
        for old, new in effect.renamed:
            if self._rules.wanted(old) != self._rules.wanted(new):
                return f"{old} becomes {new}, and only one of them has rules"
        names = dict(effect.renamed)
        for name in _touched(schema, effect):
            before, after = schema.table(name), effect.schema.table(names.get(name, name))
            if before is not None and after is not None and self._filtered(before) != self._filtered(after):
                return f"it changes a column that the row filter of {name} looks at"
        return ""

    def _reuse_trouble(self, schema: Schema, effect: DdlEffect) -> str:
        """Say which column with a rule gives its name to another one: rules go by names, and would judge that one."""
        for name, columns in effect.reused.items():
            table = schema.table(name)
            ruled = self._rules.table(table) if table is not None else None
            if isinstance(ruled, RuledTable) and (found := ruled.rule.named & {each.casefold() for each in columns}):
                return f"{', '.join(sorted(found))} of {name} has a rule, and the name means another column behind it"
        return ""

    def _filtered(self, table: Table) -> tuple[object, ...]:
        ruled = self._rules.table(table)
        found = ruled.rule.filter if isinstance(ruled, RuledTable) else None
        return tuple((column.name, column.type, column.nullable) for column in found.columns) if found else ()


def ruled_dialect(dialect: Dialect, rules: Rules) -> Dialect:
    """Return a dialect behind rules, if there are any."""
    return dialect if rules.is_empty else RuledDialect(dialect, rules)


def _touched(schema: Schema, effect: DdlEffect) -> list[TableName]:
    names = [table.name for table in (*schema.tables, *effect.schema.tables)]
    changed = [name for name in names if schema.table(name) != effect.schema.table(name)]
    return list(dict.fromkeys((*effect.touched, *changed)))


def _plain(table: Table) -> Table:
    return table.plain() if isinstance(table, RuledTable) else table


def _same(one: Schema, other: Schema) -> bool:
    """Whether two schemas hold the same tables; the order of columns and indexes does not count: rows go by name."""
    return {_shape(table) for table in one.tables} == {_shape(table) for table in other.tables}


def _shape(table: Table) -> tuple[object, ...]:
    rest = dataclasses.replace(table, columns=(), indexes=(), row_estimate=0, byte_estimate=0, auto_increment=None)
    return (rest, frozenset(table.columns), frozenset(table.indexes))


def _unknown(effect: DdlEffect, reason: str, *, blocked: bool = False) -> DdlEffect:
    path = ", ".join(str(name) for name in effect.touched) or "row rules"
    said = Conversion(path=path, message=f"row rules: {reason}", lossy=True)
    return dataclasses.replace(effect, known=False, blocked=blocked, conversions=(*effect.conversions, said))
