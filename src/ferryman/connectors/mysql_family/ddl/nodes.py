"""What DDL says, before a schema gives it meaning: plain records made by the parser."""

from __future__ import annotations

from dataclasses import dataclass, field

from ferryman.connectors.mysql_family.catalog.typemap import TypeWords
from ferryman.model.schema import Generated, IndexKind, KeyPart, ReferenceAction


@dataclass(frozen=True, slots=True)
class NameNode:
    """A table's name; without a database it belongs to the session's."""

    database: str | None
    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultNode:
    """``DEFAULT …``: a literal (`text` its value), SQL, or NULL (neither); `span` is its place in the statement."""

    literal: str | None = None
    expression: str | None = None
    span: tuple[int, int] = field(default=(0, 0), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKeyNode:
    """``FOREIGN KEY … REFERENCES …``; `name` is `None` when the server chooses it."""

    name: str | None
    columns: tuple[str, ...]
    parent: NameNode
    parent_columns: tuple[str, ...]
    on_delete: ReferenceAction = ReferenceAction.RESTRICT
    on_update: ReferenceAction = ReferenceAction.RESTRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckNode:
    """``CHECK (…)``; `name` is `None` when the server chooses it."""

    name: str | None
    expression: str
    enforced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexNode:
    """An index; `name` is `None` when the server chooses it."""

    name: str | None
    parts: tuple[KeyPart, ...]
    primary: bool = False
    unique: bool = False
    kind: IndexKind = IndexKind.BTREE
    invisible: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnNode:
    """A column as declared. What is not said is `None` or False: it takes its default, never what was there before.

    Attributes:
        nullable: `None` when neither NULL nor NOT NULL is said.
        keys: Indexes declared at the column (``UNIQUE``, ``PRIMARY KEY``).
    """

    name: str
    type: TypeWords
    nullable: bool | None = None
    default: DefaultNode | None = None
    auto_increment: bool = False
    on_update: str | None = None
    generated: Generated | None = None
    invisible: bool = False
    comment: str = ""
    keys: tuple[IndexNode, ...] = ()
    checks: tuple[CheckNode, ...] = ()
    references: ForeignKeyNode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionsNode:
    """Table options; `None` where not said. `default_charset`: ``CHARACTER SET = DEFAULT``."""

    charset: str | None = None
    collation: str | None = None
    comment: str | None = None
    engine: str | None = None
    auto_increment: int | None = None
    system_versioned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTable:
    """``CREATE TABLE``; `like` or definitions."""

    name: NameNode
    if_not_exists: bool = False
    or_replace: bool = False
    temporary: bool = False
    like: NameNode | None = None
    columns: tuple[ColumnNode, ...] = ()
    indexes: tuple[IndexNode, ...] = ()
    foreign_keys: tuple[ForeignKeyNode, ...] = ()
    checks: tuple[CheckNode, ...] = ()
    options: OptionsNode = OptionsNode()
    partitions: str | None = None
    select: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column goes: ``AFTER after``, or FIRST when `after` is `None`."""

    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddColumn:
    """``ADD COLUMN``."""

    column: ColumnNode
    place: Place | None = None
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeColumn:
    """``MODIFY`` (`old` is the name declared) and ``CHANGE``."""

    old: str
    column: ColumnNode
    place: Place | None = None
    if_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropColumn:
    """``DROP COLUMN``."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameColumn:
    """``RENAME COLUMN old TO new``."""

    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDefault:
    """``ALTER COLUMN … SET DEFAULT``; `None` drops it."""

    column: str
    default: DefaultNode | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetColumnVisible:
    """``ALTER COLUMN … SET VISIBLE`` or ``INVISIBLE``."""

    column: str
    visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AddIndex:
    """``ADD INDEX`` and its like, ``CREATE INDEX``."""

    index: IndexNode
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropIndex:
    """``DROP INDEX``, ``DROP PRIMARY KEY`` (the name ``PRIMARY``)."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameIndex:
    """``RENAME INDEX old TO new``."""

    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetIndexVisible:
    """``ALTER INDEX … VISIBLE`` or ``INVISIBLE`` (MariaDB: ``NOT IGNORED``, ``IGNORED``)."""

    name: str
    visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AddForeignKey:
    """``ADD FOREIGN KEY``."""

    key: ForeignKeyNode
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropConstraint:
    """``DROP FOREIGN KEY``, ``DROP CHECK``, ``DROP CONSTRAINT`` (`what`: ``foreign key``, ``check``, ``any``)."""

    name: str
    what: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCheck:
    """``ADD CHECK``."""

    check: CheckNode
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetEnforced:
    """``ALTER CHECK … [NOT] ENFORCED``."""

    name: str
    enforced: bool


@dataclass(frozen=True, slots=True)
class RenameTo:
    """``RENAME TO``."""

    name: NameNode


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertCharset:
    """``CONVERT TO CHARACTER SET``; both `None`: the database's."""

    charset: str | None
    collation: str | None


@dataclass(frozen=True, slots=True)
class SetOptions:
    """Table options."""

    options: OptionsNode


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionChange:
    """A partition clause: `verb` (``BY``, ``ADD``, ``DROP``, ``TRUNCATE``, ``REMOVE``, ``OTHER``), names, its text."""

    verb: str
    names: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Unsupported:
    """An action understood only so far as that it matters; `reason` says what it is."""

    reason: str


Action = (
    AddColumn
    | ChangeColumn
    | DropColumn
    | RenameColumn
    | SetDefault
    | SetColumnVisible
    | AddIndex
    | DropIndex
    | RenameIndex
    | SetIndexVisible
    | AddForeignKey
    | DropConstraint
    | AddCheck
    | SetEnforced
    | RenameTo
    | ConvertCharset
    | SetOptions
    | PartitionChange
    | Unsupported
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterTable:
    """``ALTER TABLE``, ``CREATE INDEX``, ``DROP INDEX``: actions in the order written."""

    name: NameNode
    actions: tuple[Action, ...] = ()
    if_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropTables:
    """``DROP TABLE``."""

    names: tuple[NameNode, ...]
    temporary: bool = False
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class RenameTables:
    """``RENAME TABLE``: pairs, carried out one after the other."""

    pairs: tuple[tuple[NameNode, NameNode], ...]


@dataclass(frozen=True, slots=True)
class TruncateTable:
    """``TRUNCATE TABLE``."""

    name: NameNode


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateDatabase:
    """``CREATE DATABASE``, and ``ALTER DATABASE`` (`alter`; then the name may be the session's)."""

    name: str | None
    charset: str | None = None
    collation: str | None = None
    if_not_exists: bool = False
    alter: bool = False
    or_replace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropDatabase:
    """``DROP DATABASE``."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateView:
    """``CREATE VIEW`` and ``ALTER VIEW``."""

    name: NameNode
    definition: str
    columns: tuple[str, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class DropViews:
    """``DROP VIEW``."""

    names: tuple[NameNode, ...]


@dataclass(frozen=True, slots=True)
class NoEffect:
    """A statement that concerns neither rows nor structure: GRANT, ANALYZE, triggers, users."""

    what: str


Statement = (
    CreateTable
    | AlterTable
    | DropTables
    | RenameTables
    | TruncateTable
    | CreateDatabase
    | DropDatabase
    | CreateView
    | DropViews
    | NoEffect
    | Unsupported
)
