"""From what a user asks for to the rules of one table; what cannot be kept exactly is refused here, by code and column."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from ferryman.foundation.errors import UsageError
from ferryman.model.rules import ColumnRules
from ferryman.model.schema import Column, Index, ReferenceAction, Schema, Table
from ferryman.model.types import ColumnType, Kind
from ferryman.pipeline.rules.filters import Filter, Server, filter_of
from ferryman.pipeline.rules.refusal import column_missing, column_refused
from ferryman.pipeline.rules.tables import RuledTable, TableRule
from ferryman.pipeline.rules.transforms import Transform, transform_of

_NUMBER = re.compile(r"0|-?[1-9]\d{0,17}")
_TEXT_LENGTH = 255
_ACTING = frozenset({ReferenceAction.CASCADE, ReferenceAction.SET_NULL, ReferenceAction.SET_DEFAULT})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of one table.

    Attributes:
        where: Its row filter, or empty.
        columns: Its columns' rules.
        hash_key: Keys hashes.
        follows: Whether the log is followed: then every filter must be understood here.
    """

    where: str
    columns: ColumnRules
    hash_key: bytes
    follows: bool


def ruled_table(table: Table, wanted: Wanted, server: Server) -> RuledTable:
    """Return a table as it looks behind its rules.

    Raises:
        UsageError: ``rules.filter_refused``, ``rules.column_missing``, ``rules.column_refused``.
    """
    where, filter_ = _filter(table, wanted, server)
    left_out = _left_out(table, wanted.columns)
    transforms = _transforms(table, wanted, left_out)
    rule = TableRule(
        real=table,
        where=where,
        filter=filter_,
        left_out=left_out,
        transforms=transforms,
        added=tuple(_added(table, name, value, left_out) for name, value in wanted.columns.add.items()),
    )
    _check_needed(table, left_out | set(transforms))
    return _shown(table, rule)


def _filter(table: Table, wanted: Wanted, server: Server) -> tuple[str | None, Filter | None]:
    if not wanted.where:
        return None, None
    try:
        found = filter_of(wanted.where, table, server)
    except UsageError as error:
        if wanted.follows or error.code != "rules.filter_refused":
            raise
        return wanted.where, None  # rows are only read, and the source itself judges them
    return found.condition.sql, found


def _left_out(table: Table, rules: ColumnRules) -> frozenset[str]:
    for name in (*rules.keep, *rules.leave_out):
        _column(table, name)
    kept = {name.casefold() for name in rules.keep}
    away = {column.name.casefold() for column in table.columns if kept and column.name.casefold() not in kept}
    away |= {name.casefold() for name in rules.leave_out}
    for column in _key_columns(table):
        if column.casefold() in away:
            raise column_refused(table.name, column, "it is part of the key that names rows, and must move")
    if len(away) == len(table.columns):
        raise column_refused(table.name, table.columns[0].name, "no column of the table would be left")
    return frozenset(away)


def _column(table: Table, name: str) -> Column:
    try:
        return table.column(name)
    except KeyError:
        raise column_missing(table.name, name) from None


def _key_columns(table: Table) -> tuple[str, ...]:
    return table.row_key.columns if table.row_key is not None else ()


def _transforms(table: Table, wanted: Wanted, left_out: frozenset[str]) -> dict[str, Transform]:
    found: dict[str, Transform] = {}
    keys = {name.casefold() for name in _key_columns(table)}
    for name, how in wanted.columns.transforms.items():
        column, folded = _column(table, name), name.casefold()
        if folded in left_out:
            raise column_refused(table.name, name, "it is left out, too")
        if folded in keys:
            raise column_refused(table.name, name, "it is part of the key that names rows, which must stay as it is")
        if column.generated is not None:
            raise column_refused(table.name, name, "it is generated; transform the columns it is made of")
        try:
            found[folded] = transform_of(how, column, wanted.hash_key)
        except UsageError as error:
            raise column_refused(table.name, name, error.message) from None
        _check_unique(table, column, found[folded])
    return found


def _check_unique(table: Table, column: Column, transform: Transform) -> None:
    """What is unique at the source must be so behind the rules; NULLs are, to every server."""
    if transform.distinct or (transform.change is None and transform.always is None):
        blind = [index for index in table.unique_keys if not index.is_plain]
    else:
        blind = list(table.unique_keys)
    for index in blind:
        if _mentions(index, column.name):
            raise column_refused(
                table.name, column.name, f"the unique key {index.name} could not be kept with other values in it"
            )


def _mentions(index: Index, column: str) -> bool:
    return any(
        (part.column or "").casefold() == column.casefold() or _names(part.expression or "", column)
        for part in index.parts
    )


def _names(sql: str, column: str) -> bool:
    """Whether an expression may name a column: too cautious rather than not enough."""
    return re.search(rf"(?<![\w$]){re.escape(column)}(?![\w$])", sql, re.IGNORECASE) is not None


