"""What a target's dialect does with a schema: convert, write DDL, say what is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from ferryman.model.names import TableName
from ferryman.model.schema import Schema, ServerTraits, Table
from ferryman.model.selection import Selection
from ferryman.model.serial import from_json, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """One thing that is not the same at the target, named for the report.

    Attributes:
        path: ``db.table.column``, ``db.table``, ``db.view`` …
        message: What becomes what, and why.
        lossy: Whether information is lost (a collation that folds other letters, a dropped partition clause).
    """

    path: str
    message: str
    lossy: bool = False

    @property
    def owners(self) -> Iterator[str]:
        """What it may be of, by the path: ``db.table.column`` is of the column, the database and the table."""
        yield self.path
        yield from (self.path[:place] for place, char in enumerate(self.path) if char == ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class DdlStatement:
    """One statement of the schema step.

    Attributes:
        kind: ``database``, ``type``, ``table``, ``index``, ``check``, ``foreign_key``, ``view``.
        object: What it makes, by the target's name: ``db.table``; of a table's parts ``db.table.part``.
        sql: The statement, in the target's dialect.
        after_load: Whether it may (or must) wait until the rows are there.
        fallback: What to run when the engine refuses `sql` (a table without its partitions); empty for none.
        action: How it is written behind the statement of another part of the same table, with a comma between: one pass
            over the rows makes both. Empty: it stands alone.
        beside: Whether it may run while another part of the same table is made.
        needed: Whether a refusal stops the step, until somebody has mended it or leaves the object out; of a database or
            a table it always does. Else it is a warning.
    """

    kind: str
    object: str
    sql: str
    after_load: bool = False
    fallback: str = ""
    action: str = ""
    beside: bool = False
    needed: bool = False

    @property
    def label(self) -> str:
        """What it is called where all objects stand in one list: parts of a table may have the same name."""
        return self.object if self.kind == "table" else f"{self.kind} {self.object}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaPlan:
    """The source's schema converted for one target.

    Attributes:
        tables: Source name → the table as it will be at the target (target name, target types).
        statements: In running order.
        conversions: All that differs.
    """

    tables: dict[TableName, Table] = field(default_factory=dict)
    statements: tuple[DdlStatement, ...] = ()
    conversions: tuple[Conversion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DdlStep:
    """A statement for the target on the way to what `DdlEffect` means.

    Attributes:
        sql: What to run.
        tables: The tables concerned as they are at the target behind it; the names they had before are gone.
    """

    sql: str
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DdlEffect:
    """What one schema statement of the source's log means.

    Attributes:
        schema: The source's schema after it.
        statements: What the target must run, in order; empty when nothing concerns it (another database, ANALYZE …).
        touched: Source tables it changes, makes, renames or drops.
        conversions: What is not the same at the target.
        known: Whether the statement was fully understood and its whole effect can be had at the target. When not, apply
            stops and says so (`conversions` tell why). `schema` and `statements` are then a proposal: they are there when
            the source's shape is clear and only the target's way there is not, else `schema` is the old one and
            `statements` is empty.
        renamed: Source tables that took another name, old and new, all at once (two may exchange names).
        blocked: Whether an operator must decide even where no statement is run (a row filter is concerned).
        unlogged: Source tables, by their names before, whose existing rows took values that stand in no log
            (``ADD COLUMN … DEFAULT CURRENT_TIMESTAMP``): whoever runs `statements` reads their rows again.
        steps: What the target must run before `statements`, where names are exchanged: by way of names that nobody has.
            The target looks alike before the first and behind the last one, so whoever runs them notes how far it got.
            `statements` begin at the last one's tables.
        reused: Source tables, by their names before, with other names (of columns, or exchanged ones of tables) → the
            columns whose names another one takes, or had. Who read rows meanwhile cannot tell by which names.
    """

    schema: Schema
    statements: tuple[str, ...] = ()
    touched: tuple[TableName, ...] = ()
    conversions: tuple[Conversion, ...] = ()
    known: bool = True
    renamed: tuple[tuple[TableName, TableName], ...] = ()
    unlogged: tuple[TableName, ...] = ()
    steps: tuple[DdlStep, ...] = ()
    reused: dict[TableName, frozenset[str]] = field(default_factory=dict)
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChange:
    """A schema change that a source without DDL in its log has found by comparing: told in models, not in SQL.

    It travels as the text of a schema statement: `sql` for people, and behind it, in a comment, all of this as JSON.

    Attributes:
        sql: What was done, in the source's SQL.
        name: The source's name of the table.
        after: The source's table behind it; `None` for a truncation.
        truncated: Tables emptied at once.
        renamed: New column names → old ones.
        reasons: Why a target cannot follow by itself; empty when it can, exactly.
    """

    sql: str
    name: TableName
    after: Table | None = None
    truncated: tuple[TableName, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    def as_statement(self) -> str:
        """Return the text of the schema statement."""
        return f"{self.sql}{_MARK}{json.dumps(to_json(self), ensure_ascii=False)}"

    @classmethod
    def of_statement(cls, sql: str) -> TableChange | None:
        """Read what `as_statement` wrote; `None` for any other statement."""
        _text, mark, document = sql.partition(_MARK)
        return from_json(cls, json.loads(document)) if mark else None


_MARK = "\n-- as a model: "


def shown_sql(sql: str) -> str:
    """Return a schema statement's text for people."""
    return sql.partition(_MARK)[0]


DEFERRED_ROWS = 20_000
"""From so many rows on, sorting an index behind them saves more than a statement of its own costs."""


def waits_for_rows(wish: bool | None, table: Table) -> bool:
    """Say whether a table's indexes wait for its rows: as the user wishes, else when there are many."""
    return table.row_estimate >= DEFERRED_ROWS if wish is None else wish


class Dialect(Protocol):
    """A target's way with schemas. Pure: no I/O."""

    def plan(self, schema: Schema, selection: Selection, *, defer_indexes: bool | None = False) -> SchemaPlan:
        """Convert a source schema; ``schema.unsupported_type`` names every column that cannot be.

        Args:
            schema: All of it.
            selection: What moves, and its new names.
            defer_indexes: Whether indexes that are not unique wait for the rows; `None`: of great tables, where that pays.
        """
        ...

    def target_table(self, table: Table, selection: Selection) -> Table:
        """Convert one source table to the target's form."""
        ...

    def replay(self, schema: Schema, selection: Selection, sql: str, database: str) -> DdlEffect:
        """Read one DDL statement of the source's log and say what it does to the schema and to the target."""
        ...

    def differences(self, wanted: Table, found: Table) -> list[str]:
        """Say how a table of the target differs from the one wanted; empty when they are the same in structure.

        What an engine shows in another way than it was told (names of checks, spelling of expressions, default
        lengths) is no difference. Both are in the target's form: `target_table` and the target's catalog.
        """
        ...

    def fitted(self, traits: ServerTraits) -> Dialect:
        """Return this dialect knowing the very server: its collations, its way with upper and lower case."""
        ...

    def quote(self, identifier: str) -> str:
        """Quote one identifier."""
        ...

    def numbers_from(self, table: Table, first: int) -> list[str]:
        """Return what lets a table of the target give numbers from `first` on, never from further back than it does."""
        ...
