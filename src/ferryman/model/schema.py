"""Tables as the catalog describes them: the intermediate form between two dialects."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ferryman.model.names import TableName
from ferryman.model.types import ColumnType


class DefaultKind(enum.Enum):
    """How a column's default is written."""

    LITERAL = "literal"
    """A constant; `text` is its value, not quoted."""
    EXPRESSION = "expression"
    """SQL; `text` is the expression in the source's dialect (``current_timestamp(6)``, ``uuid()``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """A column's default. A column without one has `None`; ``DEFAULT NULL`` counts as none."""

    kind: DefaultKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """How a column computes itself."""

    expression: str
    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        number: What the server knows the column by through all renames, and gives to no other one; 0 where that is not known.
    """

    name: str
    type: ColumnType
    nullable: bool = True
    default: Default | None = None
    auto_increment: bool = False
    on_update: str | None = None
    generated: Generated | None = None
    invisible: bool = False
    comment: str = ""
    number: int = field(default=0, compare=False)


class IndexKind(enum.Enum):
    """What an index is made for."""

    BTREE = "btree"
    FULLTEXT = "fulltext"
    SPATIAL = "spatial"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPart:
    """A column (or an expression) in an index; `prefix` in characters, `None` for the whole value."""

    column: str | None
    expression: str | None = None
    prefix: int | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index; the primary key is one with `primary` set and the name ``PRIMARY``.

    Attributes:
        definition: All of it in the server's own words, from ``USING`` on, where the server tells (PostgreSQL): methods,
            conditions and classes that `parts` do not say. An exclusion constraint begins with ``EXCLUDE``.
    """

    name: str
    parts: tuple[KeyPart, ...]
    unique: bool = False
    primary: bool = False
    kind: IndexKind = IndexKind.BTREE
    invisible: bool = False
    comment: str = ""
    definition: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The plain columns of the index, in order (expressions left out)."""
        return tuple(part.column for part in self.parts if part.column is not None)

    @property
    def is_plain(self) -> bool:
        """Whether every part is a whole column: no prefix, no expression."""
        return all(part.column is not None and part.prefix is None for part in self.parts)


class ReferenceAction(enum.Enum):
    """What a foreign key does to the child when the parent goes or changes its key."""

    RESTRICT = "RESTRICT"
    NO_ACTION = "NO ACTION"
    CASCADE = "CASCADE"
    SET_NULL = "SET NULL"
    SET_DEFAULT = "SET DEFAULT"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A reference from this table's columns to the parent's."""

    name: str
    columns: tuple[str, ...]
    parent: TableName
    parent_columns: tuple[str, ...]
    on_delete: ReferenceAction = ReferenceAction.RESTRICT
    on_update: ReferenceAction = ReferenceAction.RESTRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A CHECK constraint, its expression in the source's dialect."""

    name: str
    expression: str
    enforced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        name: Database and table as the server spells them.
        columns: In table order, generated and invisible ones included.
        indexes: All indexes, the primary key first when there is one.
        partitions: The text after ``PARTITION BY`` in the source's dialect, or `None`.
        row_estimate: The server's guess of the number of rows.
        byte_estimate: The server's guess of the data's size in bytes.
        origin: What the server knows the table by whatever it is called, and the greatest `Column.number` it has given yet;
            `None` where that is not known.
    """

    name: TableName
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    charset: str | None = None
    collation: str | None = None
    comment: str = ""
    engine: str | None = None
    partitions: str | None = None
    auto_increment: int | None = None
    row_estimate: int = 0
    byte_estimate: int = 0
    origin: tuple[int, int] | None = field(default=None, compare=False)

    def column(self, name: str) -> Column:
        """Return the column of that name, else one whose name differs in case alone; `KeyError` if there is none.

        The MySQL family compares names of columns without case; at PostgreSQL ``"A"`` and ``a`` are two columns.
        """
        wanted = name.casefold()
        found = None
        for column in self.columns:
            if column.name == name:
                return column
            if found is None and column.name.casefold() == wanted:
                found = column
        if found is None:
            raise KeyError(name)
        return found

    @property
    def partition_names(self) -> tuple[str, ...]:
        """The quoted names of its partitions, folded; none where the clause only numbers them."""
        return tuple(name.casefold() for name in re.findall(r"\bPARTITION (`(?:[^`]|``)+`)", self.partitions or ""))

    @property
    def primary_key(self) -> Index | None:
        """The primary key, or `None`."""
        return next((index for index in self.indexes if index.primary), None)

    @property
    def unique_keys(self) -> tuple[Index, ...]:
        """Every unique index, the primary key first: together they are the table's conflict keys (I4)."""
        return tuple(sorted((i for i in self.indexes if i.unique or i.primary), key=lambda i: not i.primary))

    @property
    def row_key(self) -> Index | None:
        """The key that names a row: the primary key, else the first whole-column unique key without NULLs, else `None`."""
        for index in self.unique_keys:
            if index.is_plain and all(not self.column(name).nullable for name in index.columns):
                return index
        return None

    @property
    def written_columns(self) -> tuple[Column, ...]:
        """The columns a writer may set: all but the generated ones."""
        return tuple(column for column in self.columns if column.generated is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view; `definition` is its SELECT in the source's dialect."""

    name: TableName
    definition: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database (MySQL family) or schema (PostgreSQL)."""

    name: str
    charset: str | None = None
    collation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An object of the selection that no project moves (a sequence, a system-versioned table), and why."""

    name: TableName
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTraits:
    """What one must know of a server to read its DDL as it does, or to write DDL it takes.

    Attributes:
        flavour: ``mariadb``, ``mysql``, ``oceanbase``, ``tidb``.
        version: E.g. ``(10, 11, 19)``; empty when not known.
        lower_case_names: `lower_case_table_names`: 0 as given; 1 stored in lower case; 2 stored as given, compared
            without case.
        collations: Every collation the server knows → its character set; empty when not known.
        default_collations: Character set → the collation it takes when none is named.
        collation: The server's own collation, for databases made without one.
        explicit_timestamps: `explicit_defaults_for_timestamp`.
    """

    flavour: str = ""
    version: tuple[int, ...] = ()
    lower_case_names: int = 0
    collations: dict[str, str] = field(default_factory=dict)
    default_collations: dict[str, str] = field(default_factory=dict)
    collation: str | None = None
    explicit_timestamps: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a project moves, as the catalog showed it at one moment."""

    databases: tuple[Database, ...] = ()
    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    traits: ServerTraits = ServerTraits()
    unkept: tuple[LeftOut, ...] = ()
    """What of tables that move stays behind, because only their server has it (TiDB's AUTO_RANDOM), and why."""
    _by_name: dict[TableName, Table] = field(default_factory=dict, init=False, repr=False, compare=False)
    _by_lowered: dict[TableName, Table] = field(default_factory=dict, init=False, repr=False, compare=False)

    def table(self, name: TableName) -> Table | None:
        """Return the table of that exact name, or `None`."""
        if not self._by_name and self.tables:
            self._by_name.update({table.name: table for table in self.tables})
        return self._by_name.get(name)

    def folded_table(self, name: TableName) -> Table | None:
        """Return the first table whose name differs from that one in case at most, or `None`."""
        if not self._by_lowered and self.tables:
            self._by_lowered.update({table.name.lowered: table for table in reversed(self.tables)})
        return self._by_lowered.get(name.lowered)

    def with_table(self, table: Table, *, instead_of: TableName | None = None) -> Schema:
        """Return a schema in which `table` stands in place of the one named so (or of `instead_of`), or is added."""
        gone = {table.name, instead_of or table.name}
        return self._with_tables((*(t for t in self.tables if t.name not in gone), table))

    def with_tables(self, tables: Sequence[Table]) -> Schema:
        """Return a schema in which all of these stand, in place of those named so or added."""
        gone = {table.name for table in tables}
        return self._with_tables((*(t for t in self.tables if t.name not in gone), *tables))

    def without_table(self, name: TableName) -> Schema:
        """Return a schema without that table."""
        return self._with_tables(tuple(t for t in self.tables if t.name != name))

    def _with_tables(self, tables: tuple[Table, ...]) -> Schema:
        return replace(self, tables=tables)