def _added(table: Table, name: str, value: str, left_out: frozenset[str]) -> tuple[Column, bytes]:
    """Read an added column: a whole number, or text with the table's name in it."""
    if any(column.name.casefold() == name.casefold() for column in table.columns) and name.casefold() not in left_out:
        raise column_refused(table.name, name, "the table has such a column")
    if name.casefold() in left_out:
        raise column_refused(table.name, name, "a column cannot be left out and added; transform it with constant(…)")
    if _NUMBER.fullmatch(value):
        kind = ColumnType(kind=Kind.INTEGER, native="bigint", bits=64)
        return Column(name=name, type=kind, nullable=False), value.encode()
    text = value.replace("{database}", table.name.database).replace("{table}", table.name.table)
    if len(text) > _TEXT_LENGTH:
        raise column_refused(table.name, name, f"its text is longer than {_TEXT_LENGTH} characters")
    kind = ColumnType(
        kind=Kind.VARCHAR,
        native=f"varchar({_TEXT_LENGTH})",
        length=_TEXT_LENGTH,
        charset="utf8mb4",
        collation="utf8mb4_bin",
    )
    return Column(name=name, type=kind, nullable=False), text.encode()


def _check_needed(table: Table, changed: frozenset[str] | set[str]) -> None:
    """Columns that others are computed from, or that rows are spread by, must arrive as they are."""
    for name in changed:
        shown = table.column(name).name
        for column in table.columns:
            needs = column.generated is not None and _names(column.generated.expression, shown)
            if needs and column.name.casefold() not in changed:
                raise column_refused(table.name, shown, f"{column.name} is generated from it; leave that out, too")
        if table.partitions and _names(table.partitions, shown):
            raise column_refused(table.name, shown, "the table is partitioned by it")


def _shown(table: Table, rule: TableRule) -> RuledTable:
    columns = [
        rule.transforms[column.name.casefold()].column if column.name.casefold() in rule.transforms else column
        for column in table.columns
        if column.name.casefold() not in rule.left_out
    ]
    changed = rule.left_out | set(rule.transforms)
    members = {each.name: getattr(table, each.name) for each in dataclasses.fields(Table)}
    members["columns"] = (*columns, *(column for column, _ in rule.added))
    members["indexes"] = tuple(_indexes(table.indexes, rule))
    members["checks"] = tuple(each for each in table.checks if not any(_names(each.expression, n) for n in changed))
    members["foreign_keys"] = tuple(
        key for key in table.foreign_keys if not changed & {name.casefold() for name in key.columns}
    )
    return RuledTable(**members, rule=rule)


def _indexes(indexes: Sequence[Index], rule: TableRule) -> list[Index]:
    """Return the indexes that are left: without those of columns that go, or of expressions of such that change."""
    return [
        index
        for index in indexes
        if not any(_mentions(index, name) for name in rule.left_out)
        and not any(_names(part.expression or "", name) for part in index.parts for name in rule.transforms)
    ]


def check_references(schema: Schema, ruled: Sequence[RuledTable], *, logs_cascades: bool) -> None:
    """Refuse rules of what foreign keys act on: their actions are not in the log, and are done again at the target.

    Raises:
        UsageError: ``rules.cascade``.
    """
    for table in ruled:
        rule = table.rule
        if rule.where is not None and not logs_cascades:
            _check_filtered(schema, table)
        for name in rule.left_out | set(rule.transforms):
            _check_referred(schema, table.rule.real, name)


def _check_filtered(schema: Schema, table: RuledTable) -> None:
    for child in schema.tables:
        for key in child.foreign_keys:
            acts = key.on_delete in _ACTING or key.on_update in _ACTING
            if key.parent == table.name and acts:
                raise _cascade(
                    table, f"foreign key {key.name} of {child.name} acts on rows when rows of it go or change"
                )
    used = {column.name.casefold() for column in table.rule.filter.columns} if table.rule.filter else set()
    for key in table.rule.real.foreign_keys:
        touched = key.on_update in _ACTING or key.on_delete in _ACTING - {ReferenceAction.CASCADE}
        if touched and used & {name.casefold() for name in key.columns}:
            raise _cascade(table, f"foreign key {key.name} changes columns that the row filter looks at")


def _check_referred(schema: Schema, table: Table, name: str) -> None:
    """A column of a foreign key moves as it is where the key acts, or another table refers to it."""
    for key in table.foreign_keys:
        acts = key.on_delete in _ACTING or key.on_update in _ACTING
        if acts and name in {column.casefold() for column in key.columns}:
            raise column_refused(table.name, name, f"rows are changed by foreign key {key.name}, of which it is part")
    for child in schema.tables:
        for key in child.foreign_keys:
            if key.parent == table.name and name in {column.casefold() for column in key.parent_columns}:
                raise column_refused(table.name, name, f"foreign key {key.name} of {child.name} refers to it")


def _cascade(table: Table, why: str) -> UsageError:
    return UsageError(
        "rules.cascade",
        f"the row filter of {table.name} cannot be kept while changes are followed: {why}, and the log does not say which",
        context={"table": str(table.name)},
    )
