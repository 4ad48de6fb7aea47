"""A table while DDL changes it: names chosen as the server chooses them, keys kept in step with columns."""

from __future__ import annotations

from dataclasses import replace

from ferryman.connectors.mysql_family.catalog.collations import full_collation
from ferryman.connectors.mysql_family.catalog.columns import could_be_json
from ferryman.connectors.mysql_family.catalog.defaults import stripped
from ferryman.connectors.mysql_family.ddl.nodes import (
    CheckNode,
    ColumnNode,
    CreateTable,
    ForeignKeyNode,
    IndexNode,
    NameNode,
    OptionsNode,
    Place,
)
from ferryman.connectors.mysql_family.ddl.parser_partitions import canonical_partitions
from ferryman.connectors.mysql_family.ddl.replay_columns import Surroundings, column_of, with_names
from ferryman.connectors.mysql_family.dialect.differences import index_key
from ferryman.foundation.errors import FerrymanError
from ferryman.model.names import TableName
from ferryman.model.schema import Check, Column, ForeignKey, Index, IndexKind, KeyPart, Schema, Table
from ferryman.model.types import ColumnType, Kind


class Draft:
    """A table in the making."""

    def __init__(self, table: Table, schema: Schema, database: str) -> None:
        """Begin with a table; `schema` holds it and its neighbours, `database` is the session's."""
        self.before = table
        self.schema = schema
        self.database = database
        self.traits = schema.traits
        self.columns = list(table.columns)
        self.indexes = list(table.indexes)
        self.foreign_keys = list(table.foreign_keys)
        self.checks = list(table.checks)
        self.charset, self.collation = table.charset, table.collation
        self.comment, self.engine = table.comment, table.engine
        self.auto_increment, self.partitions = table.auto_increment, table.partitions

    @classmethod
    def made(cls, name: TableName, node: CreateTable, schema: Schema, database: str) -> Draft:
        """Make a new table of its definition."""
        home = next((each for each in schema.databases if each.name == name.database), None)
        collation = home.collation if home is not None else schema.traits.collation
        charset, collation = full_collation(home.charset if home else None, collation, schema.traits)
        empty = Table(name=name, columns=(), charset=charset, collation=collation, engine="InnoDB")
        draft = cls(empty, schema, database)
        draft.set_options(node.options)
        for column in node.columns:
            draft.add_column(column, None)
        for index in sorted(node.indexes, key=lambda index: not index.primary):
            draft.add_index(index)
        for check in node.checks:
            draft.add_check(check)
        for key in node.foreign_keys:
            draft.add_foreign_key(key)
        draft.partitions = canonical_partitions(node.partitions) if node.partitions else None
        return draft

    def table(self) -> Table:
        """Return the table as it is now."""
        self._settle_json()
        ordered = sorted(self.indexes, key=lambda index: not index.primary)
        return replace(
            self.before,
            columns=tuple(self.columns),
            indexes=tuple(ordered),
            foreign_keys=tuple(self.foreign_keys),
            checks=tuple(sorted(self.checks, key=lambda check: check.name)),
            charset=self.charset,
            collation=self.collation,
            comment=self.comment,
            engine=self.engine,
            auto_increment=self.auto_increment,
            partitions=self.partitions,
        )

    def place_of(self, name: str) -> int | None:
        """Return the place of a column, `None` when there is none of that name."""
        return next((i for i, column in enumerate(self.columns) if column.name.casefold() == name.casefold()), None)

    def surroundings(self) -> Surroundings:
        """Return what the table gives to a declaration."""
        timestamps = any(column.type.kind is Kind.TIMESTAMP for column in self.columns)
        return Surroundings(self.charset, self.collation, self.traits, timestamps)

    def set_options(self, options: OptionsNode) -> None:
        """Take table options; what is not said stays."""
        if options.charset or options.collation:
            charset = None if (options.charset or "").upper() == "DEFAULT" else options.charset
            self.charset, self.collation = full_collation(charset, options.collation, self.traits)
        self.comment = self.comment if options.comment is None else options.comment
        self.engine = options.engine or self.engine
        self.auto_increment = options.auto_increment or self.auto_increment

    def add_column(self, node: ColumnNode, place: Place | None) -> None:
        """Add a column with everything declared at it."""
        column = column_of(node, self.surroundings())
        self.columns.insert(self._target_place(place, len(self.columns)), column)
        self._declared_at(node)

    def _target_place(self, place: Place | None, otherwise: int) -> int:
        if place is None:
            return otherwise
        after = self.place_of(place.after) if place.after is not None else -1
        return otherwise if after is None else after + 1

    def _declared_at(self, node: ColumnNode) -> None:
        for index in node.keys:
            self.add_index(index)
        for check in node.checks:
            self.add_check(check if check.name else replace(check, name=self._column_check(node)))
        if node.references is not None and self.traits.flavour == "mariadb":
            self.add_foreign_key(node.references)

    def _column_check(self, node: ColumnNode) -> str | None:
        return node.name if self.traits.flavour == "mariadb" else None

    def change_column(self, old: str, node: ColumnNode, place: Place | None) -> None:
        """Redeclare a column: nothing of the old declaration stays but its place and its keys."""
        at = self.place_of(old)
        if at is None:
            return
        name = self.columns[at].name
        self.checks = [check for check in self.checks if not self._belongs(check, name)]
        column = column_of(node, self.surroundings())
        if self._in_primary_key(name):
            column = replace(column, nullable=False)
        if place is None:
            self.columns[at] = column
        else:
            del self.columns[at]
            self.columns.insert(self._target_place(place, at), column)
        if name != node.name:
            self.rename_in_keys(name, node.name)
        self._declared_at(node)

    def _belongs(self, check: Check, column: str) -> bool:
        """Whether a check was declared at the column (MariaDB: it has the column's name)."""
        return self.traits.flavour == "mariadb" and check.name.casefold() == column.casefold()

    def _in_primary_key(self, name: str) -> bool:
        folded = name.casefold()
        return any(i.primary and folded in {c.casefold() for c in i.columns} for i in self.indexes)

    def rename_column(self, old: str, new: str) -> None:
        """Give a column another name."""
        at = self.place_of(old)
        if at is not None:
            name = self.columns[at].name
            self.columns[at] = replace(self.columns[at], name=new)
            self.rename_in_keys(name, new)

    def rename_in_keys(self, old: str, new: str) -> None:
        """Follow a column's new name in indexes, foreign keys, checks and generated columns."""
        for place, column in enumerate(self.columns):
            if column.generated is not None:
                text = with_names(column.generated.expression, old, new)
                self.columns[place] = replace(column, generated=replace(column.generated, expression=text))
        self.indexes = [replace(i, parts=tuple(_renamed_part(p, old, new) for p in i.parts)) for i in self.indexes]
        self.foreign_keys = [replace(key, columns=_renamed(key.columns, old, new)) for key in self.foreign_keys]
        self.checks = [
            replace(
                check,
                name=new if self._belongs(check, old) else check.name,
                expression=with_names(check.expression, old, new),
            )
            for check in self.checks
        ]

    def drop_column(self, name: str) -> None:
        """Take a column away, also out of its indexes."""
        at = self.place_of(name)
        if at is None:
            return
        name = self.columns.pop(at).name.casefold()
        kept = []
        for index in self.indexes:
            parts = tuple(part for part in index.parts if (part.column or "").casefold() != name)
            if parts:
                kept.append(replace(index, parts=parts))
        self.indexes = kept
        self.checks = [check for check in self.checks if not self._belongs(check, name)]

    def add_index(self, node: IndexNode, *, missing_only: bool = False) -> None:
        """Add an index; one of the same name and parts is there already."""
        index = Index(
            name="PRIMARY" if node.primary else node.name or self._index_name(node.parts),
            parts=tuple(self._settled_part(part) for part in node.parts),
            unique=node.unique and not node.primary,
            primary=node.primary,
            kind=node.kind,
            invisible=node.invisible,
            comment="" if node.primary else node.comment,
        )
        if node.name is None and self._has_alike(index):
            return
        there = next((each for each in self.indexes if each.name.casefold() == index.name.casefold()), None)
        if there is not None and (missing_only or index_key(there) == index_key(index)):
            return
        if index.primary:
            self._forbid_null(index)
        self.indexes = [each for each in self.indexes if each is not there]
        self.indexes.append(index)

    def _has_alike(self, index: Index) -> bool:
        """Whether an index without a name of its own is there already; the server would make a useless second one."""
        stem = (index.columns or ("functional_index",))[0].casefold()
        names = {each.name.casefold() for each in self.indexes if index_key(each) == index_key(index)}
        return any(name == stem or name.startswith(f"{stem}_") for name in names)

    def _settled_part(self, part: KeyPart) -> KeyPart:
        """Spell a part as the catalog does: the column's own name, no prefix as long as the column."""
        if part.column is None:
            return replace(part, expression=stripped(part.expression or ""))
        column = self._column(part.column)
        whole = column.type.kind not in {Kind.TEXT, Kind.BLOB} and part.prefix == column.type.length
        return replace(part, column=column.name, prefix=None if whole else part.prefix)

    def _forbid_null(self, index: Index) -> None:
        for name in index.columns:
            at = self.place_of(name)
            if at is not None:
                self.columns[at] = replace(self.columns[at], nullable=False)

    def _index_name(self, parts: tuple[KeyPart, ...]) -> str:
        first = parts[0].column or "functional_index"
        at = self.place_of(first)
        first = self.columns[at].name if at is not None else first
        taken = {index.name.casefold() for index in self.indexes} | {"primary"}
        candidates = [first, *(f"{first}_{number}" for number in range(2, len(taken) + 3))]
        return next(name for name in candidates if name.casefold() not in taken)

    def drop_index(self, name: str) -> None:
        """Take an index away."""
        self.indexes = [index for index in self.indexes if index.name.casefold() != name.casefold()]

    def rename_index(self, old: str, new: str) -> None:
        """Give an index another name."""
        folded = old.casefold()
        self.indexes = [replace(i, name=new) if i.name.casefold() == folded else i for i in self.indexes]

    def add_check(self, node: CheckNode, *, missing_only: bool = False) -> None:
        """Add a CHECK."""
        name = node.name or self._check_name()
        there = next((check for check in self.checks if check.name.casefold() == name.casefold()), None)
        if there is not None and missing_only:
            return
        self.checks = [check for check in self.checks if check is not there]
        self.checks.append(Check(name=name, expression=stripped(node.expression), enforced=node.enforced))

    def _check_name(self) -> str:
        pattern = "CONSTRAINT_{}" if self.traits.flavour == "mariadb" else self.before.name.table + "_chk_{}"
        taken = {check.name.casefold() for check in self.checks}
        numbers = range(1, len(taken) + 2)
        return next(name for n in numbers if (name := pattern.format(n)).casefold() not in taken)

    def add_foreign_key(self, node: ForeignKeyNode, *, missing_only: bool = False) -> None:
        """Add a foreign key, and the index the server makes for it when none begins with its columns."""
        name = node.name or self._foreign_key_name()
        if any(key.name.casefold() == name.casefold() for key in self.foreign_keys):
            return
        del missing_only  # a name that is there cannot be added again, whether IF NOT EXISTS was said or not
        key = ForeignKey(
            name=name,
            columns=tuple(self._column(column).name for column in node.columns),
            parent=self._parent(node.parent),
            parent_columns=node.parent_columns,
            on_delete=node.on_delete,
            on_update=node.on_update,
        )
        if node.name is None and any(replace(each, name=name) == key for each in self.foreign_keys):
            return
        self.foreign_keys.append(key)
        wanted = [column.casefold() for column in key.columns]
        led = ([column.casefold() for column in index.columns] for index in self.indexes if _serves(index))
        if not any(columns[: len(wanted)] == wanted for columns in led):
            parts = tuple(KeyPart(column=column) for column in key.columns)
            self.add_index(IndexNode(name=node.name, parts=parts))

    def _column(self, name: str) -> Column:
        at = self.place_of(name)
        if at is None:
            raise FerrymanError("ddl.syntax", f"{self.before.name} has no column {name}, which a key names")
        return self.columns[at]

    def _parent(self, node: NameNode) -> TableName:
        name = TableName(node.database or self.before.name.database, node.table)
        folded = self.traits.lower_case_names == 1
        return TableName(name.database.lower(), name.table.lower()) if folded else name

    def _foreign_key_name(self) -> str:
        stem = f"{self.before.name.table}_ibfk_"
        numbers = [
            int(k.name[len(stem) :]) for k in self.foreign_keys if k.name.startswith(stem) and _numbered(k, stem)
        ]
        return f"{stem}{max(numbers, default=0) + 1}"

    def _settle_json(self) -> None:
        """LONGTEXT with ``CHECK (json_valid(it))`` is MariaDB's JSON."""
        if self.traits.flavour != "mariadb":
            return
        for place, column in enumerate(self.columns):
            wanted = f"json_valid({column.name})".casefold()
            check = next((c for c in self.checks if c.expression.replace("`", "").casefold() == wanted), None)
            if check is not None and could_be_json(column):
                self.columns[place] = replace(column, type=ColumnType(kind=Kind.JSON, native="json"))
                self.checks.remove(check)


def _serves(index: Index) -> bool:
    return index.kind is IndexKind.BTREE and index.is_plain


def _numbered(key: ForeignKey, stem: str) -> bool:
    return key.name[len(stem) :].isdigit()


def _renamed(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if name.casefold() == old.casefold() else name for name in names)


def _renamed_part(part: KeyPart, old: str, new: str) -> KeyPart:
    if part.column is None:
        return replace(part, expression=with_names(part.expression or "", old, new))
    return replace(part, column=_renamed((part.column,), old, new)[0])
