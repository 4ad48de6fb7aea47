"""The rules of a project, found by table; everything else asks here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ferryman.model.names import TableName
from ferryman.model.project import ProjectSpec, StepName
from ferryman.model.rules import ColumnRules
from ferryman.model.schema import Schema, Table
from ferryman.model.selection import Selection, shadow_bases
from ferryman.pipeline.rules.compiling import Wanted, check_references, ruled_table
from ferryman.pipeline.rules.filters import Server
from ferryman.pipeline.rules.tables import RuledTable
from ferryman.spi.connector import connector_for

T = TypeVar("T")
_NO_RULES = ColumnRules()


class Rules:
    """All rules of a project."""

    def __init__(self, selection: Selection, server: Server, *, hash_key: str = "", follows: bool = True) -> None:
        """Make them of what a user asks for; `follows`: whether the log is followed."""
        self._where, self._columns = selection.where, selection.columns
        self._server = server
        self._hash_key = hash_key.encode()
        self._follows = follows
        self._known: dict[TableName, tuple[Table, Table]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is none."""
        return not self._where and not self._columns

    @property
    def names(self) -> tuple[str, ...]:
        """The tables that rules are given for."""
        return tuple(dict.fromkeys((*self._where, *self._columns)))

    def concern(self, name: TableName) -> bool:
        """Whether a table has rules."""
        return self.wanted(name) is not None

    def wanted(self, name: TableName) -> Wanted | None:
        """Return what is asked of a table; an online schema change's new form of one obeys the same rules."""
        for each in (name, *shadow_bases(name)):
            where, columns = _of(self._where, each), _of(self._columns, each)
            if where or columns is not None:
                return Wanted(
                    where=where or "", columns=columns or _NO_RULES, hash_key=self._hash_key, follows=self._follows
                )
        return None

    def table(self, table: Table) -> Table:
        """Return a table of the source as it looks behind its rules, a `RuledTable` if it has any.

        Raises:
            UsageError: ``rules.filter_refused``, ``rules.column_missing``, ``rules.column_refused``.
        """
        if isinstance(table, RuledTable) or self.is_empty:
            return table
        known = self._known.get(table.name)
        if known is None or known[0] is not table:
            wanted = self.wanted(table.name)
            ruled = table if wanted is None else ruled_table(table, wanted, self._server)
            known = self._known[table.name] = (table, ruled)
        return known[1]

    def schema(self, schema: Schema) -> Schema:
        """Return a schema of the source as it looks behind the rules; raises as `table`, and ``rules.cascade``."""
        if self.is_empty:
            return schema
        tables = tuple(self.table(table) for table in schema.tables)
        ruled = [table for table in tables if isinstance(table, RuledTable)]
        check_references(schema, ruled, logs_cascades=self._server.postgres or not self._follows)
        return Schema(
            databases=schema.databases,
            tables=tables,
            views=schema.views,
            left_out=schema.left_out,
            unkept=schema.unkept,
            traits=schema.traits,
        )


def _of(rules: Mapping[str, T], name: TableName) -> T | None:
    return rules.get(str(name))


def rules_of(spec: ProjectSpec) -> Rules:
    """Return the rules of a project."""
    dialect = connector_for(spec.source).dialect
    quote = dialect.quote if dialect is not None else str
    return Rules(
        spec.selection,
        Server(quote, postgres=spec.source.scheme.startswith("postgres")),
        hash_key=spec.hash_key,
        follows=StepName.APPLY in spec.steps,
    )
